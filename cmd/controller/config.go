package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
)

// config is what the operator chose. Every field is checked.
type config struct {
	endpoint   endpoint // zero: no CSI
	driverName string
	// volumeIDFormat is that of new volumes: long or short.
	volumeIDFormat string
	// probeIgnoresConnection makes the CSI probe tell about the process alone.
	probeIgnoresConnection bool

	rds rdsConfig

	metricsAddress string // empty: no HTTP
	healthAddress  string // empty: none of its own
	webConfigFile  string // empty: plain HTTP, no authentication

	embedded bool
	outages  *emulator.Outages // nil: none

	logFormat string // auto, tint or json
	logLevel  slog.Level

	notes []string // warnings for the operator
}

// rdsConfig is the RDS and how to keep the connection to it.
type rdsConfig struct {
	host        string // IPv4, IPv6 without brackets, or name
	port        int
	user        string
	keyFile     string
	hostKeyFile string // empty exactly if skipVerify
	skipVerify  bool
	// volumeBasePaths are the directories for volumes, the first one by default.
	volumeBasePaths []string

	connectTimeout time.Duration
	commandTimeout time.Duration
	sessionLimit   int

	backoffInitial, backoffMax time.Duration
	backoffMultiplier          float64
	backoffJitter              float64
	backoffMaxElapsed          time.Duration // 0: never give up
	dialBudget                 conn.DialBudget
}

// process is the world that a command sees; tests have their own.
type process struct {
	args           []string
	environ        []string // NAME=value
	stdout, stderr io.Writer
}

func (p process) env(name string) (string, bool) {
	for _, entry := range slices.Backward(p.environ) {
		if len(entry) > len(name) && entry[len(name)] == '=' && entry[:len(name)] == name {
			return entry[len(name)+1:], true
		}
	}
	return "", false
}

// readSettings reads flags and variables and checks each by itself; faults are
// in the result. The error is errUsage or flag.ErrHelp. More adds settings of a
// subcommand.
func readSettings(p process, more ...*setting) (*config, *settings, error) {
	cfg := new(config)
	ss := declare(cfg)
	for _, s := range more {
		s.flagOnly = true
		ss.add(s)
	}
	if err := ss.read(p.args, p.env, p.stdout); err != nil {
		return nil, nil, err
	}
	for _, name := range ss.unknownVariables(p.environ) {
		ss.note("the variable %s is not known and has no effect; controller --help lists all", name)
	}
	return cfg, ss, nil
}

// readConfig also checks settings together, and files. Its error may be
// faults: all that could be found. Those that only matter to a start on this
// machine are looked for if start is set.
func readConfig(p process, start bool, more ...*setting) (*config, *settings, error) {
	cfg, ss, err := readSettings(p, more...)
	if err != nil {
		return nil, nil, err
	}
	ss.check(cfg)
	if start {
		ss.checkEndpointDirectory(cfg)
	}
	if cfg.endpoint != (endpoint{}) && !cfg.embedded && !cfg.servesVolumes() && !ss.failed["rds-volume-base-path"] {
		ss.note("without --rds-volume-base-path there is no place for volumes: of CSI, Identity alone is served")
	}
	cfg.notes = ss.notes
	if len(ss.faults) > 0 {
		return cfg, ss, ss.faults
	}
	return cfg, ss, nil
}

// check finds what is wrong with settings together, and with files.
func (ss *settings) check(cfg *config) {
	r := &cfg.rds
	if ss.valid("rds-backoff-initial", "rds-backoff-max") {
		ss.require(r.backoffMax >= r.backoffInitial, "rds-backoff-max",
			fmt.Sprintf("is shorter than --rds-backoff-initial (%v)", r.backoffInitial), "raise it, or lower --rds-backoff-initial")
	}
	if ss.valid("metrics-address", "health-address") && cfg.healthAddress != "" {
		ss.require(cfg.healthAddress != cfg.metricsAddress || wildcardPort(cfg.healthAddress), "health-address",
			"is the same as --metrics-address", "choose another port; without it --metrics-address serves /livez and /readyz as well")
	}
	ss.require(cfg.outages == nil || cfg.embedded, "embedded-rds-outages",
		"makes outages of the embedded RDS, and there is none", "add --embedded-rds")
	ss.checkWebConfig(cfg)
	ss.checkExposure(cfg)
	if cfg.embedded {
		ss.require(r.host == "", "rds-address", "excludes --embedded-rds, which brings its own RDS", "use one of the two")
		return
	}
	ss.require(r.host != "" || ss.failed["rds-address"], "rds-address", "is missing",
		"give the address or the name of the RDS; to try without one, use --embedded-rds")
	ss.checkKey(r)
	ss.checkHostKey(r)
}
