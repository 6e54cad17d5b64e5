package otelx

import (
	"context"
	"time"

	"rds-csi/internal/conn"
)

// observer turns events of the connection into metrics and spans. A metric is
// recorded within the span of its event and before that span ends: only then
// does it get the span as its exemplar.
type observer struct {
	metrics  *Metrics
	spans    *spans // nil where no spans are exported
	classify func(text string) string
}

var _ conn.Observer = (*observer)(nil)

// StateChanged implements conn.Observer.
func (o *observer) StateChanged(_ context.Context, s *conn.Snapshot) {
	o.metrics.RecordConnectionState(s.Address, s.Connected())
}

// Disconnected implements conn.Observer.
func (o *observer) Disconnected(ctx context.Context, e conn.Disconnect) {
	o.metrics.disconnected(ctx, e.Reason)
}

// AttemptStarted implements conn.Observer.
func (o *observer) AttemptStarted(ctx context.Context, a conn.Attempt) context.Context {
	if o.spans == nil {
		return ctx
	}
	return o.spans.attemptStarted(ctx, a)
}

// AttemptEnded implements conn.Observer.
func (o *observer) AttemptEnded(ctx context.Context, r conn.AttemptResult) {
	o.metrics.attemptEnded(ctx, r)
	if o.spans != nil {
		o.spans.attemptEnded(ctx, r)
	}
}

// StageStarted implements conn.Observer.
func (o *observer) StageStarted(ctx context.Context, s conn.StageInfo) context.Context {
	if o.spans == nil {
		return ctx
	}
	return o.spans.stageStarted(ctx, s)
}

// StageEnded implements conn.Observer.
func (o *observer) StageEnded(ctx context.Context, r conn.StageResult) {
	o.metrics.stageEnded(ctx, r)
	if o.spans != nil {
		o.spans.stageEnded(ctx, r)
	}
}

// OutageEnded implements conn.Observer.
func (o *observer) OutageEnded(ctx context.Context, outage conn.Outage) {
	if o.spans == nil {
		o.metrics.outageEnded(ctx, &outage)
		return
	}
	ctx, end := o.spans.outage(ctx, &outage)
	o.metrics.outageEnded(ctx, &outage)
	end()
}

// GaveUp implements conn.Observer.
func (o *observer) GaveUp(ctx context.Context, _ conn.Outage) {
	o.metrics.givenUp.add(ctx, values{})
}

// CommandStarted implements conn.Observer. Verify's commands and probes have no
// span of their own: the one is the stage, the other would be noise.
func (o *observer) CommandStarted(ctx context.Context, c conn.Command) context.Context {
	if o.spans == nil || c.Purpose != conn.PurposeExec {
		return ctx
	}
	return o.spans.execStarted(ctx, &c, o.commandName(&c))
}

// CommandEnded implements conn.Observer.
func (o *observer) CommandEnded(ctx context.Context, r conn.CommandResult) {
	o.metrics.commandEnded(ctx, o.commandName(&r.Command), &r)
	if o.spans != nil && r.Purpose == conn.PurposeExec {
		o.spans.execEnded(ctx, &r)
	}
}

// SessionWaited implements conn.Observer.
func (o *observer) SessionWaited(ctx context.Context, d time.Duration) {
	o.metrics.sessionWait.record(ctx, d.Seconds(), values{})
}

// OperationAbandoned implements conn.Observer.
func (o *observer) OperationAbandoned(ctx context.Context, _ string) {
	o.metrics.abandoned.add(ctx, values{})
}

// CallbackPanicked implements conn.Observer. The value may hold anything, so it
// goes nowhere from here.
func (o *observer) CallbackPanicked(ctx context.Context, _ any) {
	o.metrics.callbackPanics.add(ctx, values{})
}

// commandName gives a value of the closed list of the label command.
func (o *observer) commandName(c *conn.Command) string {
	switch {
	case c.Purpose == conn.PurposeVerify:
		return commandVerify
	case c.Purpose == conn.PurposeProbe:
		return commandProbe
	case o.classify == nil:
		return commandOther
	}
	name := o.classify(c.Text)
	for _, known := range commandNames {
		if name == known && name != commandVerify && name != commandProbe {
			return name
		}
	}
	return commandOther
}
