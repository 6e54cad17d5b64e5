package driver

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// cutAt makes a call whose n-th command the RDS receives, and runs half a minute
// later; the connection is cut meanwhile.
func (w *world) cutAt(n int, call func() error) {
	w.t.Helper()
	w.rds.SetOutliveSession(true)
	w.rds.SetSlowExec(time.Second)
	answered := make(chan error, 1)
	go func() { answered <- call() }()
	w.pass(time.Duration(n-1)*time.Second - 500*time.Millisecond)
	w.rds.SetSlowExec(30 * time.Second)
	w.pass(time.Second)
	w.rds.SetSlowExec(0)
	w.rds.ResetAll()
	wantCode(w.t, "cut short", <-answered, codes.Unavailable)
	w.back()
}

// A call that was cut short leaves a command behind on the RDS. Whatever the
// other controller, or this one, did successfully meanwhile stays.
func TestACommandThatOutlivesItsConnectionUndoesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		n    int
		cut  func(w *world, id string) error
		then func(w *world, id string) (size int64)
	}{
		"the removal of the disk, after it was created again": {3, cutDeletion, func(w *world, _ string) int64 {
			w.create("a")
			return gib
		}},
		"the removal of the file, after it was deleted and created": {4, cutDeletion, func(w *world, id string) int64 {
			_, err := w.CreateVolume(w.t.Context(), creation("a", gib))
			wantCode(w.t, "over the file of a deletion under way", err, codes.Unavailable, "without a disk")
			if err := w.delete(id); err != nil {
				w.t.Error(err)
			}
			w.create("a")
			return gib
		}},
		"the growth, after it grew more": {2, func(w *world, id string) error { return w.expand(id, 2*gib) },
			func(w *world, id string) int64 {
				if err := w.expand(id, 4*gib); err != nil {
					w.t.Error(err)
				}
				return 4 * gib
			}},
	} {
		for _, by := range []string{"the same", "another"} {
			t.Run(fmt.Sprintf("%s, by %s controller", name, by), func(t *testing.T) {
				inBubble(t, careless, func(w *world) {
					id := w.create("a")
					w.cutAt(c.n, func() error { return c.cut(w, id) })
					next := w
					if by == "another" {
						next = w.another(settings{})
					}
					size := c.then(next, id)
					w.pass(31 * time.Second)
					v, err := next.volume(w.t.Context(), id)
					if err != nil || v.Size != size || !v.Exported {
						t.Errorf("got %+v, %v", v, err)
					}
					next.wantWhole()
					if err := next.delete(id); status.Code(err) != codes.OK {
						t.Error(err)
					}
					w.wantDevice(0, 0)
				})
			})
		}
	}
}

func cutDeletion(w *world, id string) error { return w.delete(id) }
