package driver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestAThousandCallersThroughReboots keeps a thousand callers busy with a
// hundred volumes for minutes, while the RDS reboots under them: every call is
// answered in time with a code that is true, and when all have deleted what they
// made nothing is left.
func TestAThousandCallersThroughReboots(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of calls: not with -short")
	}
	const callers, volumes, run = 1000, 100, 2 * time.Minute
	inBubble(t, nil, func(w *world) {
		w.rds.SetSlowExec(2 * time.Millisecond)
		for at := 15 * time.Second; at < run; at += 30 * time.Second {
			time.AfterFunc(at, func() { w.rds.Reboot(8 * time.Second) })
		}
		end := time.Now().Add(run)
		tally := &tally{codes: map[codes.Code]int{}}
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				c := &caller{w: w, tally: tally, name: fmt.Sprint("volume ", i%volumes), random: rand.New(rand.NewPCG(1, uint64(i)))}
				for time.Now().Before(end) {
					time.Sleep(10*time.Second + time.Duration(c.random.Int64N(int64(20*time.Second))))
					c.act()
				}
				for !c.deleted() {
					time.Sleep(time.Second)
				}
			})
		}
		wait.Wait()
		synctest.Wait()
		t.Logf("answers: %v; slowest %v", tally.codes, tally.slowest)
		if tally.codes[codes.Unavailable] == 0 || tally.codes[codes.OK] < callers {
			t.Errorf("answers %v: the RDS was never away, or hardly ever there", tally.codes)
		}
		w.wantDevice(0, 0)
	})
}

// tally is what all callers were answered.
type tally struct {
	mu      sync.Mutex
	codes   map[codes.Code]int
	slowest time.Duration
}

// caller behaves as the sidecars do: after an answer that leaves something open
// it repeats the call.
type caller struct {
	w      *world
	tally  *tally
	name   string
	random *rand.Rand
}

// callLimit is the deadline of each call, as the sidecars set one.
const callLimit = 60 * time.Second

func (c *caller) act() {
	switch c.random.IntN(4) {
	case 0:
		c.call(codes.OK, codes.ResourceExhausted)(func(ctx context.Context) error {
			_, err := c.w.CreateVolume(ctx, creation(c.name, gib))
			return err
		})
	case 1:
		c.deleted()
	case 2:
		c.call(codes.OK, codes.NotFound)(func(ctx context.Context) error {
			_, err := c.w.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: c.id()})
			return err
		})
	case 3:
		c.call(codes.OK)(func(ctx context.Context) error {
			_, err := c.w.GetCapacity(ctx, &csi.GetCapacityRequest{})
			return err
		})
	}
}

func (c *caller) id() string { return IDLong.id(c.name) }

func (c *caller) deleted() bool {
	return c.call(codes.OK)(func(ctx context.Context) error {
		_, err := c.w.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: c.id()})
		return err
	}) == codes.OK
}

// call makes one and checks its code: one of those given, or one that tells to
// repeat the call.
func (c *caller) call(want ...codes.Code) func(func(context.Context) error) codes.Code {
	return func(f func(context.Context) error) codes.Code {
		ctx, cancel := context.WithTimeout(context.Background(), callLimit)
		defer cancel()
		begin := time.Now()
		err := f(ctx)
		took, code := time.Since(begin), status.Code(err)
		if !slices.Contains(append(want, codes.Unavailable, codes.Aborted, codes.DeadlineExceeded), code) {
			c.w.t.Errorf("%s: %v", c.name, err)
		}
		if took > callLimit {
			c.w.t.Errorf("%s: answered after %v", c.name, took)
		}
		c.tally.mu.Lock()
		defer c.tally.mu.Unlock()
		c.tally.codes[code]++
		c.tally.slowest = max(c.tally.slowest, took)
		return code
	}
}
