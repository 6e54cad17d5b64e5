package otelx

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"rds-csi/internal/conn"
)

const testAddress = "192.0.2.10:22"

var testBuild = Build{Version: "1.2.3", Revision: "abc123"}

// newTelemetry makes a Telemetry that keeps its spans in memory, or exports
// none where tracing is false.
func newTelemetry(t testing.TB, tracing bool) (*Telemetry, *tracetest.SpanRecorder) {
	t.Helper()
	cfg := Config{Build: testBuild, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		CommandName: func(text string) string {
			return map[string]string{"/disk add": "disk_add", "/disk print": "disk_print"}[text]
		},
		VerbAndMenu: func(text string) string { return text },
	}
	recorder := tracetest.NewSpanRecorder()
	var processor sdktrace.SpanProcessor
	if tracing {
		processor = recorder
	}
	tel, err := build(t.Context(), cfg, &errorHandler{log: cfg.Logger}, processor, sdktrace.WithIDGenerator(&countingIDs{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tel.Shutdown(context.Background()) })
	return tel, recorder
}

// countingIDs makes ids that golden files can hold.
type countingIDs struct{ traces, spans atomic.Uint64 }

func (g *countingIDs) NewIDs(ctx context.Context) (id trace.TraceID, _ trace.SpanID) {
	binary.BigEndian.PutUint64(id[8:], g.traces.Add(1))
	return id, g.NewSpanID(ctx, id)
}

func (g *countingIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], g.spans.Add(1))
	return id
}

const (
	acceptClassic     = ""
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
)

// scrape asks /metrics as Prometheus would.
func scrape(t testing.TB, tel *Telemetry, accept string) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	tel.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// device plays the connection manager and its client: it makes their events in
// their order.
type device struct {
	o    conn.Observer
	s    conn.Snapshot
	next conn.Attempt
	ctx  context.Context // of the attempt in flight
}

func newDevice(tel *Telemetry) *device {
	d := &device{o: tel.Observer(), s: conn.Snapshot{Address: testAddress, State: conn.StateIdle}}
	tel.SetSource(Source{Snapshot: func() *conn.Snapshot { return &d.s }, LastReceived: func() time.Time {
		if d.s.Generation == 0 {
			return time.Time{}
		}
		return d.s.ConnectedAt.Add(time.Second)
	}, Sessions: func() (int, int) { return 0, 1 }})
	d.next = conn.Attempt{Address: testAddress}
	return d
}

func (d *device) state(s conn.State) {
	d.s.State, d.s.Since = s, time.Now()
	d.o.StateChanged(context.Background(), &d.s)
}

func (d *device) begin() {
	d.next.Number++
	d.next.Total++
	if d.s.Outage != nil {
		d.s.Outage.Attempts = d.next.Number
		d.next.OutageID = d.s.Outage.ID
	}
	d.ctx = d.o.AttemptStarted(context.Background(), d.next)
	d.state(conn.StateConnecting)
}

// stage runs one stage; its failure is also the attempt's.
func (d *device) stage(s conn.Stage, took time.Duration, failure *conn.Error) {
	info := conn.StageInfo{Stage: s, Address: testAddress}
	ctx := d.o.StageStarted(d.ctx, info)
	if s == conn.StageVerify {
		command := conn.Command{Purpose: conn.PurposeVerify, Text: ":put x"}
		inner := d.o.CommandStarted(ctx, command)
		time.Sleep(took)
		d.o.CommandEnded(inner, conn.CommandResult{Command: command, Err: failure, Duration: took})
	} else {
		time.Sleep(took)
	}
	d.o.StageEnded(ctx, conn.StageResult{StageInfo: info, Err: failure, Duration: took})
}

