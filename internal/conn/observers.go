package conn

import (
	"context"
	"time"
)

// Observers tells each event to every one of them, in order.
type Observers []Observer

func (os Observers) StateChanged(ctx context.Context, s *Snapshot) {
	for _, o := range os {
		o.StateChanged(ctx, s)
	}
}

func (os Observers) Disconnected(ctx context.Context, e Disconnect) {
	for _, o := range os {
		o.Disconnected(ctx, e)
	}
}

func (os Observers) AttemptStarted(ctx context.Context, a Attempt) context.Context {
	for _, o := range os {
		ctx = o.AttemptStarted(ctx, a)
	}
	return ctx
}

func (os Observers) AttemptEnded(ctx context.Context, r AttemptResult) {
	for _, o := range os {
		o.AttemptEnded(ctx, r)
	}
}

func (os Observers) StageStarted(ctx context.Context, s StageInfo) context.Context {
	for _, o := range os {
		ctx = o.StageStarted(ctx, s)
	}
	return ctx
}

func (os Observers) StageEnded(ctx context.Context, r StageResult) {
	for _, o := range os {
		o.StageEnded(ctx, r)
	}
}

func (os Observers) OutageEnded(ctx context.Context, outage Outage) {
	for _, o := range os {
		o.OutageEnded(ctx, outage)
	}
}

func (os Observers) GaveUp(ctx context.Context, outage Outage) {
	for _, o := range os {
		o.GaveUp(ctx, outage)
	}
}

func (os Observers) CommandStarted(ctx context.Context, c Command) context.Context {
	for _, o := range os {
		ctx = o.CommandStarted(ctx, c)
	}
	return ctx
}

func (os Observers) CommandEnded(ctx context.Context, r CommandResult) {
	for _, o := range os {
		o.CommandEnded(ctx, r)
	}
}

func (os Observers) SessionWaited(ctx context.Context, d time.Duration) {
	for _, o := range os {
		o.SessionWaited(ctx, d)
	}
}

func (os Observers) OperationAbandoned(ctx context.Context, op string) {
	for _, o := range os {
		o.OperationAbandoned(ctx, op)
	}
}

func (os Observers) CallbackPanicked(ctx context.Context, v any) {
	for _, o := range os {
		o.CallbackPanicked(ctx, v)
	}
}
