package conn

import (
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// schedule tells how long to wait before each attempt: 0, then the initial
// interval, growing up to the longest. It belongs to the monitor goroutine.
type schedule struct {
	exp    *backoff.ExponentialBackOff
	factor float64
	first  bool // the next attempt is the first since the reset
}

func newSchedule(cfg ConnectionManagerConfig) *schedule {
	return &schedule{
		exp: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(cfg.InitialInterval),
			backoff.WithMaxInterval(cfg.MaxInterval),
			backoff.WithMultiplier(cfg.Multiplier),
			// backoff/v4 spreads a wait after it was capped, which may exceed
			// the cap; ours is applied outside.
			backoff.WithRandomizationFactor(0),
			backoff.WithMaxElapsedTime(0),
		),
		factor: cfg.RandomizationFactor,
		first:  true,
	}
}

// next returns the wait before the next attempt and moves on. After a failure
// that only a person can mend it is the longest at once.
func (s *schedule) next(slow bool) time.Duration {
	var wait time.Duration
	if s.first {
		s.first = false
	} else {
		wait = s.exp.NextBackOff()
	}
	if slow {
		wait = s.exp.MaxInterval
	}
	return jitter(wait, s.exp.MaxInterval, s.factor, rand.Float64()) // #nosec G404 -- jitter is no secret
}

// above spreads a wait that must not be shorter, by the jitter's factor of the
// longest one, so that a limit that many share does not undo their jitter.
func (s *schedule) above(least time.Duration) time.Duration {
	return least + time.Duration(s.factor*rand.Float64()*float64(s.exp.MaxInterval)) // #nosec G404 -- jitter is no secret
}

// reset makes the next attempt the first again.
func (s *schedule) reset() {
	s.exp.Reset()
	s.first = true
}

// jitter spreads d by the factor to both sides, but never above limit: at the
// limit it goes downward only. r is uniform in [0,1).
func jitter(d, limit time.Duration, factor, r float64) time.Duration {
	if d >= limit {
		return limit - time.Duration(factor*r*float64(limit))
	}
	return min(limit, d+time.Duration(factor*(2*r-1)*float64(d)))
}
