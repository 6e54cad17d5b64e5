package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// spanSink takes spans by OTLP over HTTP.
type spanSink struct {
	mu    sync.Mutex
	spans []*tracepb.Span // guarded by mu
}

func (s *spanSink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	// On the wire a request for export is the same as a TracesData.
	var data tracepb.TracesData
	body, err := io.ReadAll(r.Body)
	if err != nil || proto.Unmarshal(body, &data) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range data.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
}

// named lists the spans of a name.
func (s *spanSink) named(name string) (found []*tracepb.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.spans {
		if span.GetName() == name {
			found = append(found, span)
		}
	}
	return found
}

// TestRPCsAreTracedAndMeasured calls the process over its socket, reads what it
// serves on /metrics, and stops it, which exports the spans.
func TestRPCsAreTracedAndMeasured(t *testing.T) {
	sink := &spanSink{}
	collector := httptest.NewServer(sink)
	t.Cleanup(collector.Close)
	d := startDevice(t)
	r := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
		d.args("--metrics-address=127.0.0.1:0")...)
	url := r.line("status page")["url"].(string)
	r.line("RDS connected")
	callsOnce(t, r.line("CSI endpoint")["endpoint"].(string))

	const measured = `rpc_server_call_duration_seconds_count{rpc_method="csi.v1.Controller/GetCapacity",rpc_response_status_code="OK",rpc_system_name="grpc"} 1`
	page := scrapeUntil(t, url+"metrics", measured)
	if strings.Contains(page, "made.up") {
		t.Error("a client makes series with the names of its methods")
	}

	r.stopsWithin(idleStop, syscall.SIGTERM)
	rpcs := sink.named("csi.v1.Controller/GetCapacity")
	if len(rpcs) != 1 || rpcs[0].GetKind() != tracepb.Span_SPAN_KIND_SERVER {
		t.Fatalf("the spans of the call are %v", rpcs)
	}
	below := 0
	for _, exec := range sink.named("rds.exec") {
		if bytes.Equal(exec.GetTraceId(), rpcs[0].GetTraceId()) && bytes.Equal(exec.GetParentSpanId(), rpcs[0].GetSpanId()) {
			below++
		}
	}
	if below == 0 {
		t.Errorf("no command is below the call: %v", sink.named("rds.exec"))
	}
}

// scrapeUntil reads /metrics until it has a line: a call is measured when its
// answer is on its way already.
func scrapeUntil(t *testing.T, url, line string) string {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(page), line) {
			return string(page)
		}
		if time.Since(start) > patience {
			t.Fatalf("/metrics lacks %s", line)
		}
	}
}

// callsOnce makes a call of a method that there is not, and one that asks the
// device.
func callsOnce(t *testing.T, endpoint string) {
	t.Helper()
	client, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.Invoke(t.Context(), "/made.up.Service/Method", &csi.ProbeRequest{}, &csi.ProbeResponse{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
	if _, err := csi.NewControllerClient(client).GetCapacity(t.Context(), &csi.GetCapacityRequest{}); err != nil {
		t.Fatal(err)
	}
}
