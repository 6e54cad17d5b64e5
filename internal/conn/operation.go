package conn

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Phases of an operation. Exactly one of worker and supervisor takes it out of
// phaseOpening, so that "not sent" is a certainty.
const (
	phaseOpening int32 = iota
	phaseSending       // the worker sends the command
	phaseDropped       // the supervisor gave up before that
)

var (
	errOpenDeadline    = errors.New("the device did not open a session in time")
	errCommandDeadline = errors.New("the command was not answered in time")
)

// operation is one use of a session channel: a command, or a probe that only
// opens and closes one. A worker goroutine makes the blocking calls; the
// supervisor watches deadlines, first in the caller's goroutine and, once the
// caller gave up, in one of its own.
type operation struct {
	link    *link
	purpose Purpose
	command string
	start   time.Time
	phase   atomic.Int32
	counted bool // as abandoned; the supervisor's

	opened   atomic.Bool   // the open was answered
	finished chan struct{} // closed by the worker at its end

	output  string // the worker's until finished is closed
	failure *Error // likewise
}

func newOperation(l *link, purpose Purpose, command string) *operation {
	return &operation{link: l, purpose: purpose, command: command, finished: make(chan struct{})}
}

// run starts the worker and supervises it. The caller holds a session slot;
// the worker gives it back when the session has really ended.
func (op *operation) run(ctx context.Context) (string, *Error) {
	op.launch(op.link.release)
	failure := op.supervise(ctx)
	select {
	case <-op.finished:
		return op.output, failure
	default:
		return "", failure
	}
}

// launch starts the worker; free is called when the session has really ended.
func (op *operation) launch(free func()) {
	op.start = time.Now()
	op.link.watch.begin(op.start)
	go func() {
		op.work()
		free()
		close(op.finished)
	}()
}

// supervise returns when the operation ended, its deadline passed, the
// connection ended or the caller gave up, whichever is first. The timer serves
// both deadlines, so that an answer in time costs one wake-up only.
func (op *operation) supervise(ctx context.Context) *Error {
	timer := time.NewTimer(time.Until(op.deadline()))
	defer timer.Stop()
	for {
		select {
		case <-op.finished:
			op.link.watch.end()
			return op.failure
		case <-op.link.done:
			return op.cutShort()
		case <-ctx.Done():
			if op.link.ended() {
				return op.cutShort()
			}
			return op.callerGaveUp(ctx)
		case <-timer.C:
			switch left := time.Until(op.deadline()); {
			case left > 0:
				timer.Reset(left)
			case op.opened.Load():
				return op.commandTimedOut(ctx)
			default:
				return op.openTimedOut(ctx)
			}
		}
	}
}

// deadline is that of the open until it is answered, then that of the command.
func (op *operation) deadline() time.Time {
	if op.opened.Load() {
		return op.start.Add(op.link.timeout)
	}
	return op.start.Add(min(openTimeout, op.link.timeout))
}

// cutShort settles an operation whose connection ended; an answer that came
// just before counts.
func (op *operation) cutShort() *Error {
	op.link.watch.end()
	select {
	case <-op.finished:
		return op.failure
	default:
		return op.link.lost(op.drop())
	}
}

// drop keeps the worker from sending, if it has not begun to, and tells which.
func (op *operation) drop() Outcome {
	if op.phase.CompareAndSwap(phaseOpening, phaseDropped) || op.phase.Load() == phaseDropped {
		return NotSent
	}
	return Unknown
}

func (op *operation) openTimedOut(ctx context.Context) *Error {
	outcome := op.leaveBehind(ctx)
	op.link.judgeOpen()
	return execError(KindTimeout, outcome, errOpenDeadline)
}

func (op *operation) commandTimedOut(ctx context.Context) *Error {
	outcome := op.leaveBehind(ctx)
	if !op.link.watch.doubts(time.Now()) {
		op.link.judge()
	}
	return execError(KindTimeout, outcome, errCommandDeadline)
}

// leaveBehind abandons the operation on the connection, and takes it off the
// books again when the device ends it after all. A probe is not on the books:
// it holds no slot that a command could want.
func (op *operation) leaveBehind(ctx context.Context) Outcome {
	op.link.watch.end()
	op.count(ctx)
	if op.purpose == PurposeProbe {
		return op.drop()
	}
	op.link.abandoned.Add(1)
	go op.awaitLate()
	return op.drop()
}

// awaitLate takes an abandoned operation off the books at its end. Where silence
// kept the judge from a verdict at its deadline, and the connection outlived
// that silence, the verdict comes here: else its session would be lost for ever.
func (op *operation) awaitLate() {
	verdict := time.NewTimer(probeTimeout + ownStall)
	defer verdict.Stop()
	for {
		select {
		case <-op.finished:
			op.link.abandoned.Add(-1)
			return
		case <-op.link.done:
			return
		case <-verdict.C:
			op.link.judge()
		}
	}
}

// callerGaveUp leaves the rest to a supervisor of its own: the device may just
// be slow, and a caller's impatience is no reason to give up a connection.
func (op *operation) callerGaveUp(ctx context.Context) *Error {
	outcome := op.drop()
	op.count(ctx)
	go op.supervise(context.WithoutCancel(ctx))
	return callerError(ctx, outcome)
}

// count tells the observer once that the operation was abandoned. Verify's never
// is: an attempt that fails, or that shutdown ends, ends its connection.
func (op *operation) count(ctx context.Context) {
	if !op.counted && op.purpose != PurposeVerify {
		op.counted = true
		op.link.observer.OperationAbandoned(ctx, string(op.purpose))
	}
}

// work makes the calls that may block until the connection ends.
func (op *operation) work() {
	ch, statuses, err := op.link.open()
	op.opened.Store(true)
	var refused *ssh.OpenChannelError
	switch {
	case errors.As(err, &refused):
		// A refusal is an answer: a busy device is not a lost one.
		op.link.hungOpens.Store(0)
		op.failure = execError(KindBusy, NotSent, err)
	case err != nil:
		op.failure = op.link.lost(NotSent)
	default:
		op.link.hungOpens.Store(0)
		defer ch.Close()
		if op.purpose != PurposeProbe && op.phase.CompareAndSwap(phaseOpening, phaseSending) {
			op.failure = op.converse(ch, statuses)
		}
	}
}
