package otelx

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"

	"rds-csi/internal/conn"
)

// scope names the instrumentation; it is on no sample and on every span.
const scope = "rds-csi/internal/otelx"

// Metrics holds every instrument. Recording never blocks and allocates nothing.
// Safe for concurrent use. Only the Observer records; the two exported methods
// are the contract of the three metrics that alerts are built on.
type Metrics struct {
	reconnects        *counter
	reconnectDuration *histogram
	reconnectFailures *counter
	givenUp           *counter
	disconnects       *counter
	outages           *counter
	outageDuration    *histogram
	connectDuration   *histogram
	commandDuration   *histogram
	sessionWait       *histogram
	abandoned         *counter
	callbackPanics    *counter
	gauges            *gauges
}

// NewMetrics makes the instruments and their series at zero.
func NewMetrics(provider metric.MeterProvider, build Build) (*Metrics, error) {
	b := &builder{meter: provider.Meter(scope, metric.WithInstrumentationVersion(build.Version))}
	m := &Metrics{
		reconnects:        b.counter(nameReconnects),
		reconnectDuration: b.histogram(nameReconnectDuration),
		reconnectFailures: b.counter(nameReconnectFailures),
		givenUp:           b.counter(nameGivenUp),
		disconnects:       b.counter(nameDisconnects),
		outages:           b.counter(nameOutages),
		outageDuration:    b.histogram(nameOutageDuration),
		connectDuration:   b.histogram(nameConnectDuration),
		commandDuration:   b.histogram(nameCommandDuration),
		sessionWait:       b.histogram(nameSessionWait),
		abandoned:         b.counter(nameAbandoned),
		callbackPanics:    b.counter(nameCallbackPanics),
		gauges:            b.gauges(build),
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// RecordConnectionState stores what rds_csi_rds_connection_state reports. The
// series of an address no longer used vanishes.
func (m *Metrics) RecordConnectionState(address string, connected bool) {
	m.gauges.setState(address, connected)
}

// RecordReconnectAttempt counts a reconnection attempt under its status,
// "success" or "failure"; the duration is observed on success alone.
func (m *Metrics) RecordReconnectAttempt(status string, duration time.Duration) {
	m.recordReconnectAttempt(context.Background(), status, duration)
}

// recordReconnectAttempt takes the attempt's context, whose span becomes the
// exemplar.
func (m *Metrics) recordReconnectAttempt(ctx context.Context, status string, duration time.Duration) {
	m.reconnects.add(ctx, values{status})
	if status == statusSuccess {
		m.reconnectDuration.record(ctx, duration.Seconds(), values{})
	}
}

// attemptEnded counts every attempt but the process's very first, which is no
// reconnection, and those that shutdown cut short, which are neither success
// nor failure. Failures by reason add up to the failures by status.
func (m *Metrics) attemptEnded(ctx context.Context, r conn.AttemptResult) {
	switch {
	case r.Total == 1:
	case r.Err == nil:
		m.recordReconnectAttempt(ctx, statusSuccess, r.SinceDetected)
	case r.Err.Kind != conn.KindCanceled:
		m.recordReconnectAttempt(ctx, statusFailure, 0)
		m.reconnectFailures.add(ctx, values{string(r.Err.Kind)})
	}
}

func (m *Metrics) stageEnded(ctx context.Context, r conn.StageResult) {
	if r.Err == nil {
		m.connectDuration.record(ctx, r.Duration.Seconds(), values{string(r.Stage)})
	}
}

func (m *Metrics) disconnected(ctx context.Context, reason conn.Reason) {
	if reason != conn.ReasonShutdown {
		m.disconnects.add(ctx, values{string(reason)})
	}
}

func (m *Metrics) outageEnded(ctx context.Context, o *conn.Outage) {
	m.outages.add(ctx, values{string(o.Cause)})
	m.outageDuration.record(ctx, o.Duration(o.EndedAt).Seconds(), values{})
}

// commandEnded leaves out commands that were cut short from this side.
func (m *Metrics) commandEnded(ctx context.Context, name string, r *conn.CommandResult) {
	switch {
	case r.Err == nil:
		m.commandDuration.record(ctx, r.Duration.Seconds(), values{name, statusSuccess})
	case !cutShort(r.Err):
		m.commandDuration.record(ctx, r.Duration.Seconds(), values{name, statusFailure})
	}
}

// cutShort reports whether shutdown, Reconnect or the caller ended a command:
// that says nothing about the device.
func cutShort(err *conn.Error) bool {
	return err.Kind == conn.KindCanceled || errors.Is(err, conn.ErrClosedHere)
}
