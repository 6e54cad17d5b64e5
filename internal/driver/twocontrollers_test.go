package driver

import (
	"fmt"
	"sync"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/emulator"
)

// race has two controllers call at once, for each of some volumes, on a device
// that refuses nothing by which data is lost. It returns the errors of both.
func race(w *world, first, second func(c *world, volume int) error) (errs [][2]error) {
	const volumes = 24
	other := w.another(settings{})
	errs = make([][2]error, volumes)
	var calls sync.WaitGroup
	for volume := range volumes {
		a, b := w, other
		if volume%2 == 1 {
			a, b = other, w
		}
		calls.Go(func() { errs[volume][0] = first(a, volume) })
		calls.Go(func() { errs[volume][1] = second(b, volume) })
	}
	calls.Wait()
	return errs
}

func careless(s *settings) { s.device = emulator.DeviceOptions{Careless: true} }

func (w *world) createSize(volume int, bytes int64) error {
	_, err := w.CreateVolume(w.t.Context(), creation(fmt.Sprint("volume ", volume), bytes))
	return err
}

func (w *world) expand(id string, bytes int64) error {
	response, err := w.ControllerExpandVolume(w.t.Context(), &csi.ControllerExpandVolumeRequest{VolumeId: id,
		CapacityRange: &csi.CapacityRange{RequiredBytes: bytes}})
	if err == nil && response.GetCapacityBytes() < bytes {
		w.t.Errorf("%s was to have %d bytes, and the answer is %v", id, bytes, response)
	}
	return err
}

func idOf(volume int) string { return IDLong.id(fmt.Sprint("volume ", volume)) }

// wantWhole fails unless each volume is there with a file of its size, or gone
// with its file.
func (w *world) wantWhole() {
	w.t.Helper()
	list, err := w.ListVolumes(w.t.Context(), &csi.ListVolumesRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.wantDevice(len(list.GetEntries()), len(list.GetEntries()))
	for _, e := range list.GetEntries() {
		v := e.GetVolume()
		if size, there := w.rds.Device().FileSize("pool/volumes/" + v.GetVolumeId() + ".img"); !there || size != v.GetCapacityBytes() {
			w.t.Errorf("%v has a file of %d bytes (%v)", v, size, there)
		}
	}
}

func TestOfTwoSizesAtOnceOneIsMadeAndTheOtherRefused(t *testing.T) {
	inBubble(t, careless, func(w *world) {
		errs := race(w, func(c *world, volume int) error { return c.createSize(volume, gib) },
			func(c *world, volume int) error { return c.createSize(volume, 2*gib) })
		for volume, e := range errs {
			a, b := status.Code(e[0]), status.Code(e[1])
			if !(a == codes.OK && b == codes.AlreadyExists || a == codes.AlreadyExists && b == codes.OK) {
				t.Errorf("volume %d: %v and %v", volume, e[0], e[1])
			}
			size, _ := w.rds.Device().FileSize("pool/volumes/" + idOf(volume) + ".img")
			if size == gib != (a == codes.OK) {
				t.Errorf("volume %d has %d bytes; the answers were %v and %v", volume, size, e[0], e[1])
			}
		}
		w.wantWhole()
	})
}

func TestACreationAndADeletionAtOnceLeaveNothingHalf(t *testing.T) {
	for name, exists := range map[string]bool{"of a new volume": false, "of one that is there": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, careless, func(w *world) {
				for volume := 0; exists && volume < 24; volume++ {
					if err := w.createSize(volume, gib); err != nil {
						t.Fatal(err)
					}
				}
				errs := race(w, func(c *world, volume int) error { return c.createSize(volume, gib) },
					func(c *world, volume int) error { return c.delete(idOf(volume)) })
				for volume, e := range errs {
					for _, err := range e {
						if code := status.Code(err); code != codes.OK && code != codes.Unavailable {
							t.Errorf("volume %d: %v", volume, err)
						}
					}
				}
				w.repeat(errs, func(volume int) error { return w.createSize(volume, gib) }, func(volume int) error { return w.delete(idOf(volume)) })
				w.wantWhole()
			})
		})
	}
}

func TestAnExpansionAndADeletionAtOnceLeaveNothingHalf(t *testing.T) {
	inBubble(t, careless, func(w *world) {
		for volume := range 24 {
			if err := w.createSize(volume, gib); err != nil {
				t.Fatal(err)
			}
		}
		errs := race(w, func(c *world, volume int) error { return c.expand(idOf(volume), 2*gib) },
			func(c *world, volume int) error { return c.delete(idOf(volume)) })
		for volume, e := range errs {
			if code := status.Code(e[0]); code != codes.OK && code != codes.Unavailable && code != codes.NotFound {
				t.Errorf("volume %d: expand: %v", volume, e[0])
			}
			if code := status.Code(e[1]); code != codes.OK && code != codes.Unavailable {
				t.Errorf("volume %d: delete: %v", volume, e[1])
			}
		}
		w.repeat(errs, nil, func(volume int) error { return w.delete(idOf(volume)) })
		w.wantDevice(0, 0)
	})
}

func TestTwoExpansionsAtOnceGiveTheLargerSize(t *testing.T) {
	inBubble(t, careless, func(w *world) {
		for volume := range 24 {
			if err := w.createSize(volume, gib); err != nil {
				t.Fatal(err)
			}
		}
		errs := race(w, func(c *world, volume int) error { return c.expand(idOf(volume), 2*gib) },
			func(c *world, volume int) error { return c.expand(idOf(volume), 3*gib) })
		for volume, e := range errs {
			if e[0] != nil || e[1] != nil {
				t.Errorf("volume %d: %v and %v", volume, e[0], e[1])
			}
			if size, _ := w.rds.Device().FileSize("pool/volumes/" + idOf(volume) + ".img"); size != 3*gib {
				t.Errorf("volume %d has %d bytes", volume, size)
			}
		}
		w.wantWhole()
	})
}

// repeat repeats the calls that were left open, as sidecars do; now one by one.
func (w *world) repeat(errs [][2]error, calls ...func(volume int) error) {
	w.t.Helper()
	for volume, e := range errs {
		for n, err := range e {
			if status.Code(err) == codes.Unavailable && calls[n] != nil {
				if err := calls[n](volume); err != nil {
					w.t.Errorf("volume %d, repeated: %v", volume, err)
				}
			}
		}
	}
}
