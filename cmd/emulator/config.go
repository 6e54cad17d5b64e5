package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// config is what the flags say.
type config struct {
	listen, control, deviceSocket string
	exec                          bool

	hostKeyType, hostKeyFile string
	password                 string
	authorizedKeys           []authorizedKey
	outages                  emulator.Outages

	device  emulator.DeviceOptions
	options emulator.Options
}

// authorizedKey is a file of public keys of one user.
type authorizedKey struct{ user, file string }

func parseFlags(args []string, output io.Writer) (config, error) {
	var c config
	f := flag.NewFlagSet("emulator", flag.ContinueOnError)
	f.SetOutput(output)
	f.StringVar(&c.listen, "listen", "127.0.0.1:2222", "address of the SSH service")
	f.StringVar(&c.control, "control", "", "address of the control interface; keep it on loopback (default: none)")
	f.StringVar(&c.deviceSocket, "device-socket", "", "unix socket that gives the device to other processes")
	f.BoolVar(&c.exec, "exec", false, "run SSH_ORIGINAL_COMMAND on the device behind --device-socket, as a forced command")
	f.StringVar(&c.hostKeyType, "host-key-type", "rsa", "rsa or ed25519")
	f.StringVar(&c.hostKeyFile, "host-key-file", "", "file of the host key, made if missing (default: a new key at each start)")
	f.StringVar(&c.password, "password", "", "password of admin; blank, as on a fresh device")
	f.Func("authorized-key", "user=FILE: public keys of a user; may be repeated", func(value string) error {
		user, file, ok := strings.Cut(value, "=")
		if !ok || user == "" || file == "" {
			return errors.New("want user=FILE")
		}
		c.authorizedKeys = append(c.authorizedKeys, authorizedKey{user, file})
		return nil
	})
	f.BoolVar(&c.device.CHR, "chr", false, "be a CHR instead of an RDS")
	f.BoolVar(&c.device.NoRoseStorage, "no-rose-storage", false, "the rose-storage package is missing")
	f.Func("raw-disk", "SLOT: instead of the pool, a disk of 4 GiB without a file system; may be repeated", func(slot string) error {
		c.device.Pools = append(c.device.Pools, emulator.Pool{Slot: slot, Size: 4 << 30, Raw: true})
		return nil
	})
	f.StringVar(&c.device.Identity, "identity", "", "name of the device (default MikroTik)")
	f.StringVar(&c.device.SerialNumber, "serial-number", "", "serial number of the hardware")
	f.StringVar(&c.device.Version, "routeros-version", "", "version of RouterOS (default that of this emulator)")
	f.DurationVar(&c.device.Uptime, "uptime", 26*time.Hour, "how long the device has been up at the start")
	f.IntVar(&c.options.SessionsPerConnection, "sessions-per-connection", 0, "session channels per connection; 0: no limit")
	f.IntVar(&c.options.MaxSessions, "max-sessions", 0, "connections at once (default 20)")
	f.DurationVar(&c.options.RebootTime, "reboot-time", 0, "how long a reboot command takes (default 30s)")
	f.Func("outages", "every=30s,down=5s[,kind=reboot|power|drop|silence]: make outages", func(value string) (err error) {
		c.outages, err = emulator.ParseOutages(value)
		return err
	})
	if err := f.Parse(args); err != nil {
		return c, err
	}
	switch {
	case f.NArg() > 0:
		return c, fmt.Errorf("unknown argument %q", f.Arg(0))
	case c.exec && c.deviceSocket == "":
		return c, errors.New("--exec needs --device-socket")
	}
	return c, nil
}

// newServer makes the server with its keys and users.
func newServer(c config) (*emulator.Server, error) {
	options := c.options
	options.Device = emulator.NewDevice(c.device)
	options.Users = []emulator.User{{Name: "admin", Password: c.password}}
	key, err := hostKey(c.hostKeyFile, c.hostKeyType)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	options.HostKeys = []ssh.Signer{key}
	server, err := emulator.NewServer(options)
	if err != nil {
		return nil, err
	}
	for _, a := range c.authorizedKeys {
		if err := authorize(server, a); err != nil {
			server.Close()
			return nil, fmt.Errorf("--authorized-key: %w", err)
		}
	}
	return server, nil
}

// authorize gives a user every key of the file.
func authorize(server *emulator.Server, a authorizedKey) error {
	text, err := os.ReadFile(a.file)
	if err != nil {
		return err
	}
	found := false
	for len(text) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			break
		}
		server.AuthorizeKey(a.user, key)
		text, found = rest, true
	}
	if !found {
		return fmt.Errorf("%s: no public key", a.file)
	}
	return nil
}
