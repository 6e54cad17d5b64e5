package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"rds-csi/internal/setup"
)

// passwordVariable holds the administrator's password; --admin-password-file wins over it.
const passwordVariable = "RDS_ADMIN_PASSWORD" // #nosec G101 -- the name of the variable

// flags of one subcommand, and what they say.
type flags struct {
	set     *flag.FlagSet
	command string

	options      setup.Options
	keyType      string
	address      string
	passwordFile string
}

func newFlags(command string) *flags {
	f := &flags{command: command, set: flag.NewFlagSet("routeros-setup "+command, flag.ContinueOnError)}
	f.set.SetOutput(io.Discard) // the caller says what is wrong
	o := &f.options
	if command != "ready" {
		f.set.StringVar(&o.Files.Key, "key-file", "rds_key", "private key of the controller, its --rds-key-file")
		f.set.StringVar(&o.Files.PublicKey, "authorized-key-file", "", "public half of it (default: that of --key-file, with .pub)")
	}
	f.set.StringVar(&o.Files.HostKeys, "known-hosts-file", "rds_host_key", "pinned host key of the device, the controller's --rds-host-key")
	if command == "keys" {
		f.set.StringVar(&f.keyType, "type", "ed25519", "ed25519, or rsa for a RouterOS before 7.12")
		return f
	}
	f.set.StringVar(&f.address, "address", "", "host or host:port of the device; port 22 by default (required)")
	f.set.StringVar(&o.Admin.User, "admin", "admin", "user who prepares the device")
	f.set.StringVar(&o.Admin.KeyFile, "admin-key-file", "", "private key of that user, in the place of the password")
	f.set.StringVar(&f.passwordFile, "admin-password-file", "", "file with the password of that user (default: the variable "+passwordVariable+", or blank)")
	f.set.DurationVar(&o.Timeout, "timeout", 10*time.Minute, "longest wait for the device, at the start and after a reboot")
	if command == "setup" {
		f.set.StringVar(&o.User, "user", "csi", "user of the controller, its --rds-user")
		f.set.StringVar(&o.Group, "group", "", "group of that user (default: of the same name)")
		f.set.StringVar(&o.AllowFrom, "allow-from", "", "addresses or networks that user may log in from, such as 192.0.2.0/24 (default: any)")
		f.set.StringVar(&o.BasePath, "volume-base-path", "/pool/csi", "directory for volumes, the controller's --rds-volume-base-path; its first part is the pool")
		f.set.StringVar(&o.PoolDisk, "pool-disk", "", "disk that becomes the pool if there is none; it is formatted, if it has neither file system nor partitions")
		f.set.StringVar(&o.Package, "package", "", "rose-storage-<version>.npk for a device without it; installing it reboots the device")
	}
	return f
}

// read parses the arguments and checks them. It asks nobody.
func (f *flags) read(args []string, env func(string) string, help io.Writer) error {
	err := f.set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(help, "Flags of %s:\n", f.set.Name())
		f.set.SetOutput(help)
		f.set.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%w; %s --help lists all flags", err, f.set.Name())
	case f.set.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", f.set.Arg(0))
	}
	o := &f.options
	if o.Files.PublicKey == "" {
		o.Files.PublicKey = o.Files.Key + ".pub"
	}
	if f.command == "keys" {
		if f.keyType != "ed25519" && f.keyType != "rsa" {
			return fmt.Errorf("--type=%s: want ed25519 or rsa", f.keyType)
		}
		return nil
	}
	if o.Group == "" {
		o.Group = o.User
	}
	return errors.Join(f.device(env)...)
}

// device reads what the flags say of the device, and finds every fault.
func (f *flags) device(env func(string) string) (faults []error) {
	o := &f.options
	var err error
	if o.Host, o.Port, err = hostAndPort(f.address); err != nil {
		faults = append(faults, err)
	}
	if o.Timeout <= 0 {
		faults = append(faults, fmt.Errorf("--timeout=%v: want a duration such as 10m", o.Timeout))
	}
	o.Admin.Password = env(passwordVariable)
	if f.passwordFile != "" {
		text, err := os.ReadFile(f.passwordFile)
		if err != nil {
			faults = append(faults, fmt.Errorf("--admin-password-file: %w", err))
		}
		o.Admin.Password = string(text)
	}
	// Files end in a line break, and so do variables that come from one.
	o.Admin.Password = strings.TrimRight(o.Admin.Password, "\r\n")
	if f.command == "setup" {
		faults = append(faults, o.Check()...)
	}
	return faults
}

// hostAndPort reads 192.0.2.10, rds:2222, ::1 and [::1]:22.
func hostAndPort(address string) (string, int, error) {
	if address == "" {
		return "", 0, errors.New("--address is missing: give the name or address of the device")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil { // no port, or an IPv6 address without brackets
		host, port = strings.Trim(address, "[]"), "22"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" || strings.ContainsAny(host, "@/ \t\r\n") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", 0, fmt.Errorf("--address=%q: want host or host:port, such as 192.0.2.10, rds:2222 or [2001:db8::1]:22", address)
	}
	return host, int(n), nil
}
