package conn

import (
	"context"
	"time"
)

// Client is one SSH connection to one device, at most one live at a time.
// SSHClient implements it. All methods are safe for concurrent use.
type Client interface {
	// Connect makes the connection usable; it returns nil only after the
	// device answered a command. A live connection is closed first. The error
	// is an *Error. It ends when ctx ends, whatever the network does.
	Connect(ctx context.Context) error
	// Close ends the live connection, if any, without waiting for the network.
	Close() error
	// IsConnected reports whether the connection is live; it never blocks.
	IsConnected() bool
	// Address is host:port of the device, as configured.
	Address() string
	// Exec runs one command line and returns what it printed, on whichever
	// stream. The error is an *Error; KindOf, OutcomeOf and SafeToRetry read it.
	// SSH does not tell whether output is complete where the connection ends
	// after the exit status: who must know has the command end with words of
	// his own, as package routeros does.
	Exec(ctx context.Context, command string) (output string, err error)
	// Done is closed when the live connection ends; without one it is closed.
	Done() <-chan struct{}
}

// Reporter is what a Client may tell beyond Client. The manager uses it where
// it is there; everything it returns describes the newest connection.
type Reporter interface {
	// Report tells what the last successful Connect found.
	Report() Report
	// EndReason tells why the newest connection ended: the first reason wins.
	EndReason() (Reason, error)
	// LastReceived is when the last byte arrived, zero before the first one.
	LastReceived() time.Time
	// DialWait is how long the dial budget forbids another dial, 0 for now.
	DialWait() time.Duration
}

// Report describes a connection that was just made.
type Report struct {
	Generation   uint64 // counts the client's connections, from 1
	Identity     Identity
	BootTime     time.Time // zero when unknown
	bootSlack    time.Duration
	PeerAddress  string // the socket's, host:port
	HostKeyCheck string // "pinned" or "off"
}

// Identity is what Verify learned from the device. What is absent is unknown,
// never different.
type Identity struct {
	SerialNumber string        // hardware only
	SoftwareID   string        // license
	SystemID     string        // CHR only
	Version      string        // of RouterOS, e.g. "7.24.5 (stable)"
	Board        string        // e.g. "RDS2216" or "CHR"
	Uptime       time.Duration // at the time of the answer, 0 when unknown
}

// ExecFunc runs one command line on the connection that is being verified.
type ExecFunc func(ctx context.Context, command string) (output string, err error)
