package main

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

// check connects once and tells how far it got, one line for each stage.
func check(ctx context.Context, p process) int {
	var configOnly bool
	cfg, ss, err := readConfig(p, false, &setting{name: "config-only", fallback: "false", isSwitch: true, parse: boolean(&configOnly),
		usage: "read the configuration alone"})
	if ss == nil {
		return p.refuse(err)
	}
	r := &report{w: p.stdout}
	r.configuration(cfg, ss)
	if len(ss.faults) > 0 {
		r.say("The configuration has faults; nothing was tried.")
		return exitConfig
	}
	if cfg.embedded && !configOnly {
		rds, err := startEmbedded(cfg, ss)
		if err != nil {
			return p.fail(err)
		}
		defer rds.close()
	}
	r.files(cfg, ss)
	if configOnly {
		r.say("The configuration is fine; the RDS was not asked.")
		return exitOK
	}
	client, err := newClient(cfg.rds, &stages{report: r, rds: cfg.rds})
	if err != nil {
		return p.fail(err)
	}
	defer client.Close()
	if err := client.Connect(ctx); err != nil {
		r.explain(err)
		return exitFailure
	}
	r.row("version", verdictOK, 0, describe(client.Report().Identity))
	if !r.volumes(ctx, client, cfg.rds.volumeBasePaths) {
		r.say("The connection works, volumes do not.")
		return exitFailure
	}
	r.say("The RDS is usable.")
	return exitOK
}

// configuration reports the settings, each under the stage that it belongs to,
// and what deserves a warning.
func (r *report) configuration(cfg *config, ss *settings) {
	files := []struct{ stage, setting string }{{"key", "rds-key-file"}, {"host key file", "rds-host-key"}}
	verdict := verdictOK
	var lines []string
	for _, f := range ss.faults {
		if f.name != files[0].setting && f.name != files[1].setting {
			verdict = verdictFail
			lines = append(lines, f.String())
		}
	}
	r.row("configuration", verdict, 0, lines...)
	for _, f := range files {
		for _, fault := range ss.faults.of(f.setting) {
			r.row(f.stage, verdictFail, 0, fault.String())
		}
	}
	for _, note := range cfg.notes {
		r.say("warning: " + note)
	}
}

// files tells which keys are used: what an operator compares with the RDS.
func (r *report) files(cfg *config, ss *settings) {
	if cfg.rds.host == "" {
		return // embedded, and not started
	}
	if signer, err := conn.LoadKey(cfg.rds.keyFile); err == nil {
		r.row("key", verdictOK, 0, fmt.Sprintf("%s %s", signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey())))
	}
	if cfg.rds.skipVerify {
		r.row("host key file", verdictOff, 0, "any host key is accepted")
	} else if keys, err := conn.LoadHostKeys(cfg.rds.hostKeyFile, cfg.rds.host, cfg.rds.port); err == nil {
		r.row("host key file", verdictOK, 0, strings.Join(keys.Fingerprints(), ", "))
	}
}

// describe tells what the device says of itself.
func describe(id conn.Identity) string {
	parts := []string{"RouterOS " + id.Version}
	for _, part := range []struct{ name, value string }{
		{"on", id.Board}, {"serial number", id.SerialNumber}, {"software id", id.SoftwareID}, {"system id", id.SystemID},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	if id.Uptime > 0 {
		parts = append(parts, "up "+id.Uptime.String())
	}
	return strings.Join(parts, ", ")
}
