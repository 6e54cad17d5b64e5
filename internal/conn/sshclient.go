package conn

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// SSHClient is the SSH connection to one device. At most one connection is
// open at any time. Safe for concurrent use.
//
// golang.org/x/crypto/ssh has no contexts and its calls block for as long as
// the peer is silent. Everything that waits for the peer therefore happens in
// a goroutine that is left behind when its deadline passes, and ends with the
// connection at the latest.
type SSHClient struct {
	cfg     SSHClientConfig // immutable
	address string          // immutable
	budget  dialBudget

	readFiles func() (login, *Error) // credentials, but for tests

	// connecting holds one token: whoever has it may dial, and owns the three
	// fields below.
	connecting chan struct{}
	nextAddr   int              // where the next attempt begins
	generation uint64           // connections made
	reading    chan loginResult // gets what a read of the files finds that an attempt gave up

	live   atomic.Pointer[link] // the connection that Verify answered on, until it ends
	newest atomic.Pointer[link] // the last such connection, ended or not

	mu     sync.Mutex
	cancel context.CancelFunc // ends the attempt in flight; guarded by mu
	closed uint64             // calls of Close; guarded by mu
}

var (
	_ Client   = (*SSHClient)(nil)
	_ Reporter = (*SSHClient)(nil)
)

// NewSSHClient checks the configuration and returns a client without a
// connection. The error names every fault.
func NewSSHClient(cfg SSHClientConfig) (*SSHClient, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &SSHClient{
		cfg:        cfg,
		address:    net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)),
		budget:     dialBudget{burst: cfg.DialBudget.Burst, gap: cfg.DialBudget.Gap},
		connecting: make(chan struct{}, 1),
	}
	c.readFiles = c.credentials
	return c, nil
}

// Address is host:port as configured, with brackets around an IPv6 address.
func (c *SSHClient) Address() string { return c.address }

// IsConnected reports whether Verify answered and the connection has not ended.
func (c *SSHClient) IsConnected() bool {
	l := c.live.Load()
	return l != nil && !l.ended()
}

// closedChan stands for the end of a connection that never was.
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done is closed when the live connection ends.
func (c *SSHClient) Done() <-chan struct{} {
	if l := c.live.Load(); l != nil {
		return l.done
	}
	return closedChan
}

// Close ends the live connection and an attempt in flight. It does not wait
// for the network. Connect may be called again.
func (c *SSHClient) Close() error {
	c.mu.Lock()
	c.closed++
	if c.cancel != nil {
		c.cancel()
	}
	l := c.live.Swap(nil)
	c.mu.Unlock()
	if l != nil {
		l.end(ReasonRequested, nil)
	}
	return nil
}

// Report tells what the last successful Connect found.
func (c *SSHClient) Report() Report {
	if l := c.newest.Load(); l != nil {
		return l.report
	}
	return Report{}
}

// EndReason tells why the newest connection ended, empty while it lives.
func (c *SSHClient) EndReason() (Reason, error) {
	if l := c.newest.Load(); l != nil {
		return l.wire.ending()
	}
	return "", nil
}

// LastReceived is when the last byte of the newest connection arrived.
func (c *SSHClient) LastReceived() time.Time {
	if l := c.newest.Load(); l != nil {
		return l.wire.lastReceived()
	}
	return time.Time{}
}

// DialWait is how long the dial budget forbids another dial.
func (c *SSHClient) DialWait() time.Duration { return c.budget.wait(time.Now()) }

// Sessions is how many sessions are in use on the live connection, abandoned
// ones included, and how many may be. It reads memory only.
func (c *SSHClient) Sessions() (inUse, limit int) {
	if l := c.live.Load(); l != nil && !l.ended() {
		inUse = len(l.slots)
	}
	return inUse, c.cfg.SessionLimit
}

// Exec runs one command line on the live connection. It waits for its turn
// (SessionLimit) and for the answer, at most CommandTimeout each and never
// longer than ctx. A caller who gives up leaves the connection alone.
func (c *SSHClient) Exec(ctx context.Context, command string) (string, error) {
	l := c.live.Load()
	info := Command{Purpose: PurposeExec, Text: command}
	if l != nil {
		info.Generation = l.report.Generation
	}
	start := time.Now()
	ctx = c.cfg.Observer.CommandStarted(ctx, info)
	var output string
	failure := execError(KindClosed, NotSent, ErrNotConnected)
	if l != nil {
		output, failure = l.exec(ctx, command)
	}
	c.cfg.Observer.CommandEnded(ctx, CommandResult{Command: info, Err: failure, Duration: time.Since(start)})
	if failure != nil {
		return output, failure
	}
	return output, nil
}

func execError(kind Kind, outcome Outcome, err error) *Error {
	return &Error{Op: "exec", Kind: kind, Outcome: outcome, Err: bounded(err)}
}

func attemptError(stage Stage, kind Kind, err error) *Error {
	return &Error{Op: "connect", Stage: stage, Kind: kind, Err: bounded(err)}
}
