package status

import (
	"fmt"
	"time"
)

// strip is the last day as a drawing. Positions are percent of its width, so
// that it fits any screen without distorting its marks.
type strip struct {
	Segments []segment
	Marks    []mark
}

// segment is one interval.
type segment struct {
	State linkState
	X, W  string
	Title string
}

// mark is a full hour.
type mark struct {
	X     string
	Label string // empty: a line only
	Minor bool   // the label is left out on a narrow screen
}

// newStrip draws up, unknown and unstable time first and down time over it: an
// outage of seconds has no width on a scale of a day, its outline keeps it in
// sight.
func newStrip(h *history) strip {
	var s strip
	whole := h.To.Sub(h.From)
	at := func(t time.Time) float64 {
		if whole <= 0 {
			return 0
		}
		return min(max(100*float64(t.Sub(h.From))/float64(whole), 0), 100)
	}
	var down []segment
	for _, iv := range h.Intervals {
		x := at(iv.Start)
		seg := segment{State: iv.State, X: percentage(x), W: percentage(max(at(iv.End)-x, 0)), Title: iv.title()}
		if iv.State == linkDown {
			down = append(down, seg)
		} else {
			s.Segments = append(s.Segments, seg)
		}
	}
	s.Segments = append(s.Segments, down...)
	for t := h.From.Truncate(time.Hour).Add(time.Hour); t.Before(h.To); t = t.Add(time.Hour) {
		m := mark{X: percentage(at(t)), Minor: t.Hour()%6 != 0}
		if x := at(t); t.Hour()%3 == 0 && x > 2 && x < 98 { // a label at the very edge would be cut
			m.Label = t.Format("15:04")
		}
		s.Marks = append(s.Marks, m)
	}
	return s
}

func percentage(x float64) string { return fmt.Sprintf("%.3f%%", x) }

// title tells an interval in words.
func (iv *intervalView) title() string {
	s := fmt.Sprintf("%s %s to %s UTC, %s", iv.State, iv.Start.Format("15:04:05"), iv.End.Format("15:04:05"), iv.DurationSeconds)
	if iv.State == linkMixed {
		s += fmt.Sprintf(", down %s in %s", iv.DownSeconds, count(iv.Outages, "outage"))
	}
	return s
}
