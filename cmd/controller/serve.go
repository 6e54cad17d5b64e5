package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"rds-csi/internal/conn"
	"rds-csi/internal/driver"
	"rds-csi/internal/otelx"
	"rds-csi/internal/routeros"
	"rds-csi/internal/status"
)

// flushTimeout bounds the export of queued spans at the end. Before it come, at
// worst, the farewell of CSI clients (0.3 s, with calls in flight 3 s) and the
// manager's Stop (1 s); beside them HTTP clients have 1 s.
const flushTimeout = 500 * time.Millisecond

// serve is the controller itself.
func serve(ctx context.Context, p process) int {
	cfg, ss, err := readConfig(p, true)
	if err != nil {
		return p.refuse(err)
	}
	logger, err := newLogger(p, cfg)
	if err != nil {
		return p.refuse(err)
	}
	slog.SetDefault(logger)
	// A reader of the log that goes away would end the process otherwise.
	signal.Ignore(syscall.SIGPIPE)
	for _, note := range cfg.notes {
		logger.Warn(note)
	}
	telemetry, err := newTelemetry(ctx, logger)
	if err != nil { // a variable of OpenTelemetry cannot be used
		return p.refuse(err)
	}
	err = runController(ctx, cfg, ss, logger, telemetry)
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := telemetry.Shutdown(flush); err != nil {
		logger.Warn("telemetry was not flushed completely", "error", err)
	}
	if err != nil {
		logger.Error("stopped by a fault", "error", err)
		return exitFailure
	}
	logger.Info("stopped")
	return exitOK
}

func newLogger(p process, cfg *config) (*slog.Logger, error) {
	file, ok := p.stderr.(interface{ Fd() uintptr })
	terminal := ok && term.IsTerminal(int(file.Fd()))
	handler, err := otelx.NewLogHandler(p.stderr, cfg.logFormat, cfg.logLevel, terminal)
	if err != nil {
		return nil, err
	}
	return slog.New(handler), nil
}

func newTelemetry(ctx context.Context, logger *slog.Logger) (*otelx.Telemetry, error) {
	b := thisBuild()
	return otelx.New(ctx, otelx.Config{
		Build:       otelx.Build{Version: b.version, Revision: b.revision},
		Logger:      logger,
		CommandName: routeros.CommandName,
		VerbAndMenu: routeros.VerbAndMenu,
	})
}

// runController makes the parts, opens the listeners, runs all of it, and ends
// the embedded RDS when nobody can use it any more.
func runController(ctx context.Context, cfg *config, ss *settings, logger *slog.Logger, telemetry *otelx.Telemetry) (err error) {
	var rds *embeddedRDS
	if cfg.embedded {
		if rds, err = startEmbedded(cfg, ss); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rds.close()) }()
	}

	recorder := status.NewRecorder()
	observer := conn.Observers{telemetry.Observer(), recorder}
	client, err := newClient(cfg.rds, observer)
	if err != nil {
		return err
	}
	services, err := csiServices(cfg, client, logger, telemetry, recorder)
	if err != nil {
		return err
	}
	manager, err := newManager(cfg.rds, client, observer, logger, services.Controller)
	if err != nil {
		return err
	}
	defer manager.Stop()
	telemetry.SetSource(otelx.Source{Snapshot: manager.Snapshot, LastReceived: client.LastReceived, Sessions: client.Sessions})

	page, err := status.Listen(status.Config{
		Address: cfg.metricsAddress, HealthAddress: cfg.healthAddress, WebConfigFile: cfg.webConfigFile,
		Metrics: telemetry.Handler(), Logger: logger,
		Source: status.Source{Snapshot: manager.Snapshot, LastTurn: manager.LastTurn, LastReceived: client.LastReceived,
			Sessions: client.Sessions, Volumes: listedVolumes(services.Controller), Recorder: recorder, Version: thisBuild().version, Insecure: cfg.rds.skipVerify},
	})
	if err != nil {
		return err
	}
	defer page.Close()
	services.Connection = manager
	csi, csiListener, err := listenDriver(cfg, services)
	if err != nil {
		return err
	}
	return parts{rds: rds, manager: manager, page: page, csi: csi, csiListener: csiListener}.run(ctx, cfg, logger)
}

// parts of a controller, with their listeners open.
type parts struct {
	rds         *embeddedRDS // nil: the RDS is elsewhere
	manager     *conn.ConnectionManager
	page        *status.Server
	csi         *driver.Server // nil: no CSI is served
	csiListener net.Listener
}

// run starts them, waits for the end of ctx or for a part that fails, and stops
// the listeners, and the connection as soon as no RPC can use it any more.
func (p parts) run(ctx context.Context, cfg *config, logger *slog.Logger) error {
	group, running := errgroup.WithContext(ctx)
	p.manager.StartMonitor(context.WithoutCancel(ctx))
	group.Go(func() error { return p.page.Run(running) })
	group.Go(func() error {
		defer p.manager.Stop()
		if p.csi == nil {
			<-running.Done()
			return nil
		}
		return p.csi.Run(running, p.csiListener)
	})
	if p.rds != nil {
		group.Go(func() error { p.rds.run(running); return nil })
	}
	announce(logger, cfg, p.page)
	<-running.Done()
	logger.Info("stopping")
	return group.Wait()
}

// announce tells where everything is, one line each.
func announce(logger *slog.Logger, cfg *config, page *status.Server) {
	logger.Info("started", "version", thisBuild().version, "revision", thisBuild().revision)
	logger.Info("RDS", "address", net.JoinHostPort(cfg.rds.host, strconv.Itoa(cfg.rds.port)), "user", cfg.rds.user, "embedded", cfg.embedded)
	if cfg.endpoint != (endpoint{}) {
		logger.Info("CSI endpoint", "endpoint", cfg.endpoint.String())
	}
	if a := page.Addr(); a != nil {
		url := "http://" + reachable(a)
		if cfg.webConfigFile != "" {
			url = reachable(a) // the file decides between http and https
		}
		logger.Info("status page", "url", url+"/", "metrics", url+"/metrics")
	}
	if a := page.HealthAddr(); a != nil {
		logger.Info("health", "url", "http://"+reachable(a)+"/livez")
	}
}

// reachable is a listener's address as one that a browser on this machine can
// open.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return a.String()
}
