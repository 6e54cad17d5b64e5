package routeros

import (
	"errors"
	"strings"
)

// Kind says what an error means for the caller. The kinds are a closed set, and each is itself an error: test with
// errors.Is(err, ErrNotFound), or switch over [KindOf].
type Kind string

const (
	ErrNotFound           Kind = "not_found"            // the device said that there is no such item
	ErrAlreadyExists      Kind = "already_exists"       // the name is taken by something that differs
	ErrNoSpace            Kind = "no_space"             // the pool cannot hold it
	ErrInvalid            Kind = "invalid"              // a value that RouterOS cannot hold, refused here or there
	ErrInUse              Kind = "in_use"               // something on the device still uses the item
	ErrPoolUnavailable    Kind = "pool_unavailable"     // the pool is not there or not mounted, as just after a reboot
	ErrRoseStorageMissing Kind = "rose_storage_missing" // the package with NVMe/TCP is not installed
	ErrNotAllowed         Kind = "not_allowed"          // the user's policies or the device mode forbid it
	ErrUnsupported        Kind = "unsupported"          // this RouterOS lacks a command or a property
	ErrTruncated          Kind = "truncated"            // the reply of a read was cut short; safe to ask again
	ErrMalformed          Kind = "malformed"            // the reply of a read is not what RouterOS prints
	ErrOutcomeUnknown     Kind = "outcome_unknown"      // a write may or may not have happened: read back first
	ErrFailure            Kind = "failure"              // the device refused with a text that no rule knows
)

// Error lets a Kind be the target of errors.Is.
func (k Kind) Error() string { return "routeros: " + strings.ReplaceAll(string(k), "_", " ") }

// Error is a failure that the device reported or that its reply shows.
type Error struct {
	Kind   Kind
	Op     string // what was attempted: "verify", "create volume"
	Text   string // the device's own words, or ours where it said nothing; one line, shortened
	Remedy string // what an operator can do; may be empty
	Cause  error  // may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("routeros: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(strings.ReplaceAll(string(e.Kind), "_", " "))
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	if e.Remedy != "" {
		b.WriteString(" (" + e.Remedy + ")")
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// KindOf is the kind of the first [*Error] in err's tree, or "" if there is none: then the error came from the Executor.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// withOp names the operation of an error that has none yet. Errors of the Executor pass unchanged.
func withOp(op string, err error) error {
	if e, ok := err.(*Error); ok && e.Op == "" {
		named := *e
		named.Op = op
		return &named
	}
	return err
}

// maxText bounds how much of a device's words gets into an error, and from there into logs and RPC answers.
const maxText = 200

// oneLine makes device text fit for an error: one line, no control characters, shortened.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(printable(text)), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

// printable replaces control characters and invalid UTF-8.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
