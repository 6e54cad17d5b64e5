package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"

	"rds-csi/internal/conn"
)

// Bounds of a client and of a stop.
const (
	// connectionTimeout bounds the HTTP/2 handshake of a client.
	connectionTimeout = 10 * time.Second
	// noPing: gRPC counts what it has heard of a client by the wall clock, and
	// would end the connection of a healthy one once that clock is set back. The
	// kernel tells of a client that died: at once on a unix socket, by Go's
	// keepalive within minutes on a tcp endpoint.
	noPing = time.Duration(math.MaxInt64)
	// minClientPing is how often a client may ping; more is an attack.
	minClientPing = 10 * time.Second
	maxStreams    = 100 // per client; sidecars use 10 workers or so

	// idleGrace is for clients to take their leave when no RPC is in flight;
	// one that hangs must not delay the stop.
	idleGrace = 300 * time.Millisecond
	// busyGrace is for RPCs in flight to end.
	busyGrace = 3 * time.Second
)

// Connection is what the services know of the connection to the RDS. Its
// methods read memory only. conn.ConnectionManager implements it.
type Connection interface {
	Snapshot() *conn.Snapshot
	// LastTurn is when the monitor's loop last turned, zero before it started.
	LastTurn() time.Time
}

// Config says what to serve.
type Config struct {
	Name       string     // of the driver; required
	Version    string     // of this program; required
	Connection Connection // required
	// ProbeIgnoresConnection makes Probe tell about the process alone.
	ProbeIgnoresConnection bool
	// Controller adds the Controller service; nil: Identity alone is served.
	Controller *ControllerConfig
	// Observer is told what the driver does and finds; nil: nobody.
	Observer Observer
	// StatsHandler traces and counts RPCs; nil: nothing does.
	StatsHandler stats.Handler
	// Logger gets a line for every RPC; nil: slog.Default().
	Logger *slog.Logger
}

// ControllerConfig configures the Controller service.
type ControllerConfig struct {
	Store Store // required
	// Inventory over the same store. Its Reconcile is to be called after each
	// reconnect; Run looks after the first connection. Required.
	Inventory *Inventory
	// Address of the RDS, IP address or name, for nodes whose StorageClass says
	// none. Required.
	Address string
	// IDFormat of new volumes; empty: IDLong.
	IDFormat IDFormat
}

// Server is the gRPC server with the CSI services.
type Server struct {
	cfg   Config // immutable
	grpc  *grpc.Server
	calls *calls
}

// NewServer makes the server; it listens nowhere yet. The error names every
// fault.
func NewServer(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	calls := &calls{logger: cfg.Logger, observer: cfg.Observer}
	options := []grpc.ServerOption{
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: noPing}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(calls.observe, calls.recover),
	}
	if cfg.StatsHandler != nil {
		options = append(options, grpc.StatsHandler(cfg.StatsHandler))
	}
	s := &Server{cfg: cfg, grpc: grpc.NewServer(options...), calls: calls}
	csi.RegisterIdentityServer(s.grpc, &identity{cfg: cfg})
	if cfg.Controller != nil {
		csi.RegisterControllerServer(s.grpc, newController(cfg))
	}
	return s, nil
}

// withDefaults fills in what is empty, or returns every fault.
func (c Config) withDefaults() (Config, error) {
	var faults []error
	require := func(what string, given bool) {
		if !given {
			faults = append(faults, fmt.Errorf("driver: %s is required", what))
		}
	}
	require("Name", c.Name != "")
	require("Version", c.Version != "")
	require("Connection", c.Connection != nil)
	if c.Controller != nil {
		controller := *c.Controller
		require("Controller.Store", controller.Store != nil)
		require("Controller.Inventory", controller.Inventory != nil)
		require("Controller.Address", controller.Address != "")
		switch controller.IDFormat {
		case "":
			controller.IDFormat = IDLong
		case IDLong, IDShort:
		default:
			faults = append(faults, fmt.Errorf("driver: Controller.IDFormat %q is unknown", controller.IDFormat))
		}
		c.Controller = &controller
	}
	if c.Observer == nil {
		c.Observer = NopObserver{}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, errors.Join(faults...)
}

// Run serves until ctx ends, then stops accepting and lets RPCs in flight end,
// for busyGrace at most; it returns nil then, and an error when the listener
// fails. It closes the listener and may be called once.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	if c := s.cfg.Controller; c != nil {
		looking, end := context.WithCancel(ctx)
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			c.Inventory.run(looking, s.cfg.Connection)
		}()
		defer func() { end(); <-looked }()
	}
	clients := newTracker(l)
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(clients) }()
	select {
	case err := <-failed:
		s.grpc.Stop()
		return fmt.Errorf("CSI server: %w", err)
	case <-ctx.Done():
	}
	s.drain(clients)
	<-failed // nil: it was stopped
	return nil
}

// drain stops the server. Without an RPC in flight, what is left to wait for
// is the farewell of clients. A handler that ignores its context is left
// behind.
func (s *Server) drain(clients *tracker) {
	drained := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
		return
	case <-time.After(idleGrace):
	}
	if s.calls.inFlight.Load() > 0 {
		select {
		case <-drained:
			return
		case <-time.After(busyGrace - idleGrace):
		}
	}
	clients.closeAll()
	s.grpc.Stop()
}
