package otelx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Variables that decide whether spans are exported, and where to.
const (
	envDisabled       = "OTEL_SDK_DISABLED"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// newSpanExporter makes the exporter that the environment asks for, nil where
// it asks for none. Without a variable nothing is made: autoexport would dial
// localhost.
func newSpanExporter(ctx context.Context) (*abortable, error) {
	wanted, err := tracesWanted()
	if err != nil || !wanted {
		return nil, err
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	return &abortable{SpanExporter: exporter}, nil
}

// abortable is an exporter that can be told to stop for good: the processor's
// Shutdown leaves an export and the rest of its queue behind when its context
// ends.
type abortable struct {
	sdktrace.SpanExporter
	aborted atomic.Bool
}

// ExportSpans drops the spans once aborted, without a word: nobody reads the
// log of a process that is gone.
func (e *abortable) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if e.aborted.Load() {
		return nil
	}
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if e.aborted.Load() {
		return nil
	}
	return err
}

// abort ends the export in flight and its retries.
func (e *abortable) abort(ctx context.Context) error {
	e.aborted.Store(true)
	e.SpanExporter.Shutdown(ctx) // it says no more than the processor's
	return nil
}

// tracesWanted reads the variables and checks what the exporter would fail on
// late, or not at all: it ignores an endpoint that it cannot parse and dials
// localhost.
func tracesWanted() (bool, error) {
	if strings.EqualFold(env(envDisabled), "true") {
		return false, nil
	}
	exporter := os.Getenv(envExporter)
	switch exporter {
	case "none":
		return false, nil
	case "console":
		return true, nil
	case "":
		if env(envEndpoint) == "" && env(envTracesEndpoint) == "" {
			return false, nil
		}
	case "otlp":
	default:
		return false, fmt.Errorf("%s=%q: use otlp, console or none", envExporter, exporter)
	}
	return true, checkOTLP()
}

func checkOTLP() error {
	name, protocol := envTracesProtocol, os.Getenv(envTracesProtocol)
	if protocol == "" {
		name, protocol = envProtocol, os.Getenv(envProtocol)
	}
	if protocol != "" && protocol != "grpc" && protocol != "http/protobuf" {
		return fmt.Errorf("%s=%q: use grpc or http/protobuf", name, protocol)
	}
	return errors.Join(checkEndpoint(envEndpoint, protocol), checkEndpoint(envTracesEndpoint, protocol))
}

// checkEndpoint leaves the value out of its error: it may hold a password.
func checkEndpoint(name, protocol string) error {
	value := env(name)
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	if err == nil && protocol == "grpc" && u.Scheme != "" {
		return nil // a target of gRPC, such as dns:///name:4317
	}
	return fmt.Errorf("%s is no URL such as http://tempo:4318", name)
}

func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// newResource describes this process. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES come last and win.
func newResource(ctx context.Context, build Build, log *slog.Logger) *resource.Resource {
	attrs := []resource.Option{resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(serviceName), semconv.ServiceVersion(build.Version)),
		resource.WithFromEnv()}
	r, err := resource.New(ctx, attrs...)
	if err != nil {
		log.Warn("part of OTEL_RESOURCE_ATTRIBUTES is ignored: it must be key=value pairs, separated by commas")
	}
	return r
}
