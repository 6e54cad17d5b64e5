package driver

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"

	"rds-csi/internal/routeros"
)

// wantChanges fails unless the observer was told exactly these changes.
func (w *world) wantChanges(want ...Change) {
	w.t.Helper()
	w.seen.locked(func() {
		if !slices.Equal(w.seen.changes, want) {
			w.t.Errorf("got %+v, want %+v", w.seen.changes, want)
		}
	})
}

func TestWhatHappenedDuringAnOutageIsToldAndNothingIsChanged(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.inventory.Reconcile(w.t.Context())
		var ids []string
		for _, name := range strings.Fields("a b c d e") {
			ids = append(ids, w.create(name))
		}
		slices.Sort(ids)
		w.lose()
		w.on(`/disk remove [find slot="` + ids[0] + `"]`)
		w.on(`/disk set [find slot="` + ids[1] + `"] nvme-tcp-export=no`)
		w.on(`/disk set [find slot="` + ids[2] + `"] file-size=2G`)
		sent := len(w.rds.Stats().Commands)
		w.back()
		w.pass(5 * time.Second)
		want := []Change{{Kind: Vanished, VolumeID: ids[0]}, {Kind: Unexported, VolumeID: ids[1]},
			{Kind: Resized, VolumeID: ids[2], Was: gib, Is: 2 * gib}}
		w.wantChanges(want...)
		for _, command := range w.rds.Stats().Commands[sent:] {
			for _, verb := range []string{"add", "set", "remove", "execute"} {
				if slices.Contains(strings.FieldsFunc(command, func(r rune) bool { return r == ' ' || r == '/' || r == '[' || r == ':' }), verb) {
					t.Errorf("the device was told to %s: %s", verb, command)
				}
			}
		}
		if s := w.inventory.Summary(); s.Volumes != 4 || s.Bytes != 5*gib || !slices.Equal(s.Changes, want) || len(s.Pools) != 1 {
			t.Errorf("the summary is %+v", s)
		}
		if w.seen.volumes != 4 || !strings.Contains(w.log.String(), "vanished=1 unexported=1 resized=1") {
			t.Errorf("%d volumes counted; the log:\n%s", w.seen.volumes, w.log)
		}
		w.lose()
		w.back()
		w.pass(time.Second)
		w.wantChanges(want...) // each is told once
	})
}

func TestADeletionElsewhereIsNoNewsAndALostDiskIs(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		var ids []string
		for _, name := range strings.Fields("a b c") {
			ids = append(ids, w.create(name))
		}
		other := w.another(settings{})
		w.inventory.Reconcile(w.t.Context())
		if err := other.delete(ids[0]); err != nil {
			t.Fatal(err)
		}
		w.on(`/disk remove [find slot="` + ids[1] + `"]`) // its file stays
		w.inventory.Reconcile(w.t.Context())
		want := []Change{{Kind: Vanished, VolumeID: ids[1]}}
		w.wantChanges(want...)
		if log := w.log.String(); !strings.Contains(log, `level=INFO msg="a volume was deleted elsewhere" volume=`+ids[0]) {
			t.Errorf("the log:\n%s", log)
		}
		w.rds.Device().SetPoolMounted("pool", false)
		w.on(`/disk remove [find slot="` + ids[2] + `"]`)
		ctx, cancel := context.WithTimeout(w.t.Context(), 4*time.Second)
		defer cancel()
		w.inventory.Reconcile(ctx)
		w.wantChanges(append(want, Change{Kind: Vanished, VolumeID: ids[2]})...)
	})
}

func TestADeletionElsewhereThatIsUnderWayIsNoNews(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		id := w.create("a")
		w.inventory.Reconcile(w.t.Context())
		begun := w.create("b")
		w.on(`/disk set [find slot="` + begun + `"] nvme-tcp-export=no`)
		w.on(`/disk remove [find slot="` + id + `"]`)
		go func() {
			time.Sleep(time.Second)
			w.on(`/disk remove [find slot="` + begun + `"]`)
			w.on(`/file remove [find name="pool/volumes/` + begun + `.img"]`)
			w.on(`/file remove [find name="pool/volumes/` + id + `.img"]`)
		}()
		w.inventory.Reconcile(w.t.Context())
		w.wantChanges()
	})
}

