// Routeros-setup prepares a RouterOS device for the controller: a fresh CHR, the emulator, or an RDS.
//
//	routeros-setup keys    make the key pair, and a host key file, where they are missing
//	routeros-setup ready   wait until the device answers over SSH and carries out commands
//	routeros-setup setup   prepare the device; what is there is left alone, and what differs is reported
//
// Stdout gets a line for each step: done, already there, or failed with what to do. A run that was interrupted, by
// SIGTERM for example, is finished by the next one.
//
// The administrator's password comes from --admin-password-file or the variable RDS_ADMIN_PASSWORD, never from the
// command line; without either it is blank, as on a fresh device. It is not printed.
//
// Exit codes: 0 everything is there; 1 a step failed; 2 the command line is wrong, and nothing was done.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"rds-csi/internal/setup"
)

const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal has its default effect
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

const usage = `Prepares a RouterOS device for the controller.

  routeros-setup keys  [flags]   make the key pair, and a host key file, where they are missing
  routeros-setup ready [flags]   wait until the device answers over SSH and carries out commands
  routeros-setup setup [flags]   prepare the device; what is there is left alone, what differs is reported

Each has --help. Exit status: 0 all is there, 1 a step failed, 2 the command line is wrong.
`

// run carries out the subcommand and returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	f := newFlags(args[0])
	switch args[0] {
	case "keys", "ready", "setup":
	case "-h", "-help", "--help", "help":
		fmt.Fprint(stdout, usage)
		return exitOK
	default:
		fmt.Fprintf(stderr, "routeros-setup: there is no %q: keys, ready or setup\n", args[0])
		return exitUsage
	}
	err := f.read(args[1:], env, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "routeros-setup:", err)
		return exitUsage
	}
	f.options.Output = stdout
	switch args[0] {
	case "keys":
		err = setup.MakeKeys(ctx, f.options.Files, f.keyType, stdout)
	case "ready":
		err = setup.Ready(ctx, f.options)
	case "setup":
		_, err = setup.Run(ctx, f.options)
	}
	if err != nil { // a line on stdout says it
		return exitFailure
	}
	return exitOK
}
