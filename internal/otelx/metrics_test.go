package otelx

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"rds-csi/internal/conn"
)

// has reports whether the page has a line, such as `name{label="x"} 1`.
func has(page, line string) bool { return strings.Contains("\n"+page, "\n"+line+"\n") }

func expect(t *testing.T, tel *Telemetry, lines ...string) {
	t.Helper()
	page := scrape(t, tel, acceptClassic)
	for _, line := range lines {
		if !has(page, line) {
			t.Errorf("missing: %s", line)
		}
	}
}

func expectAbsent(t *testing.T, tel *Telemetry, names ...string) {
	t.Helper()
	page := scrape(t, tel, acceptClassic)
	for _, name := range names {
		if strings.Contains(page, name) {
			t.Errorf("present: %s", name)
		}
	}
}

func TestAnAddressNoLongerUsedVanishes(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	tel.metrics.RecordConnectionState("192.0.2.1:22", true)
	expect(t, tel, `rds_csi_rds_connection_state{address="192.0.2.1:22"} 1`)
	tel.metrics.RecordConnectionState("[2001:db8::1]:22", false)
	expect(t, tel, `rds_csi_rds_connection_state{address="[2001:db8::1]:22"} 0`)
	expectAbsent(t, tel, "192.0.2.1")
}

func TestOnlySuccessHasADuration(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	tel.metrics.RecordReconnectAttempt("failure", time.Hour)
	expectAbsent(t, tel, nameReconnectDuration)
	tel.metrics.RecordReconnectAttempt("success", 3200*time.Millisecond)
	expect(t, tel, nameReconnectDuration+"_sum 3.2", nameReconnects+`{status="failure"} 1`, nameReconnects+`{status="success"} 1`)
}

func TestUnknownIsAbsent(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	expectAbsent(t, tel, nameConnectionState, nameSessionsLimit, nameEstablished, nameLastDisconnect, nameLastReceived,
		nameNextAttempt, nameConnectionInfo)
	expect(t, tel, nameConsecutiveFailures+" 0", nameBanSuspected+" 0", nameSessionsInUse+" 0")
}

func TestTheStateIsKnownBeforeTheFirstEventAndEventsWin(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	source := Source{Snapshot: func() *conn.Snapshot { return &conn.Snapshot{Address: testAddress} }}
	tel.SetSource(source)
	expect(t, tel, nameConnectionState+`{address="192.0.2.10:22"} 0`)
	tel.metrics.RecordConnectionState(testAddress, true)
	tel.SetSource(source)
	expect(t, tel, nameConnectionState+`{address="192.0.2.10:22"} 1`)
}

// The device chooses its version, and a label that is not UTF-8 would end the
// whole scrape.
func TestWhatTheDeviceSaysCannotBreakAScrape(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	s := &conn.Snapshot{Address: "bad\xff:22", Generation: 1}
	s.Report.Identity.Version = "7\xfe\n\"" + strings.Repeat("x", 1000)
	tel.SetSource(Source{Snapshot: func() *conn.Snapshot { return s }})
	page := scrape(t, tel, acceptClassic)
	if !strings.Contains(page, nameConnectionInfo+`{address="bad:22"`) || strings.Contains(page, strings.Repeat("x", 300)) {
		t.Error(ours(page))
	}
}

func TestTheVeryFirstAttemptAndCanceledOnesAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t, false)
		d := newDevice(tel)
		d.fail(conn.KindRefused, 0, time.Second)
		d.wait()
		d.fail(conn.KindCanceled, 0, time.Second)
		d.wait()
		expect(t, tel, nameReconnects+`{status="failure"} 0`, nameReconnectFailures+`{reason="refused"} 0`)
		expectAbsent(t, tel, "canceled")
		d.fail(conn.KindAuth, 0, time.Second)
		d.wait()
		d.connect(conn.CauseUnknown)
		expect(t, tel, nameReconnects+`{status="failure"} 1`, nameReconnectFailures+`{reason="auth"} 1`,
			nameReconnects+`{status="success"} 1`, nameOutages+`{cause="unknown"} 1`,
			nameReconnectDuration+"_sum 3.06", nameOutageDuration+"_sum 3.06")
	})
}

func TestWhatIsInNoListBecomesTheLastValueOfTheList(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	o := tel.Observer()
	ctx := t.Context()
	o.Disconnected(ctx, conn.Disconnect{Reason: "new"})
	o.Disconnected(ctx, conn.Disconnect{Reason: conn.ReasonShutdown})
	o.AttemptEnded(ctx, conn.AttemptResult{Attempt: conn.Attempt{Total: 2}, Err: &conn.Error{Kind: "new"}})
	o.OutageEnded(ctx, conn.Outage{Cause: "new"})
	for _, text := range []string{"/unheard of", "verify"} {
		o.CommandEnded(ctx, conn.CommandResult{Command: conn.Command{Purpose: conn.PurposeExec, Text: text}, Duration: time.Second})
	}
	o.CommandEnded(ctx, conn.CommandResult{Command: conn.Command{Purpose: conn.PurposeProbe}, Duration: time.Second})
	o.CommandEnded(ctx, conn.CommandResult{Command: conn.Command{Purpose: conn.PurposeExec}, Err: &conn.Error{Kind: conn.KindCanceled}})
	expect(t, tel, nameDisconnects+`{reason="other"} 1`, nameReconnectFailures+`{reason="unusable"} 1`,
		nameReconnects+`{status="failure"} 1`, nameOutages+`{cause="unknown"} 1`,
		nameCommandDuration+`_count{command="other",status="success"} 2`,
		nameCommandDuration+`_count{command="probe",status="success"} 1`)
	expectAbsent(t, tel, `"new"`, "unheard", `reason="shutdown"`, `command="other",status="failure"`)
}

