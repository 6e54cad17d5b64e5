package conn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Defaults of ConnectionManagerConfig and SSHClientConfig.
const (
	DefaultInitialInterval     = time.Second
	DefaultMaxInterval         = 16 * time.Second
	DefaultMultiplier          = 2
	DefaultRandomizationFactor = 0.1
	DefaultPollInterval        = 5 * time.Second
	DefaultConnectTimeout      = 10 * time.Second
	DefaultCommandTimeout      = 30 * time.Second
	DefaultSessionLimit        = 1
	DefaultMaxOutput           = 4 << 20
)

// ConnectionManagerConfig configures a ConnectionManager. A zero field means
// its default.
type ConnectionManagerConfig struct {
	// Client is the connection to keep usable. Required.
	Client Client

	// InitialInterval is the wait before the second attempt, 1 s; the first is
	// made at once. Every further wait is Multiplier (2) times longer, at most
	// MaxInterval (16 s).
	InitialInterval time.Duration
	MaxInterval     time.Duration
	Multiplier      float64
	// RandomizationFactor spreads each wait by this part of it, 0.1, so that
	// many controllers do not dial in step; negative: none. No wait is ever
	// longer than MaxInterval.
	RandomizationFactor float64
	// MaxElapsedTime after which an outage is reported as given up, again and
	// again; 0: never. Attempts go on at the same pace.
	MaxElapsedTime time.Duration
	// PollInterval is how often a client that cannot signal a loss is asked,
	// 5 s.
	PollInterval time.Duration

	// OnReconnect is called after each connection that was made after a loss
	// or after a failed start. See ConnectionManager for what is promised.
	OnReconnect func(context.Context)
	// Observer is told every event; nil: nobody.
	Observer Observer
	// Logger gets a line for every event; nil: slog.Default().
	Logger *slog.Logger
}

// withDefaults returns the configuration with zero fields filled in, or all
// its faults.
func (c ConnectionManagerConfig) withDefaults() (ConnectionManagerConfig, error) {
	setDefault(&c.InitialInterval, DefaultInitialInterval)
	setDefault(&c.MaxInterval, DefaultMaxInterval)
	setDefault(&c.Multiplier, DefaultMultiplier)
	setDefault(&c.RandomizationFactor, DefaultRandomizationFactor)
	setDefault(&c.PollInterval, DefaultPollInterval)
	if c.RandomizationFactor < 0 {
		c.RandomizationFactor = 0
	}
	if c.Observer == nil {
		c.Observer = NopObserver{}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(c.Client == nil, "Client is required")
	fault(c.InitialInterval < 0, "InitialInterval %v is negative", c.InitialInterval)
	fault(c.MaxInterval < c.InitialInterval, "MaxInterval %v is shorter than InitialInterval %v", c.MaxInterval, c.InitialInterval)
	fault(c.Multiplier < 1, "Multiplier %v is below 1", c.Multiplier)
	fault(c.RandomizationFactor > 1, "RandomizationFactor %v is above 1", c.RandomizationFactor)
	fault(c.MaxElapsedTime < 0, "MaxElapsedTime %v is negative", c.MaxElapsedTime)
	fault(c.PollInterval < 0, "PollInterval %v is negative", c.PollInterval)
	return c, errors.Join(faults...)
}

// SSHClientConfig configures an SSHClient. A zero field means its default.
type SSHClientConfig struct {
	// Host is the IPv4 or IPv6 address or the name of the device; Port is 22
	// by default. Host and User are required.
	Host string
	Port int
	User string

	// KeyFile is the private key (OpenSSH or PEM, not encrypted), read again
	// before every attempt, so that a rotation heals by itself.
	KeyFile string
	// HostKeyFile holds the keys that the device may show: public key lines or
	// known_hosts lines. Read again before every attempt. Required unless
	// InsecureSkipVerify accepts any key.
	HostKeyFile        string
	InsecureSkipVerify bool

	// Verify runs the one command that ends every connect and returns what the
	// device said of itself. Required.
	Verify func(ctx context.Context, exec ExecFunc) (Identity, error)

	// ConnectTimeout bounds a whole attempt: resolve, TCP, handshake, login,
	// Verify; 10 s. CommandTimeout bounds an Exec, 30 s.
	ConnectTimeout time.Duration
	CommandTimeout time.Duration
	// SessionLimit is how many commands run at once on the connection, 1: an
	// RDS was seen to stall when 19 sessions were opened at once, and to work
	// when they were opened one after the other.
	SessionLimit int
	// MaxOutput is the most bytes of output that Exec accepts, 4 MiB.
	MaxOutput int
	// DialBudget bounds how fast TCP dials may follow one another; the zero
	// value sets no bound.
	DialBudget DialBudget

	// Observer is told stages and commands; nil: nobody. Give it the manager's.
	Observer Observer

	// Dial and LookupIP replace the network, for tests and for the embedded
	// emulator; nil: TCP with keepalive and user timeout, and the resolver of
	// the system.
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
}

// DialBudget allows Burst dials, and the next burst only after Gap without any
// dial: what keeps the client off the block lists of firewalls that count new
// connections.
type DialBudget struct {
	Burst int
	Gap   time.Duration
}

func (c SSHClientConfig) withDefaults() (SSHClientConfig, error) {
	setDefault(&c.Port, 22)
	setDefault(&c.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&c.CommandTimeout, DefaultCommandTimeout)
	setDefault(&c.SessionLimit, DefaultSessionLimit)
	setDefault(&c.MaxOutput, DefaultMaxOutput)
	if c.Observer == nil {
		c.Observer = NopObserver{}
	}
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	if c.LookupIP == nil {
		c.LookupIP = lookupIP
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(c.Host == "", "Host is required")
	fault(c.User == "", "User is required")
	fault(c.Port < 1 || c.Port > 65535, "Port %d is not between 1 and 65535", c.Port)
	fault(c.KeyFile == "", "KeyFile is required")
	fault(c.HostKeyFile == "" && !c.InsecureSkipVerify, "HostKeyFile is required unless InsecureSkipVerify is set")
	fault(c.HostKeyFile != "" && c.InsecureSkipVerify, "HostKeyFile and InsecureSkipVerify exclude one another")
	fault(c.Verify == nil, "Verify is required")
	fault(c.ConnectTimeout < 0, "ConnectTimeout %v is negative", c.ConnectTimeout)
	fault(c.CommandTimeout < 0, "CommandTimeout %v is negative", c.CommandTimeout)
	fault(c.SessionLimit < 0, "SessionLimit %d is negative", c.SessionLimit)
	fault(c.MaxOutput < 0, "MaxOutput %d is negative", c.MaxOutput)
	fault(c.DialBudget.Burst < 0 || c.DialBudget.Gap < 0, "DialBudget is negative")
	return c, errors.Join(faults...)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
