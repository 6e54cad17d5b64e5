package otelx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"rds-csi/internal/conn"
)

// serviceName is the default of service.name; OTEL_SERVICE_NAME overrides it.
const serviceName = "rds-csi-controller"

// Config configures New. The zero value is usable.
type Config struct {
	Build Build
	// Logger gets the troubles of the telemetry itself; nil: slog.Default().
	Logger *slog.Logger
	// CommandName classifies a command text as a value of the label command of
	// rds_csi_rds_command_duration_seconds; nil, and results that are not in the
	// label's list: "other".
	CommandName func(text string) string
	// VerbAndMenu gives the menu and the verb of a command text, "/disk add",
	// without any of its values; nil: "other". For spans.
	VerbAndMenu func(text string) string
	// SpanProcessor gets the spans, in place of an exporter that the environment
	// asks for, so that a test can read them; nil: that exporter.
	SpanProcessor sdktrace.SpanProcessor
}

// Telemetry is the whole pipeline: instruments, spans and what exports them.
// Safe for concurrent use.
type Telemetry struct {
	registry *prometheus.Registry
	metrics  *Metrics
	observer *observer
	handler  http.Handler

	meters   *sdkmetric.MeterProvider
	tracers  trace.TracerProvider
	shutdown []func(context.Context) error // in this order
}

// New builds the pipeline. Spans are exported where OTEL_TRACES_EXPORTER or an
// OTLP endpoint variable is set; a setting that cannot work is an error. It
// makes itself OpenTelemetry's global error handler and logger, and sets no
// other global.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	cfg = cfg.withDefaults()
	errorLog := &errorHandler{log: cfg.Logger}
	otel.SetErrorHandler(errorLog)
	otel.SetLogger(logr.FromSlogHandler(sdkLog{cfg.Logger}))
	if cfg.SpanProcessor != nil {
		return build(ctx, cfg, errorLog, cfg.SpanProcessor)
	}
	exporter, err := newSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	var processor sdktrace.SpanProcessor
	if exporter != nil {
		// Without WithBlocking: a full queue drops spans and holds up nobody.
		processor = sdktrace.NewBatchSpanProcessor(exporter)
	}
	t, err := build(ctx, cfg, errorLog, processor)
	if err != nil {
		return nil, err
	}
	if exporter != nil {
		t.shutdown = append(t.shutdown, exporter.abort)
	}
	return t, nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// build makes everything but the exporter of spans; without a processor there
// are no spans, and no exemplars that would point at traces nobody stored.
func build(ctx context.Context, cfg Config, errorLog *errorHandler, processor sdktrace.SpanProcessor,
	options ...sdktrace.TracerProviderOption) (*Telemetry, error) {
	t := &Telemetry{registry: prometheus.NewRegistry(), tracers: noop.NewTracerProvider()}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	described := newResource(ctx, cfg.Build, cfg.Logger)

	filter := exemplar.AlwaysOffFilter
	if processor != nil {
		filter = exemplar.TraceBasedFilter
		t.startTracing(append(options, sdktrace.WithResource(described), sdktrace.WithSpanProcessor(processor)))
	}
	if err := t.startMetrics(cfg.Build, described, filter); err != nil {
		return nil, err
	}
	t.observer = &observer{metrics: t.metrics, classify: cfg.CommandName}
	if processor != nil {
		t.observer.spans = &spans{verbAndMenu: cfg.VerbAndMenu,
			tracer: t.tracers.Tracer(scope, trace.WithInstrumentationVersion(cfg.Build.Version))}
	}
	t.handler = newHandler(t.registry, errorLog)
	return t, nil
}

func (t *Telemetry) startTracing(options []sdktrace.TracerProviderOption) {
	provider := sdktrace.NewTracerProvider(options...)
	t.tracers = provider
	t.shutdown = append(t.shutdown, provider.Shutdown)
}

// startMetrics sets the exporter up so that names come out as they are given:
// no scope labels, no target_info, no namespace.
func (t *Telemetry) startMetrics(b Build, described *resource.Resource, filter exemplar.Filter) error {
	reader, err := otelprom.New(otelprom.WithRegisterer(t.registry), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo(),
		otelprom.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return fmt.Errorf("metrics exporter: %w", err)
	}
	t.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(described),
		sdkmetric.WithExemplarFilter(filter), sdkmetric.WithView(rpcView()))
	t.metrics, err = NewMetrics(t.meters, b)
	return err
}

// Observer is to be given to the connection manager and to its client.
func (t *Telemetry) Observer() conn.Observer { return t.observer }

// SetSource names what a scrape reads. It is set later than the observer since
// the manager needs the observer first; until then its series are absent or
// zero.
func (t *Telemetry) SetSource(s Source) { t.metrics.gauges.setSource(s) }

// Handler serves /metrics.
func (t *Telemetry) Handler() http.Handler { return t.handler }

// Registry is where metrics that are not OpenTelemetry's may join /metrics.
func (t *Telemetry) Registry() *prometheus.Registry { return t.registry }

// TracerProvider makes tracers; they do nothing where no spans are exported.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.tracers }

// MeterProvider makes meters whose instruments appear on /metrics.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.meters }

// Shutdown exports what is still queued and ends everything. It returns when
// ctx ends, whatever the collector does. After it /metrics is empty of this
// project's series, so it comes after the HTTP server's end.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for _, end := range t.shutdown {
		errs = append(errs, end(ctx))
	}
	return errors.Join(append(errs, t.meters.Shutdown(ctx))...)
}
