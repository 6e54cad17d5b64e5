package conn

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinels, found with errors.Is.
var (
	// ErrStopped: the manager was stopped, or the client closed for good.
	ErrStopped = errors.New("connection manager stopped")
	// ErrNotConnected: there is no live connection; nothing was sent.
	ErrNotConnected = errors.New("not connected to the RDS")
	// ErrClosedHere: the connection was closed from this side, by shutdown or by
	// Reconnect, under a command; that says nothing about the device.
	ErrClosedHere = errors.New("the connection was closed from this side")
	// ErrOutputTooLarge: the output of a command passed the limit.
	ErrOutputTooLarge = errors.New("output too large")
)

// Outcome says what is known of a command that came back with an error.
type Outcome string

const (
	// NotSent: the device never saw the command; repeating it is safe.
	NotSent Outcome = "not_sent"
	// Unknown: the command was sent and no answer came; read back first.
	Unknown Outcome = "unknown"
	// Refused: a healthy device answered and refused.
	Refused Outcome = "refused"
)

// Error is the one error type of this package.
type Error struct {
	Op      string  // what was being done: "connect", or "exec"
	Stage   Stage   // of a connect: how far it got; else empty
	Kind    Kind    // why
	Outcome Outcome // of an exec: what is known of the command; else empty
	Status  int     // exit status, with KindRejected
	Err     error   // cause, may be nil
}

func (e *Error) Error() string {
	s := e.Op
	if e.Stage != "" {
		s += ": " + string(e.Stage)
	}
	s += ": " + string(e.Kind)
	if e.Kind == KindRejected && e.Status != 0 {
		s = fmt.Sprintf("%s (exit status %d)", s, e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// maxErrorText bounds what a peer can write into log and memory by what it says:
// a message of SSH may have 256 KiB.
const maxErrorText = 2 << 10

// bounded is err, or what fits of its text alone.
func bounded(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(text) <= maxErrorText {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:maxErrorText], "") + "…")
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf tells the kind of any error that came from this package: empty for
// nil and for foreign errors.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// OutcomeOf tells what is known of the command behind an error of Exec: empty
// for nil, for foreign errors and for errors of a connect.
func OutcomeOf(err error) Outcome {
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome
	}
	return ""
}

// SafeToRetry reports whether the command behind err was certainly never sent,
// so that repeating it cannot do its work twice.
func SafeToRetry(err error) bool { return OutcomeOf(err) == NotSent }
