package simulation

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"rds-csi/internal/conn"
)

// profile is what a seed decides once, for all of its hours.
type profile struct {
	sessions   int // of the client
	limit      int // of the device, 0: none
	hang       bool
	delay      time.Duration // one way, always
	jitter     float64
	maxElapsed time.Duration
	budget     conn.DialBudget
	guarded    bool // brute-force rules are there all the time, and the budget for them
	manual     bool // those of the manual
	tracing    bool
	workers    int
	pace       time.Duration // between the calls of a worker while there is trouble
	downFirst  bool          // the device is away when the controller starts
	named      bool          // the device is configured by its name
	dead       bool          // the name has another address too, where nobody is
}

func newProfile(r *rand.Rand) profile {
	p := profile{sessions: []int{1, 1, 1, 2, 4}[r.IntN(5)], jitter: []float64{0, 0.1, 0.5}[r.IntN(3)], tracing: r.IntN(3) == 0,
		workers: 1 + r.IntN(3), pace: []time.Duration{20 * time.Second, time.Minute, 2 * time.Minute}[r.IntN(3)], downFirst: r.IntN(4) == 0}
	if r.IntN(3) == 0 {
		// One more than the client uses: its probe is beside its limit.
		p.limit, p.hang = p.sessions+1, r.IntN(2) == 0
	}
	if r.IntN(3) == 0 {
		p.delay = time.Duration(r.Int64N(int64(100 * time.Millisecond)))
	}
	if r.IntN(5) == 0 {
		p.maxElapsed = time.Duration(1+r.IntN(300)) * time.Second
	}
	p.named = r.IntN(3) == 0
	p.dead = p.named && r.IntN(2) == 0
	if r.IntN(6) == 0 {
		p.dead = false // each dial counts: the budget is for one address
		p.guarded, p.manual = true, r.IntN(2) == 0
		p.budget = conn.DialBudget{Burst: 3, Gap: 61 * time.Second}
		if p.manual {
			p.budget = conn.DialBudget{Burst: 1, Gap: 301 * time.Second}
		}
	}
	return p
}

// recovery is promise 5 and 7: the longest time from the end of the last fault
// to the connection. The connect itself takes some round trips.
func (p profile) recovery() time.Duration {
	bound := connectTimeout + maxInterval + 30*p.delay + 100*time.Millisecond
	if p.dead {
		bound += connectTimeout / 2 // its share of an attempt
	}
	if p.budget.Burst > 0 {
		bound += p.longestGap()
	}
	return bound
}

// host is how the device is configured.
func (p profile) host() string {
	if p.named {
		return "rds.example"
	}
	return liveAddress
}

// longestGap is the longest wait that the dial budget asks for.
func (p profile) longestGap() time.Duration {
	if p.budget.Gap == 0 {
		return 0
	}
	return p.budget.Gap + time.Duration(p.jitter*float64(maxInterval))
}

// step is one thing that happens.
type step struct {
	at   time.Duration
	name string
	do   func(*world)
}

// episode is some quiet, some faults in any order, and a calm in which
// everything must be well again.
type episode struct {
	steps  []step
	healed time.Duration // no fault is there any more
	end    time.Duration
}

// residue is how long a fault that is over may still end the connection: the
// silence of a link that died in it, or commands that it made too slow.
const residue = commandTimeout + time.Second

func newEpisode(r *rand.Rand, p profile, from time.Duration) episode {
	begin := from + time.Duration(r.ExpFloat64()*float64(2*time.Minute))
	if p.downFirst && from == 0 {
		begin = 0
	}
	var e episode
	e.healed = begin
	for n := 1 + min(5, int(r.ExpFloat64()*1.5)); n > 0; n-- {
		e.addFault(r, p, begin+time.Duration(r.Int64N(int64(time.Minute))))
	}
	for n := r.IntN(4); n > 0; n-- {
		d := pick(r)
		at := begin + time.Duration(r.Int64N(int64(e.healed-begin+time.Second)))
		e.steps = append(e.steps, step{at, d.name, d.plan(r)})
	}
	slices.SortStableFunc(e.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	e.end = e.healed + residue + p.recovery() + 10*time.Second + time.Duration(r.Int64N(int64(2*time.Minute)))
	return e
}

func (e *episode) addFault(r *rand.Rand, p profile, at time.Duration) {
	f := faults[r.IntN(len(faults))]
	if p.guarded && f.name == "brute-force rules" {
		return
	}
	lasts := lengthOf(r)
	if f.most > 0 {
		lasts = min(lasts, f.most)
	}
	begin, end := f.plan(r, lasts)
	if f.cuts && r.IntN(4) > 0 {
		cut := []func(*world){func(w *world) { w.rds.DropAll() }, func(w *world) { w.rds.ResetAll() }, func(w *world) { w.rds.SetBlackHoleLive() }}[r.IntN(3)]
		inner := begin
		begin = func(w *world) { inner(w); cut(w) }
	}
	e.steps = append(e.steps, step{at, f.name + " for " + lasts.Round(time.Millisecond).String(), begin})
	if end != nil {
		e.steps = append(e.steps, step{at + lasts, f.name + " ends", end})
	}
	e.healed = max(e.healed, at+lasts)
}

// lengthOf is how long a fault lasts: from a moment to a quarter of an hour.
func lengthOf(r *rand.Rand) time.Duration {
	most := []time.Duration{2 * time.Second, 20 * time.Second, 2 * time.Minute, 15 * time.Minute}[min(3, int(r.ExpFloat64()*1.5))]
	return time.Millisecond + time.Duration(r.Int64N(int64(most)))
}
