package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
	"rds-csi/internal/status"
)

// checkKey reads the private key as the client will. One that goes bad later
// is retried; one that is bad at the start is a mistake.
func (ss *settings) checkKey(r *rdsConfig) {
	const name = "rds-key-file"
	if ss.failed[name] {
		return
	}
	signer, err := conn.LoadKey(r.keyFile)
	if err != nil {
		ss.fault(name, bad(err.Error(), fileRemedy(err,
			"give an Ed25519 or RSA private key in OpenSSH or PEM format without a passphrase, as ssh-keygen -t ed25519 -N '' makes it")))
		return
	}
	if info, err := os.Stat(r.keyFile); err == nil && info.Mode().Perm()&0o007 != 0 {
		ss.note("the private key %s is open to every user of this machine (mode %#o); chmod 600 it, or set defaultMode: 0400 on the Secret's volume",
			r.keyFile, info.Mode().Perm())
	}
	if t := signer.PublicKey().Type(); t != ssh.KeyAlgoED25519 && t != ssh.KeyAlgoRSA {
		ss.note("the private key %s is of type %s, which RouterOS does not accept; use an Ed25519 (RouterOS 7.12 or later) or an RSA key", r.keyFile, t)
	}
}

// checkHostKey insists on a decision: a pinned key, or an explicit refusal.
func (ss *settings) checkHostKey(r *rdsConfig) {
	const name = "rds-host-key"
	if !ss.valid(name, "rds-insecure-skip-verify", "rds-address", "rds-port") {
		return
	}
	scan := fmt.Sprintf("ssh-keyscan -p %d %s", r.port, r.host)
	switch {
	case r.hostKeyFile != "" && r.skipVerify:
		ss.fault("rds-insecure-skip-verify", bad("contradicts --rds-host-key", "remove it, so that the host key is checked"))
	case r.skipVerify:
		ss.note("SECURITY: --rds-insecure-skip-verify accepts ANY host key: whoever can answer for the address of the RDS can act as it")
	case r.hostKeyFile == "":
		ss.fault(name, bad("is missing", fmt.Sprintf(
			"give a file with the host key of the RDS (%s prints it; compare it with /ip/ssh/print on the console)", scan)))
	case r.host != "": // without one there is nothing to look up
		if _, err := conn.LoadHostKeys(r.hostKeyFile, r.host, r.port); err != nil {
			ss.fault(name, bad(err.Error(), fileRemedy(err,
				fmt.Sprintf("give public key lines, or known_hosts lines for this very address (%s prints them)", scan))))
		}
	}
}

// fileRemedy tells what to do about a file that cannot be read; another one is
// for a file that can.
func fileRemedy(err error, another string) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "check the path, and that the Secret or volume with it is mounted"
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("make it readable for uid %d (chown, or fsGroup of the pod)", os.Getuid())
	}
	return another
}

// protects finds the sections of a web configuration that keep somebody out.
var protects = regexp.MustCompile(`(?m)^["']?(tls_server_config|basic_auth_users)\b`)

func (ss *settings) checkWebConfig(cfg *config) {
	if err := status.ValidateWebConfig(cfg.webConfigFile); err != nil {
		ss.fault("web.config.file", bad("is not usable: "+err.Error(), fileRemedy(err,
			"write it as the web configuration of the Prometheus exporter-toolkit: tls_server_config with cert_file and key_file, "+
				"basic_auth_users with bcrypt hashes as htpasswd -nB prints them")))
		return
	}
	// An empty file is valid there, and a Secret that is not filled yet is one.
	if text, err := os.ReadFile(cfg.webConfigFile); err == nil && !protects.Match(text) {
		ss.note("SECURITY: --web.config.file=%s asks for neither TLS nor a password: page and metrics are open to whoever reaches --metrics-address",
			cfg.webConfigFile)
	}
}

// checkEndpointDirectory is for a start alone: the directory is part of the
// machine that serves, and the configuration may be checked on another one.
func (ss *settings) checkEndpointDirectory(cfg *config) {
	if cfg.endpoint.network != "unix" || cfg.embedded && !ss.given("endpoint") {
		return
	}
	dir := filepath.Dir(cfg.endpoint.address)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		ss.fault("endpoint", bad(fmt.Sprintf("needs the directory %s, which is not there", dir),
			"create or mount it, choose another --endpoint, or disable CSI with --endpoint="))
	}
}

// checkExposure warns of a CSI port that others can reach: it has neither
// encryption nor authentication.
func (ss *settings) checkExposure(cfg *config) {
	if cfg.endpoint.network != "tcp" {
		return
	}
	host, _, _ := net.SplitHostPort(cfg.endpoint.address)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		ss.note("SECURITY: --endpoint=%s can be reached from other machines, without authentication; use unix:// or a loopback address", cfg.endpoint)
	}
}

// wildcardPort reports whether the kernel chooses the port.
func wildcardPort(address string) bool { return strings.HasSuffix(address, ":0") }
