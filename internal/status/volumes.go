package status

import (
	"fmt"
	"strings"
	"time"
)

// Volumes is what the newest look at the volumes on the RDS found.
type Volumes struct {
	ListedAt time.Time
	Count    int
	Bytes    int64 // of all volumes
	Pools    []Pool
}

// Pool is where volumes take their space from.
type Pool struct {
	Name       string
	Size, Free int64 // bytes
}

// volumesView is how the view has them.
type volumesView struct {
	ListedAt   time.Time  `json:"listed_at,omitzero"`
	AgoSeconds *secs      `json:"ago_seconds,omitempty"`
	Count      int        `json:"volumes"`
	Bytes      byteCount  `json:"size_bytes"`
	Pools      []poolView `json:"pools"`
}

type poolView struct {
	Name string    `json:"pool"`
	Size byteCount `json:"size_bytes"`
	Free byteCount `json:"free_bytes"`
}

// newVolumesView is nil before the first look.
func newVolumesView(now time.Time, v *Volumes) *volumesView {
	if v == nil {
		return nil
	}
	view := &volumesView{ListedAt: stamp(now, v.ListedAt), AgoSeconds: ago(now, v.ListedAt),
		Count: v.Count, Bytes: byteCount(v.Bytes), Pools: []poolView{}}
	for _, p := range v.Pools {
		view.Pools = append(view.Pools, poolView{clean(p.Name), byteCount(p.Size), byteCount(p.Free)})
	}
	return view
}

// VolumeChanged is told of a volume that is not as it was left when it was
// looked at after a reconnection: vanished, unexported or resized. Changes of
// one kind share a row, which names the newest volume.
func (r *Recorder) VolumeChanged(change, volumeID string) {
	r.add(time.Now(), event{eventKey: eventKey{Type: eventVolume, Op: clean(change)}, Detail: clean(volumeID)})
}

// volumeWords put a change in words.
var volumeWords = map[string]plain{
	"vanished": {"A volume that was there before the outage is gone from the RDS.",
		"Nothing was changed by the controller. On the RDS compare /disk/print and /file/print, and check that its pool is mounted."},
	"unexported": {"A volume came back without its NVMe/TCP export: nodes cannot reach it.",
		"On the RDS look at /disk/print detail; /disk/set nvme-tcp-export=yes brings it back."},
	"resized": {"A volume has another size than before the outage.",
		"Nothing was changed by the controller. Find out who changed it before nodes use it."},
}

// byteCount is a number of bytes: a number in JSON, in words on the page.
type byteCount int64

func (b byteCount) String() string {
	const unit = 1024
	if b < unit {
		return fmt.Sprintf("%d B", int64(b))
	}
	value, suffix := float64(b), ""
	for _, suffix = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value /= unit; value < unit {
			break
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + suffix
}
