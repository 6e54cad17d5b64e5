package status

import (
	"errors"
	"time"

	"rds-csi/internal/conn"
)

// t0 is the present of every scene.
var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const address = "rds.example.net:22"

func connectError(k conn.Kind, stage conn.Stage, text string) *conn.Error {
	return &conn.Error{Op: "connect", Stage: stage, Kind: k, Err: errors.New(text)}
}

var refused = connectError(conn.KindRefused, conn.StageTCP, "dial tcp 10.0.0.5:22: connect: connection refused")

// connected is a healthy connection that is two hours old, made after an
// outage of 5 min 3 s.
func connected() *conn.Snapshot {
	made := t0.Add(-2 * time.Hour)
	lost := made.Add(-5*time.Minute - 3*time.Second)
	return &conn.Snapshot{
		Address: address, State: conn.StateConnected, Since: made, Generation: 2, ConnectedAt: made,
		Report: conn.Report{
			Identity:     conn.Identity{SerialNumber: "HG109T0ZQ4K", SoftwareID: "Q3K9-7WTX", Version: "7.21.3 (stable)", Board: "RDS2216"},
			BootTime:     made.Add(-time.Minute),
			PeerAddress:  "10.0.0.5:22",
			HostKeyCheck: "pinned",
		},
		DisconnectedAt: lost, Reason: conn.ReasonEOF,
		LastOutage: &conn.Outage{ID: 1, LastReceived: lost, DetectedAt: lost, EndedAt: made, Attempts: 24,
			Reason: conn.ReasonEOF, FirstError: refused, Cause: conn.CauseReboot},
		Attempts: 25, LastError: refused, LastErrorAt: made.Add(-16 * time.Second),
	}
}

// waiting is the same connection in an outage that began with silence a minute
// ago; failure is the newest one, nil for none yet.
func waiting(failure *conn.Error) *conn.Snapshot {
	s := connected()
	lost := t0.Add(-50 * time.Second)
	s.State, s.Since, s.NextAttempt = conn.StateWaiting, t0.Add(-9*time.Second), t0.Add(7*time.Second)
	s.DisconnectedAt, s.Reason = lost, conn.ReasonSilence
	s.Outage = &conn.Outage{ID: 2, LastReceived: lost.Add(-10 * time.Second), DetectedAt: lost,
		Reason: conn.ReasonSilence, FirstError: failure}
	if failure != nil {
		s.Outage.Attempts, s.ConsecutiveFailures = 5, 5
		s.LastError, s.LastErrorAt = failure, t0.Add(-9*time.Second)
	}
	return s
}

// neverConnected is a start that failed so far.
func neverConnected() *conn.Snapshot {
	began := t0.Add(-40 * time.Second)
	return &conn.Snapshot{
		Address: address, State: conn.StateWaiting, Since: t0.Add(-9 * time.Second), NextAttempt: t0.Add(7 * time.Second),
		Outage:   &conn.Outage{ID: 1, LastReceived: began, DetectedAt: began, Attempts: 5, FirstError: refused},
		Attempts: 5, ConsecutiveFailures: 5, LastError: refused, LastErrorAt: t0.Add(-9 * time.Second),
	}
}

// changed is s with one more change.
func changed(s *conn.Snapshot, change func(*conn.Snapshot)) *conn.Snapshot {
	change(s)
	return s
}

// source serves fixed values.
func source(s *conn.Snapshot) Source {
	return Source{Snapshot: func() *conn.Snapshot { return s }, Version: "1.2.3"}
}

// fail tells the recorder of n failed attempts, one every step from at on.
func fail(r *Recorder, at time.Time, n int, step time.Duration, outage uint64, e *conn.Error) time.Time {
	s := &conn.Snapshot{State: conn.StateWaiting, Outage: &conn.Outage{ID: outage}}
	for range n {
		r.attemptEnded(at, conn.AttemptResult{Attempt: conn.Attempt{OutageID: outage}, Err: e, Snapshot: s})
		at = at.Add(step)
	}
	return at
}

// flap tells the recorder of one loss at at, and of the recovery after down.
func flap(r *Recorder, at time.Time, down time.Duration, outage uint64, cause conn.Cause) {
	o := conn.Outage{ID: outage, LastReceived: at, DetectedAt: at, Attempts: 1, Reason: conn.ReasonReset, Cause: cause}
	s := &conn.Snapshot{State: conn.StateIdle, Since: at, Generation: outage, Outage: &o}
	r.stateChanged(at, s)
	r.disconnected(at, conn.Disconnect{Snapshot: s, Reason: conn.ReasonReset, Err: errors.New("read: connection reset by peer")})
	up := at.Add(down)
	o.EndedAt = up
	r.stateChanged(up, &conn.Snapshot{State: conn.StateConnected, Since: up, Generation: outage + 1})
	r.outageEnded(up, o)
	r.attemptEnded(up, conn.AttemptResult{Attempt: conn.Attempt{OutageID: outage}})
}
