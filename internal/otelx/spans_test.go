package otelx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"rds-csi/internal/conn"
)

// named lists the ended spans of a name, oldest first.
func named(r *tracetest.SpanRecorder, name string) (found []sdktrace.ReadOnlySpan) {
	for _, s := range r.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

// attributes gives a span's or a link's attributes as text.
func attributes(attrs []attribute.KeyValue) string {
	var all []string
	for _, kv := range attrs {
		all = append(all, string(kv.Key)+"="+kv.Value.String())
	}
	return strings.Join(all, " ")
}

func wantAttributes(t *testing.T, s sdktrace.ReadOnlySpan, want string) {
	t.Helper()
	if got := attributes(s.Attributes()); got != want {
		t.Errorf("%s has attributes\n%s, want\n%s", s.Name(), got, want)
	}
}

func wantLinks(t *testing.T, s sdktrace.ReadOnlySpan, want map[string]sdktrace.ReadOnlySpan) {
	t.Helper()
	if len(s.Links()) != len(want) {
		t.Errorf("%s has %d links, want %d", s.Name(), len(s.Links()), len(want))
	}
	for _, l := range s.Links() {
		kind := strings.TrimPrefix(attributes(l.Attributes), "rds_csi.link.type=")
		if to := want[kind]; to == nil || !l.SpanContext.Equal(to.SpanContext()) {
			t.Errorf("%s: unexpected link %q to %v", s.Name(), kind, l.SpanContext.SpanID())
		}
	}
}

const (
	protocolText = "network.transport=tcp network.protocol.name=ssh "
	serverText   = protocolText + "server.address=192.0.2.10 server.port=22"
	peerText     = " network.peer.address=192.0.2.10 network.peer.port=22"
)

func TestEachAttemptIsATraceThatLeadsToTheStartOfItsOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, recorder := newTelemetry(t, true)
		d := newDevice(tel)
		rebootStory(d)
		d.lose(conn.ReasonEOF, 0)
		d.connect(conn.CauseLink)

		attempts := named(recorder, "rds.reconnect")
		if len(attempts) != 5 {
			t.Fatalf("%d attempts", len(attempts))
		}
		traces := make(map[trace.TraceID]bool)
		for _, s := range attempts {
			traces[s.SpanContext().TraceID()] = true
			if s.Parent().IsValid() || s.SpanKind() != trace.SpanKindInternal {
				t.Errorf("an attempt is a root of kind internal: %v %v", s.Parent(), s.SpanKind())
			}
		}
		if len(traces) != 5 {
			t.Errorf("%d traces", len(traces))
		}
		wantLinks(t, attempts[0], nil)
		wantLinks(t, attempts[1], nil)
		wantLinks(t, attempts[2], map[string]sdktrace.ReadOnlySpan{"outage_start": attempts[1], "previous_attempt": attempts[1]})
		wantLinks(t, attempts[3], map[string]sdktrace.ReadOnlySpan{"outage_start": attempts[1], "previous_attempt": attempts[2]})
		wantLinks(t, attempts[4], nil)

		wantAttributes(t, attempts[0], serverText+
			" rds_csi.reconnect.attempt=1 rds_csi.reconnect.backoff=0 rds_csi.reconnect.outcome=success"+peerText)
		wantAttributes(t, attempts[2], serverText+" rds_csi.reconnect.attempt=2 rds_csi.reconnect.backoff=1 rds_csi.outage.id=1"+
			" rds_csi.reconnect.outcome=failure rds_csi.reconnect.stage=tcp error.type=connection_refused")
		if s := attempts[2].Status(); s.Code != codes.Error || s.Description != conn.KindRefused.Summary() {
			t.Errorf("status of a failure: %v", s)
		}
		if s := attempts[3].Status(); s.Code != codes.Unset {
			t.Errorf("status of a success: %v", s)
		}
	})
}

func TestAFailedStartIsOneTrail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, recorder := newTelemetry(t, true)
		d := newDevice(tel)
		for range 2 {
			d.fail(conn.KindRefused, 0, time.Second)
			d.wait()
		}
		d.connect(conn.CauseUnknown)
		attempts := named(recorder, "rds.reconnect")
		wantLinks(t, attempts[2], map[string]sdktrace.ReadOnlySpan{"outage_start": attempts[0], "previous_attempt": attempts[1]})
		for _, s := range attempts {
			if !strings.Contains(attributes(s.Attributes()), "rds_csi.outage.id=1") {
				t.Errorf("no outage id: %s", attributes(s.Attributes()))
			}
		}
		outage := named(recorder, "rds.outage")[0]
		wantLinks(t, outage, map[string]sdktrace.ReadOnlySpan{"first_attempt": attempts[0], "last_attempt": attempts[2]})
	})
}

func TestStagesAreChildrenOfTheirAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, recorder := newTelemetry(t, true)
		d := newDevice(tel)
		d.connect("")
		attempt := named(recorder, "rds.reconnect")[0]
		for name, attrs := range map[string]string{
			"tcp connect": strings.TrimSpace(protocolText) + peerText, "ssh handshake": serverText, "rds verify": serverText} {
			stages := named(recorder, name)
			if len(stages) != 1 || stages[0].Parent().SpanID() != attempt.SpanContext().SpanID() || stages[0].SpanKind() != trace.SpanKindClient {
				t.Fatalf("%s: %v", name, stages)
			}
			wantAttributes(t, stages[0], attrs)
		}
		if n := len(recorder.Ended()); n != 4 {
			t.Errorf("%d spans, want 4: none for resolving, none for verify's command", n)
		}
		if got := attempt.EndTime().Sub(attempt.StartTime()); got != 60*time.Millisecond {
			t.Errorf("the attempt took %v", got)
		}
	})
}

func TestACanceledAttemptIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, recorder := newTelemetry(t, true)
		newDevice(tel).fail(conn.KindCanceled, 0, 0)
		for _, s := range recorder.Ended() {
			if s.Status().Code != codes.Unset || strings.Contains(attributes(s.Attributes()), "error.type") {
				t.Errorf("%s: %v %s", s.Name(), s.Status(), attributes(s.Attributes()))
			}
		}
		if s := named(recorder, "rds.reconnect")[0]; !strings.Contains(attributes(s.Attributes()), "outcome=canceled") {
			t.Error(attributes(s.Attributes()))
		}
	})
}

func TestAnOutageIsWrittenOnceWithItsTrueStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, recorder := newTelemetry(t, true)
		rebootStory(newDevice(tel))
		outages, attempts := named(recorder, "rds.outage"), named(recorder, "rds.reconnect")
		if len(outages) != 1 {
			t.Fatalf("%d outages", len(outages))
		}
		o := outages[0]
		if got := o.EndTime().Sub(o.StartTime()); got != 23060*time.Millisecond {
			t.Errorf("it lasted %v", got)
		}
		if o.Parent().IsValid() || o.Status().Code != codes.Unset {
			t.Errorf("parent %v, status %v", o.Parent(), o.Status())
		}
		wantLinks(t, o, map[string]sdktrace.ReadOnlySpan{"first_attempt": attempts[1], "last_attempt": attempts[3]})
		wantAttributes(t, o, "rds_csi.outage.id=1 rds_csi.outage.cause=reboot rds_csi.outage.attempts=3"+
			" rds_csi.outage.duration=23.06 rds_csi.disconnect.reason=silence")
	})
}

func TestACommandIsInItsCallersTraceAndLinkedToItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, recorder := newTelemetry(t, true)
		d := newDevice(tel)
		d.connect("")
		attempt := named(recorder, "rds.reconnect")[0]
		ctx, rpc := tel.TracerProvider().Tracer("grpc").Start(t.Context(), "CreateVolume")
		d.exec(ctx, "/disk add", time.Second, nil)
		d.exec(ctx, `/disk add slot="pvc-1"`, time.Second,
			&conn.Error{Kind: conn.KindTimeout, Outcome: conn.Unknown})
		d.exec(ctx, "/disk add", time.Second, &conn.Error{Kind: conn.KindCanceled, Outcome: conn.NotSent})
		d.s.Generation = 9
		d.exec(context.Background(), "/disk add", time.Second, nil)
		rpc.End()

		execs := named(recorder, "rds.exec")
		for i, s := range execs[:3] {
			if s.Parent().SpanID() != rpc.SpanContext().SpanID() || s.SpanKind() != trace.SpanKindClient {
				t.Errorf("exec %d: parent %v, kind %v", i, s.Parent(), s.SpanKind())
			}
			wantLinks(t, s, map[string]sdktrace.ReadOnlySpan{"connection": attempt})
		}
		server := serverText + peerText
		wantAttributes(t, execs[0], "rds_csi.command.name=disk_add rds_csi.command.verb=/disk add "+server+" rds_csi.command.outcome=success")
		wantAttributes(t, execs[1], "rds_csi.command.name=other rds_csi.command.verb=other "+server+
			" rds_csi.command.outcome=unknown error.type=timeout")
		wantAttributes(t, execs[2], "rds_csi.command.name=disk_add rds_csi.command.verb=/disk add "+server+" rds_csi.command.outcome=not_sent")
		if execs[1].Status().Code != codes.Error || execs[2].Status().Code != codes.Unset {
			t.Errorf("status %v, %v", execs[1].Status(), execs[2].Status())
		}
		wantLinks(t, execs[3], nil)
		if execs[3].Parent().IsValid() {
			t.Error("a command without a caller's span is a root")
		}
	})
}

