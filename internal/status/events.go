package status

import (
	"time"

	"rds-csi/internal/conn"
)

// eventView is one row of the table of events.
type eventView struct {
	Type            eventType   `json:"type"`
	Time            time.Time   `json:"time"`                // of the newest occurrence
	FirstTime       time.Time   `json:"first_time,omitzero"` // with a count above 1
	Count           int         `json:"count"`
	Title           string      `json:"title"`
	Text            string      `json:"text"`
	Remedy          string      `json:"remedy,omitempty"`
	Detail          string      `json:"detail,omitempty"` // as in the log
	Kind            conn.Kind   `json:"kind,omitempty"`
	Stage           conn.Stage  `json:"stage,omitempty"`
	Reason          conn.Reason `json:"reason,omitempty"`
	Cause           conn.Cause  `json:"cause,omitempty"`
	Operation       string      `json:"operation,omitempty"`
	OutageID        uint64      `json:"outage_id,omitempty"`
	Attempts        int         `json:"attempts,omitempty"`
	DurationSeconds *secs       `json:"duration_seconds,omitempty"`

	Tone       string `json:"-"` // good, bad, alarm: how the page marks it
	AgoSeconds secs   `json:"ago_seconds"`
}

// newEvents puts the rows of the ring in words.
func newEvents(now time.Time, rows []event) []eventView {
	all := make([]eventView, 0, len(rows))
	for _, e := range rows {
		all = append(all, newEventView(now, e))
	}
	return all
}

func newEventView(now time.Time, e event) eventView {
	title, w := e.words()
	v := eventView{
		Type: e.Type, Time: stamp(now, e.Last), Count: e.Count, AgoSeconds: secs(max(now.Sub(e.Last), 0)),
		Title: title, Text: w.text, Remedy: w.remedy, Detail: e.Detail,
		Kind: e.Kind, Stage: e.Stage, Reason: e.Reason, Cause: e.Cause, Operation: e.Op,
		OutageID: e.Outage, Attempts: e.Attempts,
		Tone: [classes]string{classRoutine: "good", classFailure: "bad", classAlarm: "alarm"}[e.class()],
	}
	if e.Count > 1 {
		v.FirstTime = stamp(now, e.First)
	}
	if e.Duration > 0 {
		v.DurationSeconds = new(secs(e.Duration))
	}
	return v
}

// words are the title and the text of a row.
func (e *event) words() (string, plain) {
	switch e.Type {
	case eventConnected:
		return "Connected", plain{text: "The first attempt succeeded, after " + humanDuration(e.Duration) + "."}
	case eventOutageOver:
		w := causeWords(e.Cause)
		if e.Reason == "" { // nothing to compare with
			w = plain{text: "First connection since the controller started."}
		}
		w.text = "Outage over after " + humanDuration(e.Duration) + " and " + count(e.Attempts, "attempt") + ". " + w.text
		return "Connected again", w
	case eventDisconnected:
		return "Disconnected", reasonWords(e.Reason)
	case eventFailed:
		return "Attempt failed", kindWords(e.Kind)
	case eventGaveUp:
		return "Given up", gaveUpWords
	case eventBan:
		return "Ban suspected", banWords
	case eventPanic:
		return "Callback panicked", panicWords
	case eventAbandoned:
		return "Operation abandoned", abandonedWords
	case eventVolume:
		return "Volume " + e.Op, volumeWords[e.Op]
	}
	panic("status: no such event: " + string(e.Type))
}
