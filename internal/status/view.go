package status

import (
	"encoding/json"
	"math"
	"time"

	"rds-csi/internal/conn"
)

// view is everything that page and JSON show, built once for each request by
// newView. The names are a contract with whoever reads /status.json: what is
// unknown is absent, lists are there even when empty.
type view struct {
	GeneratedAt   time.Time `json:"generated_at"`
	Version       string    `json:"version"`
	StartedAt     time.Time `json:"started_at,omitzero"` // of the process
	UptimeSeconds *secs     `json:"uptime_seconds,omitempty"`

	Ready          bool       `json:"ready"` // what /readyz says
	Live           bool       `json:"live"`  // what /livez says
	State          conn.State `json:"state"` // "unknown" without a manager
	Headline       string     `json:"headline"`
	HeadlineDetail string     `json:"headline_detail,omitempty"`
	Since          time.Time  `json:"since,omitzero"` // connected, or not, since then
	SinceSeconds   *secs      `json:"since_seconds,omitempty"`

	Address  string    `json:"address"`
	Warnings []warning `json:"warnings"`
	Device   *device   `json:"device,omitempty"`

	LastReceived           time.Time `json:"last_received,omitzero"`
	LastReceivedAgoSeconds *secs     `json:"last_received_ago_seconds,omitempty"`
	Sessions               *sessions `json:"sessions,omitempty"`
	NextAttempt            time.Time `json:"next_attempt,omitzero"`
	NextAttemptInSeconds   *secs     `json:"next_attempt_in_seconds,omitempty"`

	Connections         uint64      `json:"connections"` // made since start
	Attempts            uint64      `json:"attempts"`    // since start
	ConsecutiveFailures int         `json:"reconnect_consecutive_failures"`
	LastError           *failure    `json:"last_error,omitempty"`
	LastDisconnect      *disconnect `json:"last_disconnect,omitempty"`
	Outage              *outage     `json:"outage,omitempty"`
	LastOutage          *outage     `json:"last_outage,omitempty"`

	Volumes *volumesView `json:"volumes,omitempty"`

	History history     `json:"history"`
	Events  []eventView `json:"events"`
}

// device is what the RDS said of itself on the newest connection.
type device struct {
	Board        string    `json:"board,omitempty"`
	Version      string    `json:"server_version,omitempty"`
	SerialNumber string    `json:"serial_number,omitempty"`
	SoftwareID   string    `json:"software_id,omitempty"`
	SystemID     string    `json:"system_id,omitempty"`
	BootTime     time.Time `json:"boot_time,omitzero"`
	PeerAddress  string    `json:"peer_address,omitempty"`
	HostKeyCheck string    `json:"host_key_check,omitempty"` // pinned or off
	ConnectedAt  time.Time `json:"connected_at,omitzero"`
}

// sessions on the connection.
type sessions struct {
	InUse int `json:"in_use"`
	Limit int `json:"limit"`
}

// failure is an attempt that failed.
type failure struct {
	Kind       conn.Kind  `json:"kind"`
	Stage      conn.Stage `json:"stage,omitempty"`
	Text       string     `json:"text"`
	Remedy     string     `json:"remedy,omitempty"`
	Detail     string     `json:"detail,omitempty"` // as in the log
	Time       time.Time  `json:"time,omitzero"`
	AgoSeconds *secs      `json:"ago_seconds,omitempty"`
	Current    bool       `json:"current"` // of the running outage
}

// disconnect is the end of a connection.
type disconnect struct {
	Reason     conn.Reason `json:"reason"`
	Text       string      `json:"text"`
	Remedy     string      `json:"remedy,omitempty"`
	Time       time.Time   `json:"time,omitzero"`
	AgoSeconds *secs       `json:"ago_seconds,omitempty"`
}

// outage that runs or is over.
type outage struct {
	ID              uint64      `json:"id"`
	LastReceived    time.Time   `json:"last_received,omitzero"` // it begins there
	DetectedAt      time.Time   `json:"detected_at,omitzero"`
	EndedAt         time.Time   `json:"ended_at,omitzero"`
	DurationSeconds secs        `json:"duration_seconds"`
	Attempts        int         `json:"attempts"`
	GivenUp         int         `json:"given_up,omitempty"`
	Reason          conn.Reason `json:"reason,omitempty"` // of the loss; absent when never connected
	Text            string      `json:"text"`
	FirstError      *failure    `json:"first_error,omitempty"`
	Cause           conn.Cause  `json:"cause,omitempty"` // known when it is over
	CauseText       string      `json:"cause_text,omitempty"`
	Remedy          string      `json:"remedy,omitempty"`
}

// secs is a duration that is JSON in seconds.
type secs time.Duration

// MarshalJSON gives seconds to the millisecond.
func (s secs) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(time.Duration(s).Seconds()*1000) / 1000)
}

func (s secs) String() string { return humanDuration(time.Duration(s)) }

