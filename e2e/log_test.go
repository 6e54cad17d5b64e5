package e2e

import (
	"encoding/json"
	"strings"
	"time"

	"rds-csi/internal/conn"
)

// Messages of the log that tell of the connection.
const (
	msgConnected   = "RDS connected"
	msgReconnected = "RDS reconnected"
	msgOther       = "RDS reconnected, but ANOTHER DEVICE answers: check the address before using its volumes"
	msgFailed      = "RDS connection attempt failed"
	msgHostKey     = "RDS HOST KEY CHANGED: not connecting"
	msgCanceled    = "RDS connection attempt canceled"
	msgLost        = "RDS connection lost"
	msgPanicked    = "OnReconnect panicked"
	msgStopped     = "connection manager stopped"
)

// line is a line of the log.
type line struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"msg"`
	TraceID string    `json:"trace_id"`
	SpanID  string    `json:"span_id"`

	Address   string      `json:"address"`
	Attempt   int         `json:"attempt"`
	Kind      conn.Kind   `json:"kind"`
	Error     string      `json:"error"`
	Backoff   length      `json:"backoff"`
	Duration  length      `json:"duration"`
	Reason    conn.Reason `json:"reason"`
	SilentFor length      `json:"silent_for"`
	Outage    length      `json:"outage"`
	Cause     conn.Cause  `json:"cause"`
}

// length is a duration as the log writes it.
type length time.Duration

func (l *length) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	*l = length(d)
	return err
}

// lines reads the log; every line of it must be JSON.
func (w *world) lines() (all []line) {
	w.t.Helper()
	for text := range strings.Lines(w.log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			w.t.Fatalf("a line of the log is not JSON (%v): %s", err, text)
		}
		all = append(all, l)
	}
	return all
}

// said lists the lines with one of the messages.
func said(lines []line, messages ...string) (found []line) {
	for _, l := range lines {
		for _, m := range messages {
			if l.Message == m {
				found = append(found, l)
			}
		}
	}
	return found
}

// attemptLines are the lines of attempts: each has one.
func attemptLines(lines []line) []line {
	return said(lines, msgConnected, msgReconnected, msgOther, msgFailed, msgHostKey, msgCanceled)
}

// outage is an outage as one of the sources tells it.
type outage struct {
	id         uint64
	reason     conn.Reason
	cause      conn.Cause // empty while it runs
	attempts   int
	begin, end time.Time
	firstError string // error.type

	tries []line // of the log
}

// loggedOutages reads the log as a person would: an outage begins with a loss,
// or with the failure of the first attempt, and ends with a connection.
func loggedOutages(lines []line) (all []*outage) {
	var running *outage
	begin := func(at time.Time, reason conn.Reason) {
		running = &outage{id: uint64(len(all) + 1), reason: reason, begin: at}
		all = append(all, running)
	}
	for _, l := range lines {
		switch l.Message {
		case msgLost:
			begin(l.Time.Add(-time.Duration(l.SilentFor)), l.Reason)
			continue
		case msgReconnected, msgOther, msgFailed, msgHostKey, msgCanceled:
			if l.Message == msgCanceled && l.stopped() && running == nil {
				continue
			}
		default:
			continue
		}
		if running == nil {
			begin(time.Time{}, "") // an attempt that failed does not say how long it took
		}
		running.attempts++
		running.tries = append(running.tries, l)
		if l.Kind != "" && l.Kind != conn.KindCanceled && running.firstError == "" {
			running.firstError = errorTypes[l.Kind]
		}
		if l.Cause != "" {
			running.cause, running.end = l.Cause, l.Time
			running.begin = l.Time.Add(-time.Duration(l.Outage))
			running = nil
		}
	}
	return all
}

// stopped reports whether shutdown cut the attempt short.
func (l line) stopped() bool { return strings.Contains(l.Error, conn.ErrStopped.Error()) }
