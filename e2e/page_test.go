package e2e

import (
	"cmp"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rds-csi/internal/conn"
)

// statusPage is what /status.json says.
type statusPage struct {
	Ready    bool
	State    conn.State
	Headline string
	Address  string

	NextAttempt         time.Time `json:"next_attempt"`
	Connections         uint64
	Attempts            uint64
	ConsecutiveFailures int         `json:"reconnect_consecutive_failures"`
	LastError           *pageError  `json:"last_error"`
	LastDisconnect      *pageLoss   `json:"last_disconnect"`
	Outage              *pageOutage `json:"outage"`
	LastOutage          *pageOutage `json:"last_outage"`
	History             struct {
		DownSeconds float64 `json:"down_seconds"`
		Outages     int
	}
	Events []row
}

type pageError struct {
	Kind    conn.Kind
	Current bool
}

type pageLoss struct {
	Reason conn.Reason
	Time   time.Time
}

type pageOutage struct {
	ID              uint64
	Reason          conn.Reason
	Cause           conn.Cause
	Attempts        int
	DurationSeconds float64    `json:"duration_seconds"`
	FirstError      *pageError `json:"first_error"`
}

// row is an event; equal failures of one outage share one.
type row struct {
	Type            string
	Title           string
	Time            time.Time
	FirstTime       time.Time `json:"first_time"`
	Count           int
	Kind            conn.Kind
	Reason          conn.Reason
	Cause           conn.Cause
	Operation       string
	OutageID        uint64 `json:"outage_id"`
	Attempts        int
	DurationSeconds float64 `json:"duration_seconds"`
}

// word is what stands beside the title on the page.
func (r row) word() string {
	for _, word := range []string{string(r.Kind), string(r.Cause), string(r.Reason), r.Operation} {
		if word != "" {
			return word
		}
	}
	return ""
}

// page reads /status.json, and compares / with it.
func (w *world) page() *statusPage {
	w.t.Helper()
	code, body := w.get("/status.json", "")
	var p statusPage
	if err := json.Unmarshal([]byte(body), &p); err != nil || code != http.StatusOK {
		w.t.Fatalf("/status.json answers %d (%v): %s", code, err, body)
	}
	code, body = w.get("/", "text/html")
	if code != http.StatusOK {
		w.t.Fatalf("/ answers %d: %s", code, body)
	}
	if h := bigLetters.FindStringSubmatch(body); h == nil || html.UnescapeString(strings.TrimSpace(h[1])) != p.Headline {
		w.t.Errorf("the page is headed %q, /status.json says %q", h, p.Headline)
	}
	if !slices.IsSortedFunc(p.Events, func(a, b row) int { return b.Time.Compare(a.Time) }) {
		w.t.Errorf("the events do not have the newest first: %+v", p.Events)
	}
	rows := tableRow.FindAllStringSubmatch(body, -1)
	if len(rows) != len(p.Events) {
		w.t.Errorf("the page has %d events, /status.json %d", len(rows), len(p.Events))
	}
	for i, r := range rows[:min(len(rows), len(p.Events))] {
		count := 1
		if r[2] != "" {
			count, _ = strconv.Atoi(r[2])
		}
		if e := p.Events[i]; r[1] != e.Title || count != e.Count || r[3] != e.word() {
			w.t.Errorf("event %d on the page is %q, in /status.json %+v", i, r[1:], e)
		}
	}
	return &p
}

var (
	bigLetters = regexp.MustCompile(`<h1>.*<span>([^<]*)`)
	tableRow   = regexp.MustCompile(`class="mark"[^>]*></span>([^<]*?)(?: <b class="times">(\d+) ×</b>)?\s*(?:<code>([^<]*)</code>)?</td>`)
)

// rows lists the events of a type in the order of their outages. The page has
// the newest first, which says nothing where several come at the same time.
func (p *statusPage) rows(kind string) (found []row) {
	for _, r := range p.Events {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b row) int { return cmp.Compare(a.OutageID, b.OutageID) })
	return found
}
