package otelx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// environment sets the variables of OpenTelemetry, and clears those that the
// developer's shell may have.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, name := range []string{envDisabled, envExporter, envEndpoint, envTracesEndpoint, envProtocol, envTracesProtocol,
		"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_EXPORTER_OTLP_HEADERS"} {
		t.Setenv(name, set[name])
	}
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
}

func TestSpansAreExportedOnlyWhereTheEnvironmentAsksForIt(t *testing.T) {
	const endpoint = "http://127.0.0.1:4318"
	for _, c := range []struct {
		name   string
		env    map[string]string
		wanted bool
		err    string
	}{
		{"nothing set", nil, false, ""},
		{"endpoint", map[string]string{envEndpoint: endpoint}, true, ""},
		{"traces endpoint", map[string]string{envTracesEndpoint: endpoint}, true, ""},
		{"otlp", map[string]string{envExporter: "otlp"}, true, ""},
		{"console", map[string]string{envExporter: "console"}, true, ""},
		{"none", map[string]string{envExporter: "none", envEndpoint: endpoint}, false, ""},
		{"disabled", map[string]string{envDisabled: "TRUE", envEndpoint: endpoint}, false, ""},
		{"not disabled", map[string]string{envDisabled: "1", envEndpoint: endpoint}, true, ""},
		{"grpc target", map[string]string{envEndpoint: "dns:///tempo:4317", envProtocol: "grpc"}, true, ""},
		{"unknown exporter", map[string]string{envExporter: "zipkin"}, false, envExporter},
		{"unknown protocol", map[string]string{envEndpoint: endpoint, envProtocol: "http/json"}, false, envProtocol},
		{"unknown traces protocol", map[string]string{envExporter: "otlp", envTracesProtocol: "udp"}, false, envTracesProtocol},
		{"no scheme", map[string]string{envEndpoint: "tempo:4318"}, false, envEndpoint},
		{"no URL", map[string]string{envTracesEndpoint: "http://user:secret@[::1"}, false, envTracesEndpoint},
	} {
		t.Run(c.name, func(t *testing.T) {
			environment(t, c.env)
			wanted, err := tracesWanted()
			switch {
			case c.err == "" && (err != nil || wanted != c.wanted):
				t.Errorf("got %v, %v", wanted, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNewWithoutAnEndpointMakesNoSpans(t *testing.T) {
	environment(t, nil)
	tel, err := New(t.Context(), Config{Build: testBuild})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "test")
	if tel.observer.spans != nil || span.SpanContext().IsValid() {
		t.Error("there are spans")
	}
	expect(t, tel, nameReconnects+`{status="success"} 0`)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	environment(t, map[string]string{envExporter: "zipkin"})
	if _, err := New(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "zipkin") {
		t.Errorf("got %v", err)
	}
}

// A sink takes spans by OTLP, over the wire.
func TestSpansReachTheCollector(t *testing.T) {
	bodies := make(chan []byte, 10)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- body
	}))
	defer sink.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	environment(t, map[string]string{envEndpoint: sink.URL, "OTEL_SERVICE_NAME": "renamed"})
	tel, err := New(t.Context(), Config{Build: testBuild})
	if err != nil {
		t.Fatal(err)
	}
	newDevice(tel).connect("")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := <-bodies
	for _, word := range []string{"rds.reconnect", "ssh handshake", "renamed", "1.2.3"} {
		if !bytes.Contains(body, []byte(word)) {
			t.Errorf("%q was not sent", word)
		}
	}
}

// deadCollectors are three ways to be of no use.
func deadCollectors(t *testing.T) map[string]string {
	t.Helper()
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-release
	}))
	t.Cleanup(func() { close(release); silent.Close() })
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable) // the exporter retries this for a minute
	}))
	t.Cleanup(busy.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	return map[string]string{"silent": silent.URL, "busy": busy.URL, "refusing": "http://" + closed.Addr().String()}
}

func TestADeadCollectorHoldsUpNeitherSpansNorShutdown(t *testing.T) {
	for name, url := range deadCollectors(t) {
		for _, protocol := range []string{"http/protobuf", "grpc"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				environment(t, map[string]string{envEndpoint: url, envProtocol: protocol})
				var log bytes.Buffer
				tel, err := New(t.Context(), Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				tracer := tel.TracerProvider().Tracer("test")
				for range 10_000 { // far more than the queue holds
					_, span := tracer.Start(t.Context(), "test")
					span.End()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				tel.Shutdown(ctx)
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

func TestTheResourceTakesTheEnvironmentsWord(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"rds-csi-controller": nil,
		"b":                  {"OTEL_RESOURCE_ATTRIBUTES": "service.name=b,site=x"},
		"a":                  {"OTEL_SERVICE_NAME": "a", "OTEL_RESOURCE_ATTRIBUTES": "service.name=b"},
	} {
		environment(t, env)
		set := newResource(t.Context(), testBuild, slog.New(slog.DiscardHandler)).Set()
		name, _ := set.Value("service.name")
		version, _ := set.Value(attribute.Key("service.version"))
		if name.AsString() != want || version.AsString() != "1.2.3" {
			t.Errorf("got %s %s, want %s", name.AsString(), version.AsString(), want)
		}
	}
}

// What the SDK cannot read is a warning without the value: headers hold
// credentials.
func TestBadSettingsOfTheSDKAreWarningsWithoutTheirValues(t *testing.T) {
	environment(t, map[string]string{envEndpoint: "http://127.0.0.1:1", "OTEL_TRACES_SAMPLER": "sometimes",
		"OTEL_EXPORTER_OTLP_HEADERS": "Authorization hunter-two", "OTEL_RESOURCE_ATTRIBUTES": "hunter-two"})
	var log bytes.Buffer
	tel, err := New(t.Context(), Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	tel.Shutdown(t.Context())
	for _, word := range []string{"unsupported sampler: sometimes", "parse headers", "OTEL_RESOURCE_ATTRIBUTES"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("%q is not in the log: %s", word, &log)
		}
	}
	if strings.Contains(log.String(), "hunter-two") {
		t.Errorf("a credential is in the log: %s", &log)
	}
}

func TestErrorsOfTheTelemetryAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := &errorHandler{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 3 * 60 * 10 {
			h.Handle(errors.New("connection refused"))
			time.Sleep(100 * time.Millisecond)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "suppressed=0") || !strings.Contains(lines[2], "suppressed=599") ||
			!strings.Contains(lines[0], "level=WARN") {
			t.Errorf("got\n%s", &log)
		}
		time.Sleep(time.Minute)
		log.Reset()
		h.Println("gathering:", errors.New(strings.Repeat("x", 5000)))
		if log.Len() > 1000 {
			t.Errorf("a line of %d bytes", log.Len())
		}
	})
}

var _ sdktrace.IDGenerator = (*countingIDs)(nil)
