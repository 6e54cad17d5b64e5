package otelx

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"rds-csi/internal/conn"
)

// Build is what rds_csi_build_info tells, beside the version of Go.
type Build struct {
	Version  string
	Revision string
}

// Source is read at every scrape. Its functions must read memory only.
type Source struct {
	Snapshot     func() *conn.Snapshot // of the connection manager
	LastReceived func() time.Time      // of the client: when the newest byte arrived
	Sessions     func() (inUse, limit int)
}

// gauges reports the state that is true at the moment of a scrape. What is
// unknown is absent, not zero.
type gauges struct {
	connectionState     metric.Int64ObservableGauge
	consecutiveFailures metric.Int64ObservableGauge
	banSuspected        metric.Int64ObservableGauge
	sessionsInUse       metric.Int64ObservableGauge
	sessionsLimit       metric.Int64ObservableGauge
	connectionInfo      metric.Int64ObservableGauge
	buildInfo           metric.Int64ObservableGauge
	nextAttempt         metric.Float64ObservableGauge
	established         metric.Float64ObservableGauge
	lastDisconnect      metric.Float64ObservableGauge
	lastReceived        metric.Float64ObservableGauge

	build  []metric.ObserveOption // immutable
	source atomic.Pointer[Source]

	mu        sync.Mutex // guards the rest; held for memory work only
	address   string
	state     []metric.ObserveOption // of address; nil until the state is known
	connected bool
}

func (b *builder) gauges(build Build) *gauges {
	g := &gauges{
		connectionState:     b.intGauge(nameConnectionState),
		consecutiveFailures: b.intGauge(nameConsecutiveFailures),
		banSuspected:        b.intGauge(nameBanSuspected),
		sessionsInUse:       b.intGauge(nameSessionsInUse),
		sessionsLimit:       b.intGauge(nameSessionsLimit),
		connectionInfo:      b.intGauge(nameConnectionInfo),
		buildInfo:           b.intGauge(nameBuildInfo),
		nextAttempt:         b.floatGauge(nameNextAttempt),
		established:         b.floatGauge(nameEstablished),
		lastDisconnect:      b.floatGauge(nameLastDisconnect),
		lastReceived:        b.floatGauge(nameLastReceived),
		build: labels(attribute.String("version", clean(build.Version)),
			attribute.String("revision", clean(build.Revision)), attribute.String("goversion", runtime.Version())),
	}
	if len(b.errs) > 0 {
		return g
	}
	_, err := b.meter.RegisterCallback(g.observe, g.connectionState, g.consecutiveFailures, g.banSuspected,
		g.sessionsInUse, g.sessionsLimit, g.connectionInfo, g.buildInfo,
		g.nextAttempt, g.established, g.lastDisconnect, g.lastReceived)
	b.check("callback", err)
	return g
}

func (g *gauges) setState(address string, connected bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setStateLocked(address, connected)
}

func (g *gauges) setStateLocked(address string, connected bool) {
	if g.state == nil || g.address != address {
		g.address, g.state = address, addressLabel(address)
	}
	g.connected = connected
}

// setSource makes the state known before the first event.
func (g *gauges) setSource(s Source) {
	g.source.Store(&s)
	if s.Snapshot == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == nil {
		now := s.Snapshot()
		g.setStateLocked(now.Address, now.Connected())
	}
}

// observe is called at a scrape.
func (g *gauges) observe(_ context.Context, o metric.Observer) error {
	o.ObserveInt64(g.buildInfo, 1, g.build...)
	g.observeStored(o)

	source := g.source.Load()
	if source == nil {
		source = &Source{}
	}
	s := &conn.Snapshot{}
	if source.Snapshot != nil {
		s = source.Snapshot()
	}
	address := addressLabel(s.Address)
	o.ObserveInt64(g.consecutiveFailures, int64(s.ConsecutiveFailures))
	o.ObserveInt64(g.banSuspected, number(s.BanSuspected))
	now := time.Now()
	observeTime(o, g.nextAttempt, now, s.NextAttempt, address)
	observeTime(o, g.established, now, s.ConnectedAt, address)
	observeTime(o, g.lastDisconnect, now, s.DisconnectedAt, address)
	if source.LastReceived != nil {
		observeTime(o, g.lastReceived, now, source.LastReceived(), address)
	}
	inUse, limit := 0, 0
	if source.Sessions != nil {
		inUse, limit = source.Sessions()
		o.ObserveInt64(g.sessionsLimit, int64(limit))
	}
	o.ObserveInt64(g.sessionsInUse, int64(inUse))
	if s.Generation > 0 {
		o.ObserveInt64(g.connectionInfo, 1, labels(attribute.String("address", clean(s.Address)),
			attribute.String("server_version", clean(s.Report.Identity.Version)),
			attribute.String("host_key_check", clean(s.Report.HostKeyCheck)))...)
	}
	return nil
}

// observeStored reports what events brought.
func (g *gauges) observeStored(o metric.Observer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != nil {
		o.ObserveInt64(g.connectionState, number(g.connected), g.state...)
	}
}

// observeTime reports the time itself and not the time since: a stuck process
// cannot make it look fresh. Prometheus compares it with a clock of its own.
func observeTime(o metric.Observer, g metric.Float64ObservableGauge, now, t time.Time, options []metric.ObserveOption) {
	if !t.IsZero() {
		o.ObserveFloat64(g, float64(conn.OnClock(now, t).UnixMicro())/1e6, options...)
	}
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func labels(attrs ...attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

func addressLabel(address string) []metric.ObserveOption {
	return labels(attribute.String("address", clean(address)))
}

// maxLabel bounds values that the device or the configuration chose.
const maxLabel = 256

// clean makes a value fit for a label: Prometheus refuses a whole scrape for
// one label value that is not UTF-8.
func clean(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
	}
	return strings.ToValidUTF8(s, "")
}