func TestWhatTheRPCsDidIsNoNews(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.create("a")
		w.inventory.Reconcile(w.t.Context())
		gone, grown := w.create("b"), w.create("c")
		w.create("d")
		if err := w.delete(gone); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ControllerExpandVolume(w.t.Context(), &csi.ControllerExpandVolumeRequest{VolumeId: grown, CapacityRange: &csi.CapacityRange{RequiredBytes: 3 * gib}}); err != nil {
			t.Fatal(err)
		}
		w.lose()
		w.back()
		w.pass(time.Second)
		w.wantChanges()
		if s := w.inventory.Summary(); s.Volumes != 3 {
			t.Errorf("the summary is %+v", s)
		}
	})
}

func TestAnRPCDuringALookIsNoNews(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.SessionLimit = 2 }, func(w *world) {
		gone := w.create("a")
		w.inventory.Reconcile(w.t.Context())
		w.rds.SetSlowExec(time.Second)
		looked := make(chan struct{})
		go func() { w.inventory.Reconcile(w.t.Context()); close(looked) }()
		w.pass(1500 * time.Millisecond) // it counts, and is about to list
		answered := make(chan error, 1)
		go func() { answered <- w.delete(gone) }()
		w.pass(100 * time.Millisecond)
		created := w.create("b")
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		<-looked
		w.inventory.Reconcile(w.t.Context())
		w.wantChanges()
		if _, known := w.inventory.known[created]; !known || len(w.inventory.known) != 1 {
			t.Errorf("known are %v", w.inventory.known)
		}
	})
}

func TestAfterARebootItLooksAgainUntilThePoolIsMounted(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.create("a")
		w.inventory.Reconcile(w.t.Context())
		w.lose()
		w.rds.Device().SetPoolMounted("pool", false)
		w.back()
		w.pass(20 * time.Second)
		if s := w.inventory.Summary(); len(s.Pools) != 0 || s.Volumes != 1 {
			t.Errorf("the summary is %+v", s)
		}
		w.rds.Device().SetPoolMounted("pool", true)
		w.pass(time.Minute)
		if s := w.inventory.Summary(); len(s.Pools) != 1 || s.Bytes != gib {
			t.Errorf("the summary is %+v", s)
		}
		looks := len(w.seen.looks)
		w.pass(time.Hour)
		if len(w.seen.looks) != looks {
			t.Error("it goes on looking")
		}
		w.wantChanges()
	})
}

func TestTheFirstConnectionIsLookedAtToo(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.Device().WriteFile("pool/volumes/other.txt", 5)
		w.create("a")
		done := make(chan struct{})
		go func() { w.inventory.run(w.t.Context(), w.manager); close(done) }()
		<-done
		synctest.Wait()
		if s := w.inventory.Summary(); s == nil || s.Volumes != 1 {
			t.Errorf("the summary is %+v", s)
		}
	})
}

func TestAVolumeMadeWhileTheListWasReadIsKeptInMind(t *testing.T) {
	i := NewInventory(InventoryConfig{})
	i.beginLook()
	i.endLook(nil, nil)
	i.beginLook()
	want := routeros.Volume{Slot: "pvc-1", Size: gib, Exported: true}
	_, _ = i.during("pvc-1", func() (routeros.Volume, error) { return want, nil })
	if changes, _ := i.endLook(nil, nil); len(changes) != 0 || i.known["pvc-1"] != want {
		t.Errorf("got %v; known are %v", changes, i.known)
	}
	i.beginLook()
	if changes, _ := i.endLook(nil, map[string]bool{"pvc-1": true}); !slices.Equal(changes, []Change{{Kind: Vanished, VolumeID: "pvc-1"}}) {
		t.Errorf("got %v", changes)
	}
}
