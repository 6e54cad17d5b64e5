package status

import (
	"testing"
	"time"

	"rds-csi/internal/conn"
)

func TestVolumesAreShownOnceSomebodyLooked(t *testing.T) {
	now := time.Now()
	in := inputs{snapshot: &conn.Snapshot{State: conn.StateConnected, Generation: 1}}
	if v := newView(now, in); v.Volumes != nil {
		t.Errorf("volumes %+v before the first look", v.Volumes)
	}
	in.volumes = &Volumes{ListedAt: now.Add(-time.Minute), Count: 3, Bytes: 3 << 30,
		Pools: []Pool{{Name: "pool<script>", Size: 8 << 40, Free: 5 << 39}}}
	v := newView(now, in).Volumes
	if v.Count != 3 || v.Bytes.String() != "3 GiB" || v.Pools[0].Free.String() != "2.5 TiB" || v.AgoSeconds.String() != "1 min" {
		t.Errorf("volumes %+v, %s, %s", v, v.Bytes, v.AgoSeconds)
	}
}

func TestBytesAreInWords(t *testing.T) {
	for b, want := range map[byteCount]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 30: "1 GiB", 1 << 62: "4 EiB"} {
		if got := b.String(); got != want {
			t.Errorf("%d bytes are %q, want %q", int64(b), got, want)
		}
	}
}

func TestChangedVolumesOfAKindShareARow(t *testing.T) {
	r := NewRecorder()
	for range 10_000 {
		r.VolumeChanged("vanished", "pvc-1")
	}
	r.VolumeChanged("vanished", "pvc-2")
	r.VolumeChanged("resized", "pvc-3")
	rows := newEvents(time.Now(), r.read(time.Now()).events)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	for _, row := range rows {
		if row.Text == "" || row.Remedy == "" || row.Tone != "alarm" {
			t.Errorf("row %+v", row)
		}
		if row.Operation == "vanished" && (row.Count != 10_001 || row.Detail != "pvc-2") {
			t.Errorf("row %+v, want 10001 with the newest volume", row)
		}
	}
}
