package conn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// openTimeout bounds the opening of a session channel. RouterOS has been seen
// to leave an open unanswered for ever when many were made at once.
const openTimeout = 5 * time.Second

// maxHungOpens is how many opens in a row may pass their deadline, while other
// bytes flow, before the connection counts as unusable.
const maxHungOpens = 3

// maxStraySessions is how many sessions the device may leave unanswered or
// open, beside those that commands use: each keeps goroutines here, and perhaps
// a place there, for as long as the connection lives.
const maxStraySessions = 16

// protocolGrace is how long x/crypto/ssh may take to tell how the protocol
// ended, once it reads no more. It is less than closeGrace, in which a command
// without an exit status waits for that news.
const protocolGrace = closeGrace / 2

var (
	errHungSessions = errors.New("the device leaves sessions unanswered, or open")
	errSilence      = errors.New("no byte from the device within the deadline of a probe")
	errProtocol     = errors.New("the device broke the SSH protocol")
)

// link is one SSH connection, from the end of its handshake to its end. It
// ends once, for one reason.
type link struct {
	wire      *wire
	ssh       ssh.Conn
	observer  Observer
	timeout   time.Duration // of a command
	maxOutput int
	report    Report // set before the link is published
	watch     *watchdog

	done    chan struct{} // closed when the link ended
	endOnce sync.Once

	// slots holds a token for each session in use, abandoned ones included.
	slots     chan struct{}
	hungOpens atomic.Int32 // opens past their deadline in a row, while bytes flow
	abandoned atomic.Int32 // sessions in slots left behind that did not end since
	sessions  atomic.Int32 // asked for, and not closed by the device
}

// newLink starts the goroutines that serve the connection; they end with it.
func newLink(ctx context.Context, w *wire, r handshakeResult, c *SSHClient) *link {
	l := &link{
		wire: w, ssh: r.ssh, observer: c.cfg.Observer,
		timeout: c.cfg.CommandTimeout, maxOutput: c.cfg.MaxOutput,
		report: Report{Generation: c.generation + 1},
		done:   make(chan struct{}),
		slots:  make(chan struct{}, c.cfg.SessionLimit),
	}
	l.watch = newWatchdog(l)
	// x/crypto/ssh reports the first write that fails to nobody: a channel open
	// that is this write, made after all channels were dropped, would wait for
	// ever. So the first one is ours.
	w.whenEnded(func() {
		_, _, _ = l.ssh.SendRequest("end", false, nil)
		// Where the device broke the protocol and more than 16 packets were read
		// ahead, Wait never returns: it stays, with three goroutines of x/crypto/ssh.
		time.AfterFunc(protocolGrace, func() { l.end(ReasonOther, errProtocol) })
	})
	go ssh.DiscardRequests(r.requests)
	go func() {
		for ch := range r.channels {
			ch.Reject(ssh.UnknownChannelType, "no channel is accepted")
		}
	}()
	go func() {
		err := l.ssh.Wait()
		l.end(protocolReason(err), bounded(err))
	}()
	go l.watch.run(ctx)
	return l
}

// protocolReason classifies the end of the SSH protocol when the transport
// itself has not failed.
func protocolReason(err error) Reason {
	if _, ok := disconnectCode(err); ok {
		return ReasonDisconnect
	}
	return ReasonOther
}

// end closes the connection. The first reason wins, and the transport's own
// comes before any that follows from it.
func (l *link) end(reason Reason, err error) {
	l.endOnce.Do(func() {
		l.wire.end(reason, err)
		close(l.done)
	})
}

func (l *link) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// lost is the error of an operation that the end of the connection cut short.
func (l *link) lost(outcome Outcome) *Error {
	reason, err := l.wire.ending()
	switch {
	case reason == "":
		err = errors.New("the connection ended")
	case reason == ReasonRequested:
		err = ErrClosedHere
	case err == nil:
		err = fmt.Errorf("the connection ended (%s)", reason)
	}
	return execError(KindClosed, outcome, err)
}

// exec runs one command line of a caller.
func (l *link) exec(ctx context.Context, command string) (string, *Error) {
	return l.execAs(ctx, PurposeExec, command)
}

// execAs waits for a session slot and runs one command line.
func (l *link) execAs(ctx context.Context, purpose Purpose, command string) (string, *Error) {
	if strings.ContainsAny(command, "\r\n") {
		// RouterOS runs one line per exec; the rest would be lost.
		return "", execError(KindRejected, NotSent, errors.New("a command is one line"))
	}
	if ctx.Err() != nil {
		return "", callerError(ctx, NotSent)
	}
	if failure := l.acquire(ctx); failure != nil {
		return "", failure
	}
	return newOperation(l, purpose, command).run(ctx)
}

// acquire takes a session slot. The operation's worker gives it back.
func (l *link) acquire(ctx context.Context) *Error {
	select {
	case l.slots <- struct{}{}: // the usual case, without a timer
		l.observer.SessionWaited(ctx, 0)
		return nil
	default:
	}
	start := time.Now()
	// Told however the wait ends: the longest ones are those in vain.
	defer func() { l.observer.SessionWaited(ctx, time.Since(start)) }()
	timer := time.NewTimer(l.timeout)
	defer timer.Stop()
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-l.done:
		return l.lost(NotSent)
	case <-ctx.Done():
		return callerError(ctx, NotSent)
	case <-timer.C:
		return execError(KindTimeout, NotSent, errors.New("no session became free"))
	}
}

func (l *link) release() { <-l.slots }

// open opens a session and takes its requests. With each slot there may be two:
// a command does not wait for long until the device has closed the one before.
func (l *link) open() (ssh.Channel, <-chan int, error) {
	if int(l.sessions.Add(1)) > 2*cap(l.slots)+maxStraySessions {
		l.end(ReasonUnusable, errHungSessions)
	}
	ch, requests, err := l.ssh.OpenChannel("session", nil)
	if err != nil {
		l.sessions.Add(-1)
		return nil, nil, err
	}
	return ch, serve(requests, func() { l.sessions.Add(-1) }), nil
}

// callerError is the error of an operation whose caller gave up.
func callerError(ctx context.Context, outcome Outcome) *Error {
	kind := KindCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = KindTimeout
	}
	return execError(kind, outcome, context.Cause(ctx))
}

// judgeOpen judges an open that passed its deadline. Where the device may
// have fallen silent, the watchdog is about to find out: that is no hung session.
func (l *link) judgeOpen() {
	if l.watch.doubts(time.Now()) {
		return
	}
	if l.hungOpens.Add(1) >= maxHungOpens {
		l.end(ReasonUnusable, errHungSessions)
	}
	l.judge()
}

// judge ends the connection when as many sessions are left behind as it may
// have: no command could run any more.
func (l *link) judge() {
	if int(l.abandoned.Load()) >= cap(l.slots) {
		l.end(ReasonUnusable, errHungSessions)
	}
}
