package conn

import "time"

// OnClock tells at what time t was by the clock as it shows now. The two differ
// where the wall clock was set since t was noted, by NTP or by the host of a
// virtual machine, or went on while the machine slept: t as it was noted would
// then lie in the future, or days back, for everybody who compares it with a
// clock. Whoever shows a time that this process noted shows it through this.
//
// Within this process nothing needs it: times that time.Now returned are compared
// and subtracted by the monotonic clock, which nobody sets.
func OnClock(now, t time.Time) time.Time {
	// Round(0) takes the monotonic reading away. The two clocks are not read at
	// the same instant: that is no step.
	step := now.Round(0).Sub(t.Round(0)) - now.Sub(t)
	return t.Add(step.Round(time.Millisecond))
}
