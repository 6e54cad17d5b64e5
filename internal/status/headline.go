package status

import (
	"time"

	"rds-csi/internal/conn"
)

// stateUnknown stands where there is no manager to ask.
const stateUnknown conn.State = "unknown"

// monitorStuck reports whether the loop that keeps the connection alive does
// not turn any more. A loop that never started, or was stopped, is not stuck.
func monitorStuck(now time.Time, s *conn.Snapshot, lastTurn time.Time) bool {
	return !lastTurn.IsZero() && now.Sub(lastTurn) > conn.StuckAfter && s.State != conn.StateStopped
}

// headline puts the state in big letters, and what is being done about it.
func headline(v *view, stuck bool) (head, detail string) {
	if stuck {
		return "Not ready", "the monitor is stuck; its last word was “" + string(v.State) + "”"
	}
	lost := "Disconnected"
	if v.Connections == 0 {
		lost = "Not connected yet"
	}
	switch v.State {
	case conn.StateConnected:
		return "Connected", ""
	case conn.StateConnecting:
		return lost, "connecting"
	case conn.StateWaiting:
		if v.NextAttemptInSeconds == nil {
			return lost, "waiting for the next attempt"
		}
		return lost, "waiting, next attempt in " + v.NextAttemptInSeconds.String()
	case conn.StateIdle:
		if v.Outage != nil {
			return lost, "no attempt is planned"
		}
		return "Not ready", "nothing has asked for a connection yet"
	case conn.StateStopped:
		return "Not ready", "the controller is stopping"
	}
	return "Not ready", "the state of the connection is not known"
}

// sinceWhen is when the connection was made or lost, rather than when the state
// last changed: an outage is a long row of short states.
func sinceWhen(s *conn.Snapshot, started time.Time) time.Time {
	switch {
	case s.State == conn.StateStopped:
		return s.Since
	case s.Connected() && !s.ConnectedAt.IsZero():
		return s.ConnectedAt
	case s.Outage != nil && !s.Outage.DetectedAt.IsZero():
		return s.Outage.DetectedAt
	case s.Generation > 0 && !s.DisconnectedAt.IsZero():
		return s.DisconnectedAt
	case !s.Since.IsZero():
		return s.Since
	}
	return started
}

// severity says how a warning is shown.
type severity string

const (
	critical severity = "critical" // a person must look
	caution  severity = "warning"
)

// warning is a condition that deserves attention beside the state. Code is the
// same word as in metrics and log where there is one.
type warning struct {
	Code     string   `json:"code"`
	Severity severity `json:"severity"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	Remedy   string   `json:"remedy,omitempty"`
}

// warnings lists what deserves attention, worst first.
func warnings(now time.Time, in inputs, s *conn.Snapshot, stuck bool) []warning {
	all := []warning{}
	add := func(when bool, code string, sev severity, title string, w plain) {
		if when {
			all = append(all, warning{code, sev, title, w.text, w.remedy})
		}
	}
	down := !s.Connected()
	add(down && s.LastError != nil && s.LastError.Kind == conn.KindHostKey, "host_key", critical,
		"The host key does not match", kindWords(conn.KindHostKey))
	add(otherDevice(now, in, s), "other_device", critical, "This is another device", causeWords(conn.CauseOtherDevice))
	add(stuck, "monitor_stuck", critical, "The monitor is stuck",
		plain{"The loop that watches the connection has not turned for " + humanDuration(now.Sub(in.lastTurn)) + ".",
			"The liveness probe on /livez restarts the controller. Report it with the log: this is a fault in the controller."})
	add(in.insecure || s.Report.HostKeyCheck == "off", "host_key_check_off", critical, "Host key checking is off",
		plain{"Any machine that answers at the address of the RDS is trusted, and gets the login.",
			"Put the host key of the RDS into a file, name it with --rds-host-key and remove --rds-insecure-skip-verify."})
	add(down && s.BanSuspected, "ban_suspected", caution, "The RDS may have blocked this address", banWords)
	add(down && s.GivenUp > 0, "given_up", caution, "Given up "+count(s.GivenUp, "time"), gaveUpWords)
	return all
}

// otherDevice reports whether an outage of the last day ended on another device
// than it began with. The next outage does not make that any better, so the
// ring is asked as well.
func otherDevice(now time.Time, in inputs, s *conn.Snapshot) bool {
	if o := s.LastOutage; o != nil && o.Cause == conn.CauseOtherDevice && now.Sub(o.EndedAt) < window {
		return true
	}
	for _, e := range in.record.events {
		if e.Type == eventOutageOver && e.Cause == conn.CauseOtherDevice && now.Sub(e.Last) < window {
			return true
		}
	}
	return false
}