func TestProbesHaveNoSpan(t *testing.T) {
	tel, recorder := newTelemetry(t, true)
	probe := conn.Command{Purpose: conn.PurposeProbe, Generation: 1}
	ctx := tel.Observer().CommandStarted(t.Context(), probe)
	tel.Observer().CommandEnded(ctx, conn.CommandResult{Command: probe})
	if n := len(recorder.Started()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

// Every kind that a failure can have: its error.type is in the table of conn,
// and its description is a sentence of its own.
func TestStatusDescriptionsAreSentences(t *testing.T) {
	tel, recorder := newTelemetry(t, true)
	kinds := append(conn.AttemptKinds(), conn.KindBusy, conn.KindRejected, conn.KindTooLarge, "new")
	for _, k := range kinds {
		_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), string(k))
		setError(span, &conn.Error{Kind: k})
		span.End()
		ended := named(recorder, string(k))[0]
		want := k.ErrorType()
		if k == "new" {
			want = "_OTHER"
		}
		if got := attributes(ended.Attributes()); got != "error.type="+want {
			t.Errorf("%s: %s", k, got)
		}
		if d := ended.Status().Description; !strings.HasSuffix(d, ".") || d == want {
			t.Errorf("%s: description %q", k, d)
		}
	}
}

func TestNoSecretIsInAnySpanOrMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter-two"
		tel, recorder := newTelemetry(t, true)
		tel.observer.spans.verbAndMenu = func(string) string { return `/disk add slot="` + secret + `"` }
		tel.observer.classify = func(string) string { return secret }
		failure := func(kind conn.Kind, stage conn.Stage) *conn.Error {
			return &conn.Error{Op: "exec", Stage: stage, Kind: kind, Outcome: conn.Refused, Err: errors.New(secret)}
		}
		d := newDevice(tel)
		d.begin()
		d.stage(conn.StageTCP, 0, failure(conn.KindRefused, conn.StageTCP))
		d.outage(time.Now(), conn.ReasonOther)
		d.s.Outage.FirstError = failure(conn.KindRefused, conn.StageTCP)
		d.o.AttemptEnded(d.ctx, conn.AttemptResult{Attempt: d.next, Err: failure(conn.KindUnusable, conn.StageVerify), Snapshot: &d.s})
		d.connect(conn.CauseLink)
		d.exec(context.Background(), `/disk add slot="`+secret+`"`, 0, failure(conn.KindRejected, ""))
		d.o.CallbackPanicked(context.Background(), secret)
		d.o.Disconnected(context.Background(), conn.Disconnect{Reason: conn.ReasonOther, Err: errors.New(secret)})
		for _, s := range recorder.Ended() {
			text := fmt.Sprint(s.Name(), attributes(s.Attributes()), s.Status(), s.Events(), s.Links())
			if strings.Contains(text, secret) {
				t.Errorf("in a span: %s", text)
			}
		}
		if len(recorder.Ended()) != 8 {
			t.Errorf("%d spans, the story has 8", len(recorder.Ended()))
		}
		if strings.Contains(scrape(t, tel, acceptOpenMetrics), secret) {
			t.Error("on /metrics")
		}
	})
}

// Stage and command events come from any goroutine, scrapes from others.
func TestEventsAndScrapesMayBeConcurrent(t *testing.T) {
	tel, _ := newTelemetry(t, true)
	newDevice(tel).connect("")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				d := &device{o: tel.Observer(), ctx: t.Context(), s: conn.Snapshot{Address: testAddress, Generation: 1}}
				d.stage(conn.StageTCP, 0, nil)
				d.exec(t.Context(), "/disk add", 0, nil)
				d.state(conn.StateConnected)
				scrape(t, tel, acceptOpenMetrics)
			}
		})
	}
	all.Wait()
	expect(t, tel, nameCommandDuration+`_count{command="disk_add",status="success"} 80`)
}