func TestTheRestOfTheEventsIsCounted(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	o := tel.Observer()
	ctx := t.Context()
	o.GaveUp(ctx, conn.Outage{})
	o.OperationAbandoned(ctx, "exec")
	o.CallbackPanicked(ctx, "boom")
	tel.SetSource(Source{Sessions: func() (int, int) { return 2, 3 }})
	o.SessionWaited(ctx, 2*time.Second)
	expect(t, tel, nameGivenUp+" 1", nameAbandoned+" 1", nameCallbackPanics+" 1",
		nameSessionsInUse+" 2", nameSessionsLimit+" 3", nameSessionWait+"_sum 2")
}

func TestTheExporterGetsNoGaugeWithARatio(t *testing.T) {
	for _, i := range Catalog() {
		if i.Type == TypeGauge && i.Unit == "1" {
			t.Errorf("%s would become %s_ratio", i.Name, i.Name)
		}
	}
}

var exemplarMark = regexp.MustCompile(`(?m)# \{.*trace_id=`)

func TestExemplarsAreThereExactlyWhenSpansAreExported(t *testing.T) {
	for _, tracing := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			tel, _ := newTelemetry(t, tracing)
			rebootStory(newDevice(tel))
			if got := exemplarMark.MatchString(scrape(t, tel, acceptOpenMetrics)); got != tracing {
				t.Errorf("tracing %v, exemplars %v", tracing, got)
			}
			if exemplarMark.MatchString(scrape(t, tel, acceptClassic)) {
				t.Error("the classic format has no exemplars")
			}
		})
	}
}

// recordings are all record paths, by name.
func recordings(o *observer) map[string]func(context.Context) {
	success := conn.AttemptResult{Attempt: conn.Attempt{Total: 2}}
	failure := conn.AttemptResult{Attempt: conn.Attempt{Total: 2}, Err: &conn.Error{Kind: conn.KindRefused}}
	snapshot := &conn.Snapshot{Address: testAddress}
	command := conn.Command{Purpose: conn.PurposeExec, Text: "/disk add"}
	m := o.metrics
	return map[string]func(context.Context){
		"RecordConnectionState":  func(context.Context) { m.RecordConnectionState(testAddress, true) },
		"RecordReconnectAttempt": func(context.Context) { m.RecordReconnectAttempt("success", time.Second) },
		"StateChanged":           func(ctx context.Context) { o.StateChanged(ctx, snapshot) },
		"success":                func(ctx context.Context) { m.attemptEnded(ctx, success) },
		"failure":                func(ctx context.Context) { m.attemptEnded(ctx, failure) },
		"Disconnected":           func(ctx context.Context) { o.Disconnected(ctx, conn.Disconnect{Reason: conn.ReasonEOF}) },
		"stage": func(ctx context.Context) {
			m.stageEnded(ctx, conn.StageResult{StageInfo: conn.StageInfo{Stage: conn.StageTCP}})
		},
		"command": func(ctx context.Context) {
			m.commandEnded(ctx, o.commandName(&command), &conn.CommandResult{Command: command})
		},
		"outage":             func(ctx context.Context) { m.outageEnded(ctx, &conn.Outage{Cause: conn.CauseLink}) },
		"SessionWaited":      func(ctx context.Context) { o.SessionWaited(ctx, time.Second) },
		"OperationAbandoned": func(ctx context.Context) { o.OperationAbandoned(ctx, "exec") },
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	for name, tracing := range map[string]bool{"without spans": false, "in a sampled span": true} {
		t.Run(name, func(t *testing.T) {
			tel, _ := newTelemetry(t, tracing)
			tel.observer.classify = func(string) string { return "disk_add" }
			ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "test")
			defer span.End()
			for name, record := range recordings(tel.observer) {
				record(ctx) // the first one makes the series
				if n := testing.AllocsPerRun(100, func() { record(ctx) }); n != 0 {
					t.Errorf("%s: %v allocations", name, n)
				}
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	tel, _ := newTelemetry(b, true)
	ctx, span := tel.TracerProvider().Tracer("test").Start(b.Context(), "test")
	defer span.End()
	for name, record := range recordings(tel.observer) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				record(ctx)
			}
		})
	}
}

func BenchmarkScrape(b *testing.B) {
	tel, _ := newTelemetry(b, false)
	newDevice(tel)
	b.ReportAllocs()
	for b.Loop() {
		scrape(b, tel, acceptOpenMetrics)
	}
}

func TestInstrumentErrorsAreReturned(t *testing.T) {
	b := &builder{meter: sdkmetric.NewMeterProvider().Meter("test")}
	b.counter(nameConnectionState)
	b.histogram("rds_csi_rds_unheard_of")
	if err := b.err(); err == nil || !strings.Contains(err.Error(), "unheard_of") || !strings.Contains(err.Error(), nameConnectionState) {
		t.Errorf("got %v", err)
	}
}
