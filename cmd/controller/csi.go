package main

import (
	"context"
	"log/slog"
	"net"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc/stats"

	"rds-csi/internal/conn"
	"rds-csi/internal/driver"
	"rds-csi/internal/otelx"
	"rds-csi/internal/status"
)

// csiServices is what is served over CSI, but for the connection.
func csiServices(cfg *config, client conn.Client, logger *slog.Logger, telemetry *otelx.Telemetry, page *status.Recorder) (driver.Config, error) {
	if cfg.endpoint == (endpoint{}) {
		return driver.Config{}, nil
	}
	rpcs, err := telemetry.CSI(cfg.driverName)
	if err != nil {
		return driver.Config{}, err
	}
	services := driver.Config{
		Name: cfg.driverName, Version: thisBuild().version, ProbeIgnoresConnection: cfg.probeIgnoresConnection,
		Observer: csiObserver{rpcs, page}, StatsHandler: rpcTelemetry(telemetry), Logger: logger,
	}
	services.Controller, err = newController(cfg, client, services.Observer, logger)
	return services, err
}

// listenDriver makes the CSI server and opens its endpoint; nil: none is
// wanted.
func listenDriver(cfg *config, services driver.Config) (*driver.Server, net.Listener, error) {
	if cfg.endpoint == (endpoint{}) {
		return nil, nil, nil
	}
	server, err := driver.NewServer(services)
	if err != nil {
		return nil, nil, err
	}
	l, err := listenCSI(cfg.endpoint)
	return server, l, err
}

// rpcTelemetry makes a span and a measurement of each RPC that a service has: of
// others gRPC tells it no end, so that clients cannot make series of their names.
func rpcTelemetry(telemetry *otelx.Telemetry) stats.Handler {
	return otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(telemetry.TracerProvider()),
		otelgrpc.WithMeterProvider(telemetry.MeterProvider()), otelgrpc.WithPropagators(propagation.TraceContext{}))
}

// newController makes what the Controller service needs; nil where there is no
// CSI endpoint, or no place for volumes.
func newController(cfg *config, client conn.Client, observer driver.Observer, logger *slog.Logger) (*driver.ControllerConfig, error) {
	if !cfg.servesVolumes() {
		return nil, nil
	}
	store, err := driver.NewRouterOSStore(driver.StoreConfig{Client: client, BasePaths: cfg.rds.volumeBasePaths})
	if err != nil {
		return nil, err
	}
	return &driver.ControllerConfig{
		Store:     store,
		Inventory: driver.NewInventory(driver.InventoryConfig{Store: store, Observer: observer, Logger: logger}),
		Address:   cfg.rds.host,
		IDFormat:  driver.IDFormat(cfg.volumeIDFormat),
	}, nil
}

// servesVolumes reports whether the Controller service is served.
func (c *config) servesVolumes() bool {
	return c.endpoint != (endpoint{}) && len(c.rds.volumeBasePaths) > 0
}

// csiObserver tells telemetry and page what the driver does and finds.
type csiObserver struct {
	to   *otelx.CSI
	page *status.Recorder
}

var _ driver.Observer = csiObserver{}

func (o csiObserver) CallEnded(ctx context.Context, c driver.Call) {
	o.to.CallEnded(ctx, c.Method, c.Code, c.Duration)
}

func (o csiObserver) ReconcileStarted(ctx context.Context) context.Context {
	return o.to.ReconcileStarted(ctx)
}

func (o csiObserver) ReconcileEnded(ctx context.Context, r driver.Reconciliation) {
	o.to.ReconcileEnded(ctx, r.Volumes, len(r.Changes), r.Err)
}

func (o csiObserver) VolumesCounted(_ context.Context, n int) { o.to.VolumesCounted(n) }

func (o csiObserver) VolumeChanged(ctx context.Context, c driver.Change) {
	o.to.VolumeChanged(ctx, string(c.Kind))
	o.page.VolumeChanged(string(c.Kind), c.VolumeID)
}

func (o csiObserver) PoolMeasured(_ context.Context, pool string, size, free int64) {
	o.to.PoolMeasured(pool, size, free)
}

// listedVolumes is what the page shows of the volumes; nil where none are
// served.
func listedVolumes(c *driver.ControllerConfig) func() *status.Volumes {
	if c == nil {
		return nil
	}
	return func() *status.Volumes {
		found := c.Inventory.Summary()
		if found == nil {
			return nil
		}
		v := &status.Volumes{ListedAt: found.At, Count: found.Volumes, Bytes: found.Bytes}
		for _, p := range found.Pools {
			v.Pools = append(v.Pools, status.Pool{Name: p.Pool, Size: p.Size, Free: p.Free})
		}
		return v
	}
}
