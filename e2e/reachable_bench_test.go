//go:build linux

package e2e

import (
	"net"
	"path/filepath"
	"testing"

	"rds-csi/internal/emulator"
)

// reachable is where an RDS is, and with which keys.
type reachable struct {
	host, port           string
	keyFile, hostKeyFile string
}

// emulatedRDS starts one over TCP.
func emulatedRDS(b *testing.B) reachable {
	b.Helper()
	rds := must(emulator.NewServer(emulator.Options{HostKeyType: "ed25519"}))
	b.Cleanup(func() { rds.Close() })
	dir := b.TempDir()
	r := reachable{keyFile: filepath.Join(dir, "key"), hostKeyFile: filepath.Join(dir, "host")}
	rds.AuthorizeKey("admin", writeKey(b, r.keyFile))
	writeHostKey(b, r.hostKeyFile, rds.HostKey())
	var err error
	if r.host, r.port, err = net.SplitHostPort(must(rds.Listen("127.0.0.1:0")).String()); err != nil {
		b.Fatal(err)
	}
	return r
}

// flags are those of a controller of the RDS.
func (r reachable) flags(b *testing.B) []string {
	return []string{"--rds-address=" + r.host, "--rds-port=" + r.port, "--rds-key-file=" + r.keyFile, "--rds-host-key=" + r.hostKeyFile,
		"--endpoint=unix://" + filepath.Join(b.TempDir(), "csi.sock"), "--metrics-address=127.0.0.1:0"}
}
