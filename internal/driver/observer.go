package driver

import (
	"context"
	"time"
)

// Observer is told what the driver does and finds; telemetry is one. Its
// methods may be called from several goroutines and must not block. Embed
// NopObserver and implement what is of interest.
type Observer interface {
	// CallEnded: an RPC was answered.
	CallEnded(ctx context.Context, c Call)
	// ReconcileStarted and ReconcileEnded frame one look at everything on the
	// RDS; the context holds the trace of the attempt that made the connection.
	// ReconcileEnded gets the context that ReconcileStarted returned.
	ReconcileStarted(ctx context.Context) context.Context
	ReconcileEnded(ctx context.Context, r Reconciliation)
	// VolumesCounted: there are so many volumes.
	VolumesCounted(ctx context.Context, n int)
	// VolumeChanged: a volume is not as it was left.
	VolumeChanged(ctx context.Context, c Change)
	// PoolMeasured: a pool has so many bytes, and so many of them free.
	PoolMeasured(ctx context.Context, pool string, size, free int64)
}

// Call is an RPC that was answered.
type Call struct {
	Method   string // as in /csi.v1.Controller/CreateVolume
	Code     string // of gRPC, as in "OK"
	Duration time.Duration
}

// ChangeKind says how a volume differs from what was known of it.
type ChangeKind string

const (
	Vanished   ChangeKind = "vanished"   // it is not there any more, and was not deleted: its file is still there, or its pool is away
	Unexported ChangeKind = "unexported" // nodes cannot connect to it
	Resized    ChangeKind = "resized"
)

// Change is a volume that is not as it was left by the RPCs of this process.
type Change struct {
	Kind     ChangeKind
	VolumeID string
	Was, Is  int64 // bytes, of Resized
}

// NopObserver does nothing; embed it.
type NopObserver struct{}

func (NopObserver) CallEnded(context.Context, Call)                      {}
func (NopObserver) ReconcileStarted(ctx context.Context) context.Context { return ctx }
func (NopObserver) ReconcileEnded(context.Context, Reconciliation)       {}
func (NopObserver) VolumesCounted(context.Context, int)                  {}
func (NopObserver) VolumeChanged(context.Context, Change)                {}
func (NopObserver) PoolMeasured(context.Context, string, int64, int64)   {}
