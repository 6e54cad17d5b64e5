package status

import (
	"fmt"
	"math"
	"time"
)

// history is the last day of the connection.
type history struct {
	From           time.Time      `json:"from"`
	To             time.Time      `json:"to"`
	UpSeconds      secs           `json:"up_seconds"`
	DownSeconds    secs           `json:"down_seconds"`
	UnknownSeconds secs           `json:"unknown_seconds"`
	Outages        int            `json:"outages"`            // that lie in it, at least in part
	UpRatio        *float64       `json:"up_ratio,omitempty"` // of the time that is known
	Intervals      []intervalView `json:"intervals"`          // oldest first, without gaps
	Summary        string         `json:"summary"`
}

// intervalView is a part of the day in one state. "unstable" is a part with
// more changes than are kept; its figures are exact all the same.
type intervalView struct {
	State           linkState `json:"state"`
	Start           time.Time `json:"start"`
	End             time.Time `json:"end"`
	DurationSeconds secs      `json:"duration_seconds"`
	DownSeconds     secs      `json:"down_seconds"`
	Outages         int       `json:"outages,omitempty"`
}

func newHistory(now time.Time, intervals []interval) history {
	if len(intervals) == 0 {
		intervals = []interval{newInterval(linkUnknown, now.Add(-window), now)}
	}
	h := history{
		From: stamp(now, intervals[0].Start), To: stamp(now, now),
		Intervals: make([]intervalView, 0, len(intervals)),
	}
	for _, iv := range intervals {
		h.UpSeconds += secs(iv.Up)
		h.DownSeconds += secs(iv.Down)
		h.UnknownSeconds += secs(iv.Unknown)
		h.Outages += iv.Outages
		h.Intervals = append(h.Intervals, intervalView{
			State: iv.State, Start: stamp(now, iv.Start), End: stamp(now, iv.End),
			DurationSeconds: secs(iv.End.Sub(iv.Start)), DownSeconds: secs(iv.Down), Outages: iv.Outages,
		})
	}
	if known := h.UpSeconds + h.DownSeconds; known > 0 {
		h.UpRatio = new(float64(h.UpSeconds) / float64(known))
	}
	h.Summary = h.summary()
	return h
}

// summary is the strip in words.
func (h *history) summary() string {
	if h.UpRatio == nil {
		return "Nothing is known of the last 24 hours yet."
	}
	s := fmt.Sprintf("Up %s (%s of the time that is known)", h.UpSeconds, percent(*h.UpRatio))
	if h.Outages == 0 {
		s += ", no outage"
	} else {
		s += fmt.Sprintf(", down %s in %s", h.DownSeconds, count(h.Outages, "outage"))
	}
	if h.UnknownSeconds > 0 {
		s += fmt.Sprintf(", unknown %s", h.UnknownSeconds)
	}
	return s + "."
}

// percent rounds down: 100 % is said only of a day without a loss.
func percent(ratio float64) string {
	p := math.Floor(ratio*1e4) / 100
	if p == math.Trunc(p) {
		return fmt.Sprintf("%.0f %%", p)
	}
	return fmt.Sprintf("%.2f %%", p)
}
