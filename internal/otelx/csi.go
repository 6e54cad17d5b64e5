package otelx

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// CSI records what the CSI services do and find. Safe for concurrent use.
type CSI struct {
	driver     string
	operations metric.Float64Histogram
	changes    *counter
	volumes    metric.Int64ObservableGauge
	poolSize   metric.Int64ObservableGauge
	poolFree   metric.Int64ObservableGauge
	tracer     trace.Tracer

	mu      sync.Mutex // guards the rest; held for memory work only
	options map[[2]string][]metric.RecordOption
	found   *found // nil until somebody looked
	pools   map[string]pool
}

type found struct{ volumes int64 }

type pool struct {
	labels     []metric.ObserveOption
	size, free int64
}

// CSI makes the instruments of the CSI services of a driver. To be called at
// most once.
func (t *Telemetry) CSI(driver string) (*CSI, error) {
	b := &builder{meter: t.meters.Meter(scope)}
	operations := b.info(nameOperations, TypeHistogram)
	c := &CSI{
		driver:   clean(driver),
		changes:  b.counter(nameVolumesChanged),
		volumes:  b.intGauge(nameVolumes),
		poolSize: b.intGauge(namePoolSize),
		poolFree: b.intGauge(namePoolFree),
		tracer:   t.tracers.Tracer(scope),
		options:  make(map[[2]string][]metric.RecordOption),
		pools:    make(map[string]pool),
	}
	var err error
	c.operations, err = b.meter.Float64Histogram(nameOperations, metric.WithDescription(operations.Help),
		metric.WithUnit(operations.Unit), metric.WithExplicitBucketBoundaries(operations.Buckets...))
	b.check(nameOperations, err)
	if len(b.errs) == 0 {
		_, err = b.meter.RegisterCallback(c.observe, c.volumes, c.poolSize, c.poolFree)
		b.check("callback", err)
	}
	return c, b.err()
}

// observe is called at a scrape and reports what was found last.
func (c *CSI) observe(_ context.Context, o metric.Observer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found != nil {
		o.ObserveInt64(c.volumes, c.found.volumes)
	}
	for _, p := range c.pools {
		o.ObserveInt64(c.poolSize, p.size, p.labels...)
		o.ObserveInt64(c.poolFree, p.free, p.labels...)
	}
	return nil
}

// CallEnded records an RPC. Methods are those that the server has registered
// and codes those of gRPC, so that both lists are closed.
func (c *CSI) CallEnded(ctx context.Context, method, code string, took time.Duration) {
	c.operations.Record(ctx, took.Seconds(), c.callOptions(method, code)...)
}

func (c *CSI) callOptions(method, code string) []metric.RecordOption {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{method, code}
	options, ok := c.options[key]
	if !ok {
		options = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
			attribute.String("driver_name", c.driver),
			attribute.String("method_name", clean(method)),
			attribute.String("grpc_status_code", clean(code))))}
		c.options[key] = options
	}
	return options
}

// VolumesCounted stores how many volumes there are.
func (c *CSI) VolumesCounted(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = &found{int64(n)}
}

// VolumeChanged counts a volume that is not as it was left.
func (c *CSI) VolumeChanged(ctx context.Context, change string) {
	c.changes.add(ctx, values{change})
}

// PoolMeasured stores the size of a pool and what is free of it, in bytes. There
// are as many pools as base paths at most.
func (c *CSI) PoolMeasured(name string, size, free int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pools[name] = pool{labels(attribute.String("pool", clean(name))), size, free}
}

// ReconcileStarted begins the span of a look at everything on the device: a
// trace of its own, linked to the attempt that made the connection, since a
// look goes on long after the attempt has ended.
func (c *CSI) ReconcileStarted(ctx context.Context) context.Context {
	options := []trace.SpanStartOption{trace.WithNewRoot()}
	if attempt := trace.SpanContextFromContext(ctx); attempt.IsValid() {
		options = append(options, trace.WithLinks(link(attempt, "connection")))
	}
	ctx, _ = c.tracer.Start(ctx, "rds.reconcile", options...)
	return ctx
}

// ReconcileEnded ends it.
func (c *CSI) ReconcileEnded(ctx context.Context, volumes, changes int, err error) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if err != nil {
		// The text may come from the device.
		span.SetAttributes(semconv.ErrorTypeOther)
		span.SetStatus(codes.Error, "The volumes could not be listed.")
		return
	}
	span.SetAttributes(attribute.Int("rds_csi.volumes", volumes), attribute.Int("rds_csi.volumes.changed", changes))
}
