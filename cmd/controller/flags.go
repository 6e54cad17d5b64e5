package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"rds-csi/internal/emulator"
)

// declare lists every setting with its default; reading them fills cfg.
func declare(cfg *config) *settings {
	ss := new(settings)
	declareRDS(ss, &cfg.rds)
	declareBackoff(ss, &cfg.rds)
	for _, s := range []*setting{
		{name: "endpoint", fallback: "unix:///csi/csi.sock", parse: csiEndpoint(&cfg.endpoint),
			usage: "where CSI is served: unix:///path or tcp://host:port; empty: no CSI"},
		{name: "driver-name", fallback: "rds.csi.srvlab.io", parse: text(&cfg.driverName, checkPluginName),
			usage: "name of the CSI driver"},
		{name: "volume-id-format", fallback: "long", parse: choice(&cfg.volumeIDFormat, "long", "short"),
			usage: "ids of new volumes: long is pvc- and a UUID; short has at most 32 characters, for a RouterOS that refuses longer slots"},
		{name: "probe-ignores-connection", fallback: "false", isSwitch: true, parse: boolean(&cfg.probeIgnoresConnection),
			usage: "the CSI probe is ready whether or not the RDS is connected"},
		{name: "metrics-address", fallback: ":9809", parse: listenAddress(&cfg.metricsAddress),
			usage: "HTTP: /metrics, status page, /livez, /readyz; empty: none"},
		{name: "health-address", parse: listenAddress(&cfg.healthAddress),
			usage: "/livez and /readyz on a listener of their own, always plain HTTP without authentication"},
		{name: "web.config.file", parse: text(&cfg.webConfigFile),
			usage: "TLS and basic authentication of --metrics-address, in the format of the Prometheus exporter-toolkit"},
		{name: "log-format", fallback: "auto", parse: choice(&cfg.logFormat, "auto", "tint", "json"),
			usage: "auto is tint on a terminal and json elsewhere"},
		{name: "log-level", fallback: "info", parse: logLevel(&cfg.logLevel),
			usage: "debug, info, warn or error"},
		{name: "embedded-rds", fallback: "false", isSwitch: true, parse: boolean(&cfg.embedded),
			usage: "try it out: an emulated RDS inside this process, no --rds-* needed"},
		{name: "embedded-rds-outages", parse: outages(&cfg.outages),
			usage: "outages of the embedded RDS, such as every=30s,down=5s or every=1m,down=20s,kind=silence"},
	} {
		ss.add(s)
	}
	for _, s := range legacySettings() {
		ss.add(s)
	}
	return ss
}

func declareRDS(ss *settings, r *rdsConfig) {
	for _, s := range []*setting{
		{name: "rds-address", parse: rdsHost(&r.host),
			usage: "IPv4 or IPv6 address or name of the RDS (required)"},
		{name: "rds-port", fallback: "22", parse: wholeNumber(&r.port, 1, math.MaxUint16),
			usage: "SSH port of the RDS"},
		{name: "rds-user", fallback: "admin", parse: text(&r.user, checkUser),
			usage: "user of the RDS to log in as"},
		{name: "rds-key-file", fallback: "/etc/rds-csi/ssh-key/id_rsa", parse: text(&r.keyFile, notEmpty("give the file with the private key")),
			usage: "private key, Ed25519 or RSA, not encrypted; read again at each attempt"},
		{name: "rds-host-key", parse: text(&r.hostKeyFile),
			usage: "file with the host key(s) of the RDS, public key lines or known_hosts format; read again at each attempt"},
		{name: "rds-insecure-skip-verify", fallback: "false", isSwitch: true, parse: boolean(&r.skipVerify),
			usage: "accept any host key: for tests only"},
		{name: "rds-volume-base-path", parse: basePaths(&r.volumeBasePaths),
			usage: "directory on the RDS for volumes, such as /storage-pool/csi; several, separated by commas, where StorageClasses use other ones (volumePath)"},
		{name: "rds-connect-timeout", fallback: "10s", parse: duration(&r.connectTimeout, 100*time.Millisecond),
			usage: "limit of one attempt to connect, from the name to the first answer"},
		{name: "rds-command-timeout", fallback: "30s", parse: duration(&r.commandTimeout, 100*time.Millisecond),
			usage: "limit of one command"},
		{name: "rds-session-limit", fallback: "1", parse: wholeNumber(&r.sessionLimit, 1, 1000),
			usage: "commands at once on the connection; a real RDS was seen to hang with many"},
	} {
		ss.add(s)
	}
}

func declareBackoff(ss *settings, r *rdsConfig) {
	for _, s := range []*setting{
		{name: "rds-backoff-initial", fallback: "1s", parse: duration(&r.backoffInitial, time.Millisecond),
			usage: "wait after the first failed attempt"},
		{name: "rds-backoff-max", fallback: "16s", parse: duration(&r.backoffMax, time.Millisecond),
			usage: "longest wait between attempts"},
		{name: "rds-backoff-multiplier", fallback: "2", parse: number(&r.backoffMultiplier, 1, 1000, "use a factor of at least 1, such as 2"),
			usage: "how much longer each wait is than the one before"},
		{name: "rds-backoff-jitter", fallback: "0.1", parse: number(&r.backoffJitter, 0, 1, "use a part between 0 and 1, such as 0.1"),
			usage: "part of each wait that is left to chance"},
		{name: "rds-backoff-max-elapsed", fallback: "0s", parse: duration(&r.backoffMaxElapsed, 0),
			usage: "outage after which giving up is reported, while attempts go on; 0: never"},
		{name: "rds-dial-budget", fallback: "off", parse: dialBudget(&r.dialBudget),
			usage: "N/W: at most N dials in a burst, then W without any, against brute-force rules of the firewall; such as 3/61s"},
	} {
		ss.add(s)
	}
}

func outages(to **emulator.Outages) func(string) error {
	return func(value string) error {
		if value == "" {
			return nil
		}
		o, err := emulator.ParseOutages(value)
		if err != nil {
			return bad(err.Error(), "write every=30s,down=5s, with kind=reboot, power, drop or silence if you like")
		}
		*to = &o
		return nil
	}
}

func (ss *settings) writeHelp(w io.Writer) {
	fmt.Fprint(w, helpText)
	for _, s := range ss.list {
		if s.legacy != "" || s.flagOnly {
			continue
		}
		def := ""
		if s.fallback != "" {
			def = " (default " + s.fallback + ")"
		}
		fmt.Fprintf(w, "  --%s\n        %s%s\n        %s\n", s.name, s.usage, def, s.variable())
	}
}
