// Emulator is a RouterOS device in a process: an RDS, or with --chr a CHR, behind an SSH server whose faults can be
// turned on and off while it runs.
//
// It listens for SSH on --listen, for its control interface (HTTP, without authentication: keep it on loopback) on
// --control, and for other processes on the unix socket --device-socket. It logs one line to stderr when it is ready and
// one for each change made through the control interface; stdout stays empty. SIGTERM and SIGINT end it with exit
// status 0; bad flags are exit status 2, a port that is taken is 1.
//
// With --exec it is the forced command of a real sshd: it runs the line in SSH_ORIGINAL_COMMAND, for the user in LOGNAME
// or USER, on the device behind --device-socket, prints what the device says and exits with the device's status (255
// when the device cannot be reached).
//
//	ForceCommand /usr/bin/emulator --exec --device-socket /run/emulator.sock
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"rds-csi/internal/emulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	c, err := parseFlags(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(2)
	case c.exec:
		os.Exit(forcedCommand(ctx, c.deviceSocket))
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, c, log); err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
}

// forcedCommand runs the line that an SSH client asked sshd for, and returns the exit status.
func forcedCommand(ctx context.Context, socket string) int {
	user := os.Getenv("LOGNAME")
	if user == "" {
		user = os.Getenv("USER")
	}
	result, err := emulator.RunOverSocket(ctx, socket, user, os.Getenv("SSH_ORIGINAL_COMMAND"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		return 255
	}
	fmt.Print(result.Output)
	return result.ExitStatus
}

// run serves until the context ends or a part of it fails.
func run(signals context.Context, c config, log *slog.Logger) error {
	server, err := newServer(c)
	if err != nil {
		return err
	}
	defer server.Close()
	ctx, cancel := context.WithCancelCause(signals)
	defer cancel(nil)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel(nil)
	part := func(name string, f func() error) {
		parts.Go(func() {
			if err := f(); err != nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}

	address, err := server.Listen(c.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	ready := []any{"address", address.String(), "host_key", fingerprint(server.HostKey())}
	if c.control != "" {
		l, err := net.Listen("tcp", c.control)
		if err != nil {
			return fmt.Errorf("--control: %w", err)
		}
		ready = append(ready, "control", l.Addr().String())
		part("control", func() error { return serveHTTP(ctx, l, control(server, log)) })
	}
	if c.deviceSocket != "" {
		l, err := listenUnix(c.deviceSocket)
		if err != nil {
			return fmt.Errorf("--device-socket: %w", err)
		}
		ready = append(ready, "device_socket", c.deviceSocket)
		part("device socket", func() error { return emulator.ServeDevice(ctx, l, server.Device()) })
	}
	if c.outages.Every > 0 {
		part("outages", func() error { server.RunOutages(ctx, c.outages); return nil })
	}
	log.Info("ready", ready...)

	<-ctx.Done()
	if signals.Err() == nil {
		return context.Cause(ctx)
	}
	log.Info("stopped")
	return nil
}

// listenUnix listens on a socket that only the owner may use, in the place of one that a killed process left.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, fmt.Errorf("%s is in use", path)
		}
		os.Remove(path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