// connect is an attempt that succeeds in 60 ms.
func (d *device) connect(cause conn.Cause) {
	d.begin()
	start := time.Now()
	d.stage(conn.StageResolve, 0, nil)
	d.stage(conn.StageTCP, 10*time.Millisecond, nil)
	d.stage(conn.StageHandshake, 30*time.Millisecond, nil)
	d.stage(conn.StageVerify, 20*time.Millisecond, nil)
	now := time.Now()
	d.s.Generation++
	d.s.ConnectedAt = now
	d.s.ConsecutiveFailures = 0
	d.s.NextAttempt = time.Time{}
	d.s.Report = conn.Report{PeerAddress: testAddress, HostKeyCheck: "pinned",
		Identity: conn.Identity{Version: "7.24.5 (stable)"}}
	since := now.Sub(start)
	over := d.s.Outage
	if over != nil {
		over.EndedAt, over.Cause = now, cause
		d.s.Outage, d.s.LastOutage = nil, over
		since = now.Sub(over.DetectedAt)
	}
	d.state(conn.StateConnected)
	if over != nil {
		d.o.OutageEnded(d.ctx, *over)
	}
	d.o.AttemptEnded(d.ctx, conn.AttemptResult{Attempt: d.next, SinceDetected: since, Snapshot: &d.s})
}

// fail is an attempt that fails in TCP after took, and the wait that follows.
func (d *device) fail(kind conn.Kind, took, wait time.Duration) {
	d.begin()
	start := time.Now()
	failure := &conn.Error{Op: "connect", Stage: conn.StageTCP, Kind: kind, Err: errors.New("cause")}
	d.stage(conn.StageResolve, 0, nil)
	d.stage(conn.StageTCP, took, failure)
	if d.s.Outage == nil {
		d.outage(start, "")
		d.s.Outage.Attempts = 1
	}
	if kind != conn.KindCanceled {
		d.s.ConsecutiveFailures++
	}
	d.s.NextAttempt = time.Now().Add(wait)
	d.state(conn.StateWaiting)
	d.o.AttemptEnded(d.ctx, conn.AttemptResult{Attempt: d.next, Err: failure, NextBackoff: wait, Snapshot: &d.s})
	d.next.Backoff = wait
}

// wait lets the backoff pass.
func (d *device) wait() { time.Sleep(time.Until(d.s.NextAttempt)) }

func (d *device) outage(received time.Time, reason conn.Reason) {
	id := uint64(1)
	if d.s.LastOutage != nil {
		id = d.s.LastOutage.ID + 1
	}
	d.s.Outage = &conn.Outage{ID: id, LastReceived: received, DetectedAt: time.Now(), Reason: reason}
}

// lose ends the connection, after which nothing came for silent.
func (d *device) lose(reason conn.Reason, silent time.Duration) {
	d.outage(time.Now().Add(-silent), reason)
	d.s.DisconnectedAt, d.s.Reason = time.Now(), reason
	d.next.Number, d.next.Backoff = 0, 0
	d.state(conn.StateIdle)
	d.o.Disconnected(context.Background(), conn.Disconnect{Snapshot: &d.s, Reason: reason})
}

// exec runs a command of a caller.
func (d *device) exec(ctx context.Context, text string, took time.Duration, failure *conn.Error) {
	command := conn.Command{Purpose: conn.PurposeExec, Text: text, Generation: d.s.Generation}
	ctx = d.o.CommandStarted(ctx, command)
	d.o.SessionWaited(ctx, 0)
	time.Sleep(took)
	d.o.CommandEnded(ctx, conn.CommandResult{Command: command, Err: failure, Duration: took})
}

// rebootStory is one outage as an operator may see it: the RDS goes silent, is
// not there for a while, refuses, and comes back.
func rebootStory(d *device) {
	d.connect("")
	time.Sleep(time.Minute)
	d.exec(context.Background(), "/disk add", 300*time.Millisecond, nil)
	d.exec(context.Background(), "/disk print", time.Second,
		&conn.Error{Op: "exec", Kind: conn.KindRejected, Outcome: conn.Refused})
	time.Sleep(10 * time.Second)
	d.o.OperationAbandoned(context.Background(), string(conn.PurposeProbe))
	d.lose(conn.ReasonSilence, 10*time.Second)
	d.fail(conn.KindTimeout, 10*time.Second, time.Second)
	d.wait()
	d.fail(conn.KindRefused, 0, 2*time.Second)
	d.wait()
	d.connect(conn.CauseReboot)
	time.Sleep(time.Second)
}
