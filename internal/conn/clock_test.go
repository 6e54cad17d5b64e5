package conn

import (
	"testing"
	"time"
	"unsafe"
)

// setForward is t as time.Now would have returned it with the wall clock set
// forward by d, whole seconds: in a time with a monotonic reading the seconds of
// the wall clock are above 30 bits of nanoseconds.
func setForward(t time.Time, d time.Duration) time.Time {
	*(*int64)(unsafe.Pointer(&t)) += int64(d/time.Second) << 30
	return t
}

func TestATimeIsShownByTheClockAsItIsNow(t *testing.T) {
	then := time.Now()
	now := then.Add(10*time.Second + 7*time.Microsecond)
	for _, step := range []time.Duration{0, time.Hour, -time.Hour, 72 * time.Hour, -72 * time.Hour} {
		now := setForward(now, step)
		if passed, shown := now.Sub(then), now.Round(0).Sub(then.Round(0)); shown != passed+step {
			t.Fatalf("this Go keeps times in another way: the clock shows %v more, %v have passed", shown, passed)
		}
		if got, want := OnClock(now, then).Round(0), then.Round(0).Add(step); !got.Equal(want) {
			t.Errorf("set by %v: shown as %v, want %v", step, got, want)
		}
	}
}

func TestATimeWithoutAMonotonicReadingIsShownAsItIs(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(1e9, 0), time.Now().Round(0)} {
		if got := OnClock(setForward(time.Now(), time.Hour), at); !got.Equal(at) {
			t.Errorf("%v is shown as %v", at, got)
		}
	}
}
