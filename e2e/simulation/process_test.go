package simulation

import (
	"context"
	"net"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"rds-csi/internal/conn"
	"rds-csi/internal/driver"
	"rds-csi/internal/otelx"
	"rds-csi/internal/routeros"
)

// process is one life of the controller: its parts, wired as cmd/controller
// wires them, and a client of its CSI socket.
type process struct {
	w         *world
	began     time.Time
	client    *conn.SSHClient
	manager   *conn.ConnectionManager
	telemetry *otelx.Telemetry
	witness   *witness
	calls     *calls
	callbacks *callbacks
	inventory *driver.Inventory
	spans     *spanCount

	controller csi.ControllerClient
	identity   csi.IdentityClient
	cc         *grpc.ClientConn
	end        context.CancelFunc
	served     chan error  // gets the result of the CSI server
	ending     atomic.Bool // its end has begun
	stopped    atomic.Bool // Stop has returned
}

// start begins a life. The monitor starts at once, or only after a Reconnect.
func (w *world) start(reconnectFirst bool) {
	w.t.Helper()
	p := &process{w: w, began: time.Now(), spans: &spanCount{}}
	p.witness, p.calls, p.callbacks = newWitness(w, p), newCalls(w), &callbacks{w: w, p: p}
	cfg := otelx.Config{Logger: w.logger, CommandName: routeros.CommandName, VerbAndMenu: routeros.VerbAndMenu}
	if w.profile.tracing {
		cfg.SpanProcessor = p.spans
	}
	p.telemetry = must(otelx.New(w.t.Context(), cfg))
	// To ask Go and the process how they are would be most of the work.
	p.telemetry.Registry().Unregister(collectors.NewGoCollector())
	p.telemetry.Registry().Unregister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	observer := conn.Observers{p.telemetry.Observer(), p.witness}
	p.client = must(conn.NewSSHClient(conn.SSHClientConfig{Host: w.profile.host(), User: "admin", KeyFile: w.keyFile, HostKeyFile: w.hostKeyFile,
		Verify: verify, Observer: observer, Dial: w.network.dialer(p), LookupIP: w.network.lookup, SessionLimit: w.profile.sessions, DialBudget: w.profile.budget}))
	store := must(driver.NewRouterOSStore(driver.StoreConfig{Client: p.client, BasePaths: []string{"/pool/volumes"}}))
	csiObserver := &csiObserver{to: must(p.telemetry.CSI("rds.csi.srvlab.io")), calls: p.calls}
	p.inventory = driver.NewInventory(driver.InventoryConfig{Store: store, Observer: csiObserver, Logger: w.logger})
	jitter := w.profile.jitter
	if jitter == 0 {
		jitter = -1
	}
	p.manager = must(conn.NewConnectionManager(conn.ConnectionManagerConfig{Client: p.client, RandomizationFactor: jitter,
		MaxElapsedTime: w.profile.maxElapsed, OnReconnect: p.callbacks.run, Observer: observer, Logger: w.logger}))
	p.telemetry.SetSource(otelx.Source{Snapshot: p.manager.Snapshot, LastReceived: p.client.LastReceived, Sessions: p.client.Sessions})
	p.serveCSI(store, csiObserver)
	w.process.Store(p)
	if reconnectFirst {
		p.calls.reconnect(p, time.Minute)
		synctest.Wait()
		p.witness.monitorStarts()
	}
	p.manager.StartMonitor(context.WithoutCancel(w.t.Context()))
}

func (p *process) serveCSI(store driver.Store, observer driver.Observer) {
	server := must(driver.NewServer(driver.Config{Name: "rds.csi.srvlab.io", Version: "v1", Connection: p.manager,
		Controller: &driver.ControllerConfig{Store: store, Inventory: p.inventory, Address: p.w.profile.host()},
		Observer:   observer, Logger: p.w.logger}))
	listener := bufconn.Listen(1 << 16)
	var running context.Context
	running, p.end = context.WithCancel(context.Background())
	p.served = make(chan error, 1)
	go func() { p.served <- server.Run(running, listener) }()
	p.cc = must(grpc.NewClient("passthrough:///rds", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })))
	p.controller, p.identity = csi.NewControllerClient(p.cc), csi.NewIdentityClient(p.cc)
}

// stop ends a life as SIGTERM does: the CSI server, then the connection.
func (w *world) stop() {
	w.t.Helper()
	p := w.process.Swap(nil)
	if p == nil {
		return
	}
	begin := time.Now()
	p.ending.Store(true)
	p.end()
	if err := <-p.served; err != nil {
		w.violate("Stop within its bound", "the CSI server: %v", err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		w.violate("Stop within its bound", "the CSI server took %v", took)
	}
	synctest.Wait()
	before := p.scrape()
	p.stopManager()
	synctest.Wait()
	p.wantUncounted(before)
	p.cc.Close()
	p.callbacks.join()
	synctest.Wait()
	p.witness.final()
	w.network.wantNone()
	if err := p.telemetry.Shutdown(context.Background()); err != nil {
		w.violate("Stop within its bound", "telemetry: %v", err)
	}
	p.spans.wantNone(w)
	synctest.Wait()
	w.wantNoGoroutines()
}

// stopManager calls Stop, from several goroutines at once. Only a callback that
// ignores its context may make it take any time.
func (p *process) stopManager() {
	begin, deaf := time.Now(), p.callbacks.deaf()
	done := make(chan struct{}, 3)
	for range cap(done) {
		go func() { p.manager.Stop(); done <- struct{}{} }()
	}
	for range cap(done) {
		<-done
	}
	took := time.Since(begin)
	p.stopped.Store(true)
	if bound := time.Second; took > bound || took > 0 && !deaf {
		p.w.violate("Stop within its bound", "Stop took %v", took)
	}
	if s := p.manager.Snapshot(); p.manager.IsConnected() || p.client.IsConnected() || s.State != conn.StateStopped && !deaf {
		p.w.violate("Stop within its bound", "after Stop: %s", s.State)
	}
}

// verify is what the controller uses.
func verify(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return conn.Identity{SerialNumber: info.SerialNumber, SoftwareID: info.SoftwareID, SystemID: info.SystemID,
		Version: info.Version, Board: info.Board, Uptime: info.Uptime}, err
}

// csiObserver tells telemetry and checks what the driver says of its calls.
type csiObserver struct {
	driver.NopObserver
	to    *otelx.CSI
	calls *calls
}

func (o *csiObserver) CallEnded(ctx context.Context, c driver.Call) {
	o.to.CallEnded(ctx, c.Method, c.Code, c.Duration)
	o.calls.served(ctx, c)
}

func (o *csiObserver) ReconcileStarted(ctx context.Context) context.Context {
	return o.to.ReconcileStarted(ctx)
}

func (o *csiObserver) ReconcileEnded(ctx context.Context, r driver.Reconciliation) {
	o.to.ReconcileEnded(ctx, r.Volumes, len(r.Changes), r.Err)
}

func (o *csiObserver) VolumesCounted(_ context.Context, n int) { o.to.VolumesCounted(n) }

func (o *csiObserver) VolumeChanged(ctx context.Context, c driver.Change) {
	o.to.VolumeChanged(ctx, string(c.Kind))
	o.calls.w.volumes.changed(c)
}

func (o *csiObserver) PoolMeasured(_ context.Context, pool string, size, free int64) {
	o.to.PoolMeasured(pool, size, free)
}
