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
// hundred volumes for minutes, while the RDS reboots under them, each time with a
// call of every one of them in flight: every call is answered in time with a code
// that is true, and when all have deleted what they made nothing is left.
func TestAThousandCallersThroughReboots(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of calls: not with -short")
	}
	const callers, volumes, run = 1000, 100, 2 * time.Minute
	inBubble(t, nil, func(w *world) {
		w.rds.SetSlowExec(2 * time.Millisecond)
		tally := &tally{codes: map[codes.Code]int{}}
		var crowds []time.Time
		for at := 15 * time.Second; at < run; at += 30 * time.Second {
			crowds = append(crowds, time.Now().Add(at))
			time.AfterFunc(at-time.Second, func() { w.rds.SetHoldExec(true) })
			time.AfterFunc(at+time.Second, func() {
				if n := tally.flying(); n != callers {
					t.Errorf("%d calls are in flight at a reboot, want %d", n, callers)
				}
				w.rds.Reboot(8 * time.Second)
				w.rds.SetHoldExec(false)
			})
		}
		end := time.Now().Add(run)
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				c := &caller{w: w, tally: tally, name: fmt.Sprint("volume ", i%volumes), random: rand.New(rand.NewPCG(1, uint64(i))), crowds: crowds}
				for time.Now().Before(end) {
					c.turn()
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
	mu       sync.Mutex
	codes    map[codes.Code]int
	slowest  time.Duration
	inFlight int
}

func (y *tally) begin() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.inFlight++
}

func (y *tally) end(code codes.Code, took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.inFlight--
	y.codes[code]++
	y.slowest = max(y.slowest, took)
}

func (y *tally) flying() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.inFlight
}

// caller behaves as the sidecars do: after an answer that leaves something open
// it repeats the call.
type caller struct {
	w      *world
	tally  *tally
	name   string
	random *rand.Rand
	crowds []time.Time // to come, when all callers call at once
}

// callLimit is the deadline of each call, as the sidecars set one.
const callLimit = 60 * time.Second

// turn makes a call after a while; at the time of a crowd, with all others, one
// that no other call of the same volume turns away.
func (c *caller) turn() {
	next := time.Now().Add(10*time.Second + time.Duration(c.random.Int64N(int64(20*time.Second))))
	if len(c.crowds) == 0 || next.Before(c.crowds[0]) {
		time.Sleep(time.Until(next))
		c.act()
		return
	}
	time.Sleep(time.Until(c.crowds[0]))
	c.crowds = c.crowds[1:]
	c.read()
}

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
		c.read()
	case 3:
		c.call(codes.OK)(func(ctx context.Context) error {
			_, err := c.w.GetCapacity(ctx, &csi.GetCapacityRequest{})
			return err
		})
	}
}

func (c *caller) id() string { return IDLong.id(c.name) }

func (c *caller) read() {
	c.call(codes.OK, codes.NotFound)(func(ctx context.Context) error {
		_, err := c.w.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: c.id()})
		return err
	})
}

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
		c.tally.begin()
		err := f(ctx)
		took, code := time.Since(begin), status.Code(err)
		c.tally.end(code, took)
		if !slices.Contains(append(want, codes.Unavailable, codes.Aborted, codes.DeadlineExceeded), code) {
			c.w.t.Errorf("%s: %v", c.name, err)
		}
		if took > callLimit {
			c.w.t.Errorf("%s: answered after %v", c.name, took)
		}
		return code
	}
}