// inputs is what newView works from: plain values, read once.
type inputs struct {
	snapshot     *conn.Snapshot
	lastTurn     time.Time
	lastReceived time.Time
	sessions     *sessions
	volumes      *Volumes
	insecure     bool
	version      string
	record       record
}

// newView builds the view as of now. It is a pure function.
func newView(now time.Time, in inputs) *view {
	s := in.snapshot
	if s == nil {
		s = &conn.Snapshot{State: stateUnknown}
	}
	stuck := monitorStuck(now, s, in.lastTurn)
	v := &view{
		GeneratedAt: stamp(now, now), Version: clean(in.version),
		StartedAt: stamp(now, in.record.started), UptimeSeconds: ago(now, in.record.started),
		Ready: s.Connected() && !stuck, Live: !stuck, State: s.State,
		Address:      clean(s.Address),
		Device:       newDevice(now, s),
		LastReceived: stamp(now, in.lastReceived), LastReceivedAgoSeconds: ago(now, in.lastReceived),
		Sessions:    in.sessions,
		Volumes:     newVolumesView(now, in.volumes),
		Connections: s.Generation, Attempts: s.Attempts, ConsecutiveFailures: s.ConsecutiveFailures,
		LastOutage: newOutage(now, s.LastOutage),
		Outage:     newOutage(now, s.Outage),
		History:    newHistory(now, in.record.intervals),
		Events:     newEvents(now, in.record.events),
	}
	if s.State == conn.StateWaiting && !s.NextAttempt.IsZero() {
		v.NextAttempt = stamp(now, s.NextAttempt)
		v.NextAttemptInSeconds = new(secs(max(s.NextAttempt.Sub(now), 0)))
	}
	if v.Outage != nil {
		v.Outage.GivenUp = s.GivenUp
	}
	if s.LastError != nil {
		v.LastError = newFailure(now, s.LastError, s.LastErrorAt)
		v.LastError.Current = s.Outage != nil && s.Outage.FirstError != nil
	}
	if !s.DisconnectedAt.IsZero() {
		w := reasonWords(s.Reason)
		v.LastDisconnect = &disconnect{s.Reason, w.text, w.remedy, stamp(now, s.DisconnectedAt), ago(now, s.DisconnectedAt)}
	}
	v.Headline, v.HeadlineDetail = headline(v, stuck)
	since := sinceWhen(s, in.record.started)
	v.Since, v.SinceSeconds = stamp(now, since), ago(now, since)
	v.Warnings = warnings(now, in, s, stuck)
	return v
}

// newDevice is nil before the first connection.
func newDevice(now time.Time, s *conn.Snapshot) *device {
	if s.Generation == 0 {
		return nil
	}
	id := s.Report.Identity
	return &device{
		Board: clean(id.Board), Version: clean(id.Version),
		SerialNumber: clean(id.SerialNumber), SoftwareID: clean(id.SoftwareID), SystemID: clean(id.SystemID),
		BootTime: stamp(now, s.Report.BootTime), PeerAddress: clean(s.Report.PeerAddress),
		HostKeyCheck: clean(s.Report.HostKeyCheck), ConnectedAt: stamp(now, s.ConnectedAt),
	}
}

func newFailure(now time.Time, e *conn.Error, at time.Time) *failure {
	w := kindWords(e.Kind)
	return &failure{
		Kind: e.Kind, Stage: e.Stage, Text: w.text, Remedy: w.remedy, Detail: clean(e.Error()),
		Time: stamp(now, at), AgoSeconds: ago(now, at),
	}
}

func newOutage(now time.Time, o *conn.Outage) *outage {
	if o == nil {
		return nil
	}
	begin := *o
	if begin.LastReceived.IsZero() {
		begin.LastReceived = o.DetectedAt
	}
	v := &outage{
		ID: o.ID, LastReceived: stamp(now, o.LastReceived), DetectedAt: stamp(now, o.DetectedAt), EndedAt: stamp(now, o.EndedAt),
		DurationSeconds: secs(max(begin.Duration(now), 0)), Attempts: o.Attempts, Reason: o.Reason,
		Text: "No connection could be made since the controller started.",
	}
	if o.Reason != "" {
		v.Text = reasonWords(o.Reason).text
	} else if !o.EndedAt.IsZero() {
		v.Text = "The first connection after the start of the controller took more than one attempt."
	}
	if o.FirstError != nil {
		v.FirstError = newFailure(now, o.FirstError, time.Time{})
	}
	if o.Cause != "" && !o.EndedAt.IsZero() {
		w := causeWords(o.Cause)
		v.Cause, v.CauseText, v.Remedy = o.Cause, w.text, w.remedy
	}
	return v
}

// stamp is a time as the view shows it: by the clock as it shows now, UTC, to the
// millisecond. Unknown stays unknown.
func stamp(now, t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return conn.OnClock(now, t).UTC().Truncate(time.Millisecond)
}

// ago is how long t lies back, nil when t is unknown.
func ago(now, t time.Time) *secs {
	if t.IsZero() {
		return nil
	}
	return new(secs(max(now.Sub(t), 0)))
}
