package status

import (
	"slices"
	"time"
)

// window is how far the timeline looks back.
const window = 24 * time.Hour

// maxIntervals bounds the timeline. A link that flaps once a second for a day
// would fill a hundred thousand intervals; no strip can show more than these.
const maxIntervals = 400

// linkState is what the connection was during an interval.
type linkState string

const (
	linkUp      linkState = "up"
	linkDown    linkState = "down"
	linkUnknown linkState = "unknown"  // the process did not run, or had not tried yet
	linkMixed   linkState = "unstable" // changed too often to keep every change
)

// interval is a part of the timeline. The four figures are exact even where
// State is linkMixed.
type interval struct {
	State             linkState
	Start, End        time.Time
	Up, Down, Unknown time.Duration
	Outages           int // of linkDown in it
}

func newInterval(s linkState, start, end time.Time) interval {
	iv := interval{State: s, Start: start, End: end}
	switch d := end.Sub(start); s {
	case linkUp:
		iv.Up = d
	case linkDown:
		iv.Down, iv.Outages = d, 1
	case linkUnknown:
		iv.Unknown = d
	}
	return iv
}

// join is both intervals as one.
func (iv interval) join(next interval) interval {
	if iv.State != next.State {
		iv.State = linkMixed
	}
	iv.End = next.End
	iv.Up += next.Up
	iv.Down += next.Down
	iv.Unknown += next.Unknown
	iv.Outages += next.Outages
	return iv
}

// since is the part of the interval from start on. Of a mixed one nobody knows
// any more what lay where: the figures are cut in proportion.
func (iv interval) since(start time.Time) interval {
	whole := iv.End.Sub(iv.Start)
	if !iv.Start.Before(start) || whole <= 0 {
		return iv
	}
	part := float64(iv.End.Sub(start)) / float64(whole)
	iv.Start = start
	for _, d := range []*time.Duration{&iv.Up, &iv.Down, &iv.Unknown} {
		*d = time.Duration(float64(*d) * part)
	}
	return iv
}

// timeline remembers when the link was up and down during the last day. It is
// not safe for concurrent use.
type timeline struct {
	closed []interval // in order, without gaps, at most maxIntervals
	state  linkState  // since then
	start  time.Time
}

func newTimeline(now time.Time) timeline { return timeline{state: linkUnknown, start: now} }

// set says that the link has been in state s since at. An outage begins with
// the last byte received, which is earlier than its detection, so at may lie
// in the past; it never reaches back beyond the newest change.
func (t *timeline) set(at time.Time, s linkState) {
	if s == t.state {
		return
	}
	if at.After(t.start) {
		t.closed = append(t.closed, newInterval(t.state, t.start, at))
		t.start = at
	} else if n := len(t.closed); n > 0 && t.closed[n-1].State == s {
		// The newest state lasted no time at all: go on with the one before.
		t.start = t.closed[n-1].Start
		t.closed = t.closed[:n-1]
	}
	t.state = s
	t.trim(at.Add(-window))
}

// trim forgets what lies before oldest, and keeps the rest within bounds: of
// all neighbours the pair that is shortest together becomes one. So a long
// outage keeps its true edges, and a flapping hour loses no more detail than
// the bound demands.
func (t *timeline) trim(oldest time.Time) {
	t.closed = slices.DeleteFunc(t.closed, func(iv interval) bool { return !iv.End.After(oldest) })
	for len(t.closed) > maxIntervals {
		best := 0
		for i := range len(t.closed) - 1 {
			if t.closed[i+1].End.Sub(t.closed[i].Start) < t.closed[best+1].End.Sub(t.closed[best].Start) {
				best = i
			}
		}
		t.closed[best] = t.closed[best].join(t.closed[best+1])
		t.closed = slices.Delete(t.closed, best+1, best+2)
	}
}

// last is the window up to now, without gaps: what was before the process is
// unknown.
func (t *timeline) last(now time.Time) []interval {
	from := now.Add(-window)
	var all []interval
	for _, iv := range append(slices.Clone(t.closed), newInterval(t.state, t.start, now)) {
		if iv.End.After(from) && iv.End.After(iv.Start) {
			all = append(all, iv.since(from))
		}
	}
	switch {
	case len(all) == 0:
		return []interval{newInterval(linkUnknown, from, now)}
	case !all[0].Start.After(from):
	case all[0].State == linkUnknown:
		all[0] = newInterval(linkUnknown, from, all[0].End)
	default:
		all = slices.Insert(all, 0, newInterval(linkUnknown, from, all[0].Start))
	}
	return all
}
