package conn

import (
	"context"
	"time"
)

// Observer is told what happens; telemetry and the status page are observers.
// Calls about the connection's state come in order, from one goroutine at a
// time; stage and command calls may be concurrent. An Observer must not block
// and must not call the manager back, except for IsConnected and Snapshot.
//
// A Started method returns the context that the work goes on with, so that a
// span can travel in it; the matching Ended method gets that context back.
// Embed NopObserver and implement what is of interest.
type Observer interface {
	// StateChanged comes after the snapshot was published.
	StateChanged(ctx context.Context, s *Snapshot)
	// Disconnected: a live connection ended; not called for shutdown.
	Disconnected(ctx context.Context, e Disconnect)
	// AttemptStarted and AttemptEnded frame one attempt to connect.
	AttemptStarted(ctx context.Context, a Attempt) context.Context
	AttemptEnded(ctx context.Context, r AttemptResult)
	// StageStarted and StageEnded frame one stage of an attempt; StageTCP once
	// for every address dialled.
	StageStarted(ctx context.Context, s StageInfo) context.Context
	StageEnded(ctx context.Context, r StageResult)
	// OutageEnded comes at recovery, before AttemptEnded of the attempt that
	// ended the outage, within that attempt's context.
	OutageEnded(ctx context.Context, o Outage)
	// GaveUp: MaxElapsedTime passed without a connection; attempts go on.
	GaveUp(ctx context.Context, o Outage)
	// CommandStarted and CommandEnded frame one exec, probes and Verify's own
	// included.
	CommandStarted(ctx context.Context, c Command) context.Context
	CommandEnded(ctx context.Context, r CommandResult)
	// SessionWaited tells how long a command waited for its turn, in vain or not.
	SessionWaited(ctx context.Context, d time.Duration)
	// OperationAbandoned: an open or a command passed its deadline and was
	// left behind on the connection.
	OperationAbandoned(ctx context.Context, op string)
	// CallbackPanicked: OnReconnect panicked with v.
	CallbackPanicked(ctx context.Context, v any)
}

// Stage is a part of an attempt to connect.
type Stage string

const (
	StageCredentials Stage = "credentials" // key and host key files; not observed, names a failure
	StageResolve     Stage = "resolve"
	StageTCP         Stage = "tcp"
	StageHandshake   Stage = "handshake" // banner, key exchange, host key and login
	StageVerify      Stage = "verify"
)

// Stages lists the stages that are observed, in their order.
func Stages() []Stage { return []Stage{StageResolve, StageTCP, StageHandshake, StageVerify} }

// Disconnect is the end of a live connection.
type Disconnect struct {
	Snapshot *Snapshot // after the loss
	Reason   Reason
	Err      error // may be nil
}

// Attempt is an attempt to connect that begins.
type Attempt struct {
	Address  string        // host:port, as configured
	Number   int           // within the outage or start, from 1
	Total    uint64        // since the manager was made, from 1; 1 is no reconnect
	OutageID uint64        // 0 for the very first attempt
	Backoff  time.Duration // waited before it
}

// AttemptResult is an attempt that ended.
type AttemptResult struct {
	Attempt
	Err           *Error        // nil: connected
	Duration      time.Duration // of the attempt
	SinceDetected time.Duration // of a success: from the detection of the loss, or the first attempt, to connected
	NextBackoff   time.Duration // of a failure: the wait that follows
	Snapshot      *Snapshot     // after the attempt
}

// StageInfo is a stage that begins.
type StageInfo struct {
	Stage   Stage
	Address string // of StageTCP: the IP and port dialled; else host:port as configured
}

// StageResult is a stage that ended.
type StageResult struct {
	StageInfo
	Err      *Error // nil: done
	Duration time.Duration
}

// Purpose says who runs a command.
type Purpose string

const (
	PurposeExec   Purpose = "exec"   // a caller
	PurposeVerify Purpose = "verify" // the end of a connect
	PurposeProbe  Purpose = "probe"  // the liveness probe; no command text
)

// Command is an exec that begins.
type Command struct {
	Purpose    Purpose
	Text       string // as sent: never put values of it into telemetry
	Generation uint64 // of the connection, 0 during a connect
}

// CommandResult is an exec that ended.
type CommandResult struct {
	Command
	Err      *Error // nil: answered
	Duration time.Duration
}

// NopObserver does nothing; embed it.
type NopObserver struct{}

func (NopObserver) StateChanged(context.Context, *Snapshot)                       {}
func (NopObserver) Disconnected(context.Context, Disconnect)                      {}
func (NopObserver) AttemptStarted(ctx context.Context, _ Attempt) context.Context { return ctx }
func (NopObserver) AttemptEnded(context.Context, AttemptResult)                   {}
func (NopObserver) StageStarted(ctx context.Context, _ StageInfo) context.Context { return ctx }
func (NopObserver) StageEnded(context.Context, StageResult)                       {}
func (NopObserver) OutageEnded(context.Context, Outage)                           {}
func (NopObserver) GaveUp(context.Context, Outage)                                {}
func (NopObserver) CommandStarted(ctx context.Context, _ Command) context.Context { return ctx }
func (NopObserver) CommandEnded(context.Context, CommandResult)                   {}
func (NopObserver) SessionWaited(context.Context, time.Duration)                  {}
func (NopObserver) OperationAbandoned(context.Context, string)                    {}
func (NopObserver) CallbackPanicked(context.Context, any)                         {}
