package driver

import (
	"fmt"
	"sync"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTwoControllersMakeOneVolumeEach(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		controllers := []*world{w, w.another(settings{})}
		const names, callers = 8, 3
		var mu sync.Mutex
		sizes := make(map[string]map[int64]bool) // by id, what the answers said
		var calls sync.WaitGroup
		for name := range names {
			for n, c := range controllers {
				for caller := range callers {
					calls.Go(func() {
						// Some ask for another size than the rest.
						size := int64(gib) * int64(1+(name*(n+caller))%2)
						response, err := c.CreateVolume(w.t.Context(), creation(fmt.Sprint("volume ", name), size))
						switch status.Code(err) {
						case codes.OK:
							mu.Lock()
							defer mu.Unlock()
							id := response.GetVolume().GetVolumeId()
							if sizes[id] == nil {
								sizes[id] = make(map[int64]bool)
							}
							sizes[id][response.GetVolume().GetCapacityBytes()] = true
						case codes.Aborted, codes.AlreadyExists:
						default:
							t.Errorf("volume %d: %v", name, err)
						}
					})
				}
			}
		}
		calls.Wait()
		w.wantDevice(names, names)
		for id, said := range sizes {
			if len(said) != 1 {
				t.Errorf("%s was said to have the sizes %v", id, said)
			}
		}
		if len(sizes) != names {
			t.Errorf("%d volumes were answered for, want %d", len(sizes), names)
		}
		list, err := w.ListVolumes(w.t.Context(), &csi.ListVolumesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list.GetEntries() {
			if id := e.GetVolume().GetVolumeId(); !sizes[id][e.GetVolume().GetCapacityBytes()] {
				t.Errorf("%v is not what was answered", e)
			}
			for _, c := range controllers { // both delete each
				calls.Go(func() {
					if err := c.delete(e.GetVolume().GetVolumeId()); err != nil {
						t.Errorf("delete: %v", err)
					}
				})
			}
		}
		calls.Wait()
		w.wantDevice(0, 0)
	})
}

func TestARestartInTheMiddleLosesNothing(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		ids := []string{w.create("a"), w.create("b")}
		w.rds.SetHoldExec(true)
		answered := make(chan error, 1)
		go func() { answered <- w.delete(ids[0]) }()
		w.pass(0)
		w.manager.Stop()
		wantCode(t, "the call in flight", <-answered, codes.Unavailable)
		w.rds.SetHoldExec(false)
		next := w.another(settings{})
		if id := next.create("b"); id != ids[1] {
			t.Errorf("the new process made %s, not %s", id, ids[1])
		}
		if err := next.delete(ids[0]); err != nil {
			t.Error(err)
		}
		w.wantDevice(1, 1)
	})
}
