package status

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
)

// Bounds of a client. Everything served is made from memory in milliseconds,
// so they only ever meet clients that are slow or dead. The page does not touch
// the device, so a client that holds all connections keeps other readers out
// for some seconds at most, and never the controller from its work.
const (
	readHeaderTimeout = 5 * time.Second // bounds the TLS handshake too
	readTimeout       = 10 * time.Second
	writeTimeout      = 20 * time.Second
	idleTimeout       = 60 * time.Second // longer than a usual scrape interval would pin the slot of a dead client
	maxHeaderBytes    = 16 << 10
	maxConnections    = 128 // per listener; beyond it clients wait in the backlog of the kernel
	shutdownGrace     = time.Second
)

// Config says what to serve where.
type Config struct {
	// Address of the main listener, host:port; empty: none.
	Address string
	// HealthAddress of a second listener with /livez and /readyz alone, without
	// the TLS and authentication of WebConfigFile; empty: none.
	HealthAddress string
	// WebConfigFile is a configuration of prometheus/exporter-toolkit for the
	// main listener: TLS and basic authentication; empty: neither.
	WebConfigFile string
	// Metrics serves /metrics; nil: not found.
	Metrics http.Handler
	// Source is what is shown.
	Source Source
	// Logger gets faults, and what WebConfigFile turned on; nil: slog.Default().
	Logger *slog.Logger
}

// ValidateWebConfig reads a file of Config.WebConfigFile, and the certificates
// that it names, and returns what is wrong with it; an empty name is fine.
func ValidateWebConfig(file string) error { return web.Validate(file) }

// Handler is what the main listener serves, for a caller that needs no listener.
// It asks for no authentication.
func Handler(cfg Config) http.Handler { return newHandlers(cfg).all(cfg.Metrics) }

func newHandlers(cfg Config) *handlers {
	h := &handlers{source: cfg.Source, logger: cfg.Logger}
	if h.logger == nil {
		h.logger = slog.Default()
	}
	return h
}

// Server serves status and metrics. Its ports are open from Listen on, until
// Run has returned or Close was called.
type Server struct {
	logger        *slog.Logger
	webConfigFile string
	main, health  *endpoint // nil: not configured
}

// endpoint is a listener and its server.
type endpoint struct {
	listener net.Listener
	server   *http.Server
}

// Listen checks the configuration and opens the ports; nothing is served yet.
// An error names the flag that can mend it.
func Listen(cfg Config) (*Server, error) {
	if err := ValidateWebConfig(cfg.WebConfigFile); err != nil {
		return nil, fmt.Errorf("--web.config.file %s: %w", cfg.WebConfigFile, err)
	}
	h := newHandlers(cfg)
	s := &Server{logger: h.logger, webConfigFile: cfg.WebConfigFile}
	var err error
	if s.main, err = s.open("--metrics-address", cfg.Address, h.all(cfg.Metrics)); err != nil {
		return nil, err
	}
	if s.health, err = s.open("--health-address", cfg.HealthAddress, h.health()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(flag, address string, handler http.Handler) (*endpoint, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, flag)
	}
	return &endpoint{
		listener: netutil.LimitListener(l, maxConnections),
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			// What a client does wrong, such as a broken TLS handshake, is not
			// the operator's trouble.
			ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Addr is the address of the main listener, nil without one.
func (s *Server) Addr() net.Addr { return s.main.addr() }

// HealthAddr is the address of the listener for probes, nil without one.
func (s *Server) HealthAddr() net.Addr { return s.health.addr() }

func (e *endpoint) addr() net.Addr {
	if e == nil {
		return nil
	}
	return e.listener.Addr()
}

// Run serves until ctx ends, then lets requests in flight end for a second at
// most; it returns nil then, and an error when a listener fails. It may be
// called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	ended := make(chan error, 2)
	running := 0
	serve := func(e *endpoint, webConfigFile string) {
		if e == nil {
			return
		}
		running++
		logger := s.logger
		if webConfigFile == "" { // the toolkit would only say that there is no TLS
			logger = slog.New(slog.DiscardHandler)
		}
		go func() {
			flags := &web.FlagConfig{WebConfigFile: &webConfigFile}
			ended <- web.Serve(e.listener, e.server, flags, logger)
		}()
	}
	serve(s.main, s.webConfigFile)
	serve(s.health, "")

	// One endpoint that ends by itself, before ctx does, ends the other too.
	var failed error
	for stop := ctx.Done(); running > 0 || stop != nil; {
		select {
		case err := <-ended:
			running--
			if stop == nil { // as it was told to
				continue
			}
			failed = fmt.Errorf("status server: %w", err)
		case <-stop:
		}
		stop = nil
		s.shutdown(ctx)
	}
	return failed
}

// shutdown ends both servers, within shutdownGrace.
func (s *Server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	for _, e := range []*endpoint{s.main, s.health} {
		if e != nil && e.server.Shutdown(ctx) != nil {
			_ = e.server.Close() // what is still open had its time
		}
	}
}

// Close closes both ports at once. It is for a caller that cannot go on to Run,
// and does no harm after it.
func (s *Server) Close() {
	for _, e := range []*endpoint{s.main, s.health} {
		if e != nil {
			_ = e.server.Close()
			_ = e.listener.Close()
		}
	}
}
