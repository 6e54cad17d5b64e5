package otelx

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/codes"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// csiStory is a driver that looked and answered.
func csiStory(t *testing.T, tel *Telemetry) *CSI {
	t.Helper()
	c, err := tel.CSI("rds.csi.example")
	if err != nil {
		t.Fatal(err)
	}
	c.CallEnded(t.Context(), "/csi.v1.Controller/CreateVolume", "OK", 300*time.Millisecond)
	c.CallEnded(t.Context(), "/csi.v1.Controller/CreateVolume", "Unavailable", time.Millisecond)
	answerRPC(t.Context(), tel, "/csi.v1.Controller/CreateVolume", nil, 300*time.Millisecond)
	answerRPC(t.Context(), tel, "/csi.v1.Controller/CreateVolume", status.Error(grpccodes.Unavailable, "away"), time.Millisecond)
	c.VolumesCounted(3)
	c.VolumeChanged(t.Context(), "vanished")
	c.VolumeChanged(t.Context(), "made up")
	c.PoolMeasured("pool", 100, 40)
	c.PoolMeasured("pool", 100, 30)
	return c
}

// answerRPC has the gRPC instrumentation see an RPC.
func answerRPC(ctx context.Context, tel *Telemetry, method string, err error, took time.Duration) {
	h := otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(tel.TracerProvider()), otelgrpc.WithMeterProvider(tel.MeterProvider()))
	ctx = h.TagRPC(ctx, &stats.RPCTagInfo{FullMethodName: method})
	begin := time.Now()
	h.HandleRPC(ctx, &stats.End{BeginTime: begin, EndTime: begin.Add(took), Error: err})
}

func TestExpositionOfTheDriver(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	csiStory(t, tel)
	golden(t, "csi.prom", ours(scrape(t, tel, acceptClassic)))
}

func TestCSISeriesAreExact(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	expectAbsent(t, tel, "csi_plugin", nameVolumes, namePoolSize, namePoolFree)
	csiStory(t, tel)
	expect(t, tel,
		`csi_plugin_operations_seconds_count{driver_name="rds.csi.example",grpc_status_code="OK",method_name="/csi.v1.Controller/CreateVolume"} 1`,
		`csi_plugin_operations_seconds_count{driver_name="rds.csi.example",grpc_status_code="Unavailable",method_name="/csi.v1.Controller/CreateVolume"} 1`,
		nameVolumes+" 3", nameVolumesChanged+`{change="vanished"} 1`, nameVolumesChanged+`{change="unexported"} 0`,
		namePoolSize+`{pool="pool"} 100`, namePoolFree+`{pool="pool"} 30`)
}

func TestVolumesAndPoolsAreAbsentUntilSomebodyLooked(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	if _, err := tel.CSI("rds.csi.example"); err != nil {
		t.Fatal(err)
	}
	expect(t, tel, nameVolumesChanged+`{change="resized"} 0`)
	expectAbsent(t, tel, nameVolumes+" ", namePoolSize, namePoolFree)
}

func TestRecordingACallAllocatesNothing(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	c := csiStory(t, tel)
	if n := testing.AllocsPerRun(100, func() { c.CallEnded(t.Context(), "/csi.v1.Controller/CreateVolume", "OK", time.Second) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestReconcileIsATraceOfItsOwnLinkedToTheAttempt(t *testing.T) {
	tel, recorder := newTelemetry(t, true)
	c := csiStory(t, tel)
	ctx, attempt := tel.TracerProvider().Tracer(scope).Start(t.Context(), "rds.reconnect")
	attempt.End()
	c.ReconcileEnded(c.ReconcileStarted(ctx), 3, 1, nil)
	c.ReconcileEnded(c.ReconcileStarted(ctx), 0, 0, errors.New("secret"))
	spans := recorder.Ended()
	good, bad := spans[len(spans)-2], spans[len(spans)-1]
	if good.SpanContext().TraceID() == attempt.SpanContext().TraceID() || len(good.Links()) != 1 ||
		good.Links()[0].SpanContext.SpanID() != attempt.SpanContext().SpanID() {
		t.Errorf("span %s in trace %s with links %v", good.Name(), good.SpanContext().TraceID(), good.Links())
	}
	if bad.Status().Code != codes.Error || good.Status().Code != codes.Unset {
		t.Errorf("status %v and %v", good.Status(), bad.Status())
	}
}
