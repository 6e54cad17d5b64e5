// Controller keeps one SSH connection to a MikroTik ROSE Data Server (RDS)
// usable, shows how it is, and serves CSI.
//
// It listens on the CSI endpoint (--endpoint, by default a unix socket) and on
// --metrics-address for HTTP: the status page at /, /status.json, /metrics,
// /livez, /readyz. --health-address serves the last two on a port of their own.
// An empty address is no listener. It connects to --rds-address by SSH, and to
// an OpenTelemetry collector where the OTEL_* variables name one; to nothing
// else.
//
// An RDS that cannot be reached is no reason to exit, at the start or later:
// the process says not ready, and tries again for ever.
//
// The log goes to stderr, for people on a terminal and as JSON elsewhere.
// Serving writes nothing to stdout; the subcommands check, healthcheck and
// version write their answer there.
//
// Every flag has a variable: RDS_CSI_ and the flag's name in capitals, "-" and
// "." as "_", so RDS_CSI_RDS_ADDRESS for --rds-address. A flag wins over its
// variable; an empty variable counts as not set. Key files are read again at
// each attempt to connect, everything else once.
//
// SIGTERM or SIGINT stops it: nothing new is accepted, RPCs in flight end, the
// connection is closed, queued spans are exported. That takes 2 s at most when
// no RPC is in flight, 5 s otherwise, whatever RDS and collector do. A second
// signal ends it at once.
//
// Exit codes: 0 stopped as asked, or the answer is good; 1 it failed, for
// example because a port is taken; 2 the command line or the configuration is
// wrong, every fault was named, and nothing was started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

const (
	exitOK      = 0
	exitFailure = 1
	exitConfig  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal has its default effect
	os.Exit(run(ctx, process{args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}))
}

// run carries out the subcommand and returns the exit code.
func run(ctx context.Context, p process) int {
	// The flag is one of the existing driver; it wins over everything.
	if slices.Contains(p.args, "-version") || slices.Contains(p.args, "--version") {
		p.args = []string{"version"}
	}
	name := ""
	if len(p.args) > 0 {
		name = p.args[0]
	}
	switch name {
	case "check":
		p.args = p.args[1:]
		return check(ctx, p)
	case "healthcheck":
		p.args = p.args[1:]
		return healthcheck(ctx, p)
	case "version":
		fmt.Fprintln(p.stdout, thisBuild())
		return exitOK
	}
	return serve(ctx, p)
}

// refuse tells why nothing was started.
func (p process) refuse(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	fmt.Fprintln(p.stderr, "controller:", err)
	return exitConfig
}

func (p process) fail(err error) int {
	fmt.Fprintln(p.stderr, "controller:", err)
	return exitFailure
}
