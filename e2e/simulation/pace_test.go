package simulation

import (
	"time"

	"rds-csi/internal/conn"
)

// pace is promise 5 once more, in other words: which waits are right before the
// next attempt. It shares nothing with the schedule of package conn.
type pace struct {
	jitter float64
	gap    time.Duration // of the dial budget, 0: none

	attempts int       // since the schedule began anew
	from     time.Time // what the wait counts from: the end of a failure, a loss, the start
	slow     bool      // the failure was one that only a person can mend
}

// bounds are the shortest and the longest wait before the next attempt.
func (p *pace) bounds() (least, most time.Duration) {
	wait := time.Duration(0)
	if p.attempts > 0 {
		wait = min(maxInterval, time.Second<<min(p.attempts-1, 10))
	}
	if p.slow {
		wait = maxInterval
	}
	spread := time.Duration(p.jitter * float64(wait))
	return wait - spread, min(maxInterval, wait+spread)
}

// attempt checks one that begins now. woken: Reconnect was called at this
// moment, or waits for the dial budget.
func (p *pace) attempt(now time.Time, woken bool, lastDial time.Time) (wrong string) {
	least, most := p.bounds()
	wait := now.Sub(p.from)
	if p.gap > 0 {
		most = max(most, lastDial.Add(p.gap).Sub(p.from)+p.spread())
	}
	switch {
	case woken && wait <= most:
	case wait < least:
		wrong = "too early"
	case wait > most:
		wrong = "too late"
	}
	p.attempts++
	return wrong
}

// spread is how much longer a wait may be that the dial budget asks for.
func (p *pace) spread() time.Duration { return time.Duration(p.jitter * float64(maxInterval)) }

// ended notes how an attempt ended.
func (p *pace) ended(now time.Time, failure *conn.Error) {
	p.slow = false
	if failure == nil {
		return
	}
	p.from = now
	switch failure.Kind {
	case conn.KindAuth, conn.KindHostKey, conn.KindCredentials:
		p.slow = true
	}
}

// lost notes the end of a connection that lasted so long.
func (p *pace) lost(now time.Time, lasted time.Duration) {
	p.from, p.slow = now, false
	if lasted >= maxInterval {
		p.attempts = 0
	}
}
