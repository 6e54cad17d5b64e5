package conn

import "time"

// State is what the manager is doing about the connection. Never having been
// connected is no state of its own: Snapshot.Generation is 0 then.
type State string

const (
	StateIdle       State = "idle"       // nothing asked for a connection yet, or it was lost before StartMonitor
	StateConnecting State = "connecting" // an attempt is in flight
	StateConnected  State = "connected"  // Verify answered on the live connection
	StateWaiting    State = "waiting"    // the next attempt is at Snapshot.NextAttempt
	StateStopped    State = "stopped"    // for good
)

// Reason says why a live connection ended; the first reason seen wins.
type Reason string

const (
	ReasonEOF        Reason = "eof"        // FIN
	ReasonReset      Reason = "reset"      // RST
	ReasonSilence    Reason = "silence"    // no byte within the deadline of a probe, or the kernel's timeout
	ReasonUnusable   Reason = "unusable"   // bytes flow, but sessions hang
	ReasonDisconnect Reason = "disconnect" // SSH disconnect message
	ReasonRequested  Reason = "requested"  // Reconnect on a healthy connection
	ReasonOther      Reason = "other"      // protocol error, or a client that cannot tell
	ReasonShutdown   Reason = "shutdown"   // Stop; counted nowhere
)

// DisconnectReasons lists the reasons that are counted.
func DisconnectReasons() []Reason {
	return []Reason{ReasonEOF, ReasonReset, ReasonSilence, ReasonUnusable,
		ReasonDisconnect, ReasonRequested, ReasonOther}
}

// Cause says what an outage turned out to be, once it is over: the device that
// answers now is compared with the one before.
type Cause string

const (
	CauseLink        Cause = "link"         // the same device, not rebooted
	CauseReboot      Cause = "reboot"       // the same device, rebooted meanwhile
	CauseOtherDevice Cause = "other_device" // another serial number, software id or system id
	CauseUnknown     Cause = "unknown"      // not told, or nothing to compare with
)

// Causes lists all causes.
func Causes() []Cause { return []Cause{CauseLink, CauseReboot, CauseOtherDevice, CauseUnknown} }

// Snapshot is the one truth about the connection, read by RPCs, page, probes
// and metrics. It is immutable: the manager publishes a new one at every
// change. Times are zero while unknown; whoever shows one uses OnClock.
type Snapshot struct {
	Address    string // host:port
	State      State
	Since      time.Time // when State was entered
	Generation uint64    // connections made so far; the live one's number

	Report         Report    // of the newest connection
	ConnectedAt    time.Time // when the newest connection was made
	DisconnectedAt time.Time // when the newest loss was detected
	Reason         Reason    // of the newest loss

	Outage      *Outage   // the running outage, or failed start; nil while connected
	LastOutage  *Outage   // the newest one that is over
	NextAttempt time.Time // with StateWaiting

	Attempts            uint64 // since the manager was made
	ConsecutiveFailures int
	LastError           *Error // of the newest failed attempt; kept when connected again
	LastErrorAt         time.Time
	GivenUp             int  // cycles of MaxElapsedTime in the running outage
	BanSuspected        bool // dials time out after the device had answered
}

// Connected reports whether the connection was usable when the snapshot was
// made.
func (s *Snapshot) Connected() bool { return s.State == StateConnected }

// Outage is the time without a usable connection: after a loss, or from the
// first attempt of a start that failed.
type Outage struct {
	ID           uint64    // counts from 1
	LastReceived time.Time // last byte before the loss; the first attempt's start when never connected
	DetectedAt   time.Time // when the manager knew
	Reason       Reason    // of the loss; empty when never connected
	Attempts     int       // so far
	FirstError   *Error    // of the first failed attempt
	EndedAt      time.Time // connected again; zero while it runs
	Cause        Cause     // known when it is over
}

// Duration is how long the outage lasted, from the last byte received, or has
// lasted by now.
func (o *Outage) Duration(now time.Time) time.Duration {
	if !o.EndedAt.IsZero() {
		now = o.EndedAt
	}
	return now.Sub(o.LastReceived)
}
