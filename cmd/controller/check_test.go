package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
	"rds-csi/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(cleanUpAndExit)) }

// device is an emulated RDS on TCP and what one needs to log in to it.
type device struct {
	*emulator.Server
	files
	host, port string
}

func startDevice(t *testing.T) *device {
	t.Helper()
	server, err := emulator.NewServer(emulator.Options{HostKeyType: "ed25519"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	d := &device{Server: server, files: writeFiles(t)}
	signer, err := conn.LoadKey(d.key)
	if err != nil {
		t.Fatal(err)
	}
	server.AuthorizeKey("admin", signer.PublicKey())
	if err := os.WriteFile(d.hostKey, ssh.MarshalAuthorizedKey(server.HostKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if d.host, d.port, err = net.SplitHostPort(address.String()); err != nil {
		t.Fatal(err)
	}
	return d
}

// args are the flags for this device, changed; no HTTP unless asked for.
func (d *device) args(changes ...string) []string {
	return d.with(append([]string{"--rds-address=" + d.host, "--rds-port=" + d.port, "--metrics-address="}, changes...)...)
}

// invoke runs the command in this process.
func invoke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), process{args: args, stdout: &out, stderr: &errs})
	return code, out.String(), errs.String()
}

func TestCheckTellsTheStageThatFailsAndWhatToDo(t *testing.T) {
	foreign := foreignHostKey(t)
	tests := []struct {
		name    string
		fault   func(*emulator.Server)
		changes []string
		stages  string // those of the table that are printed, in order
		fails   string // the row's cause
		kind    conn.Kind
		last    string // what the report also says
	}{
		{name: "a good one", stages: "name TCP host-key login verify version", last: "The RDS is usable."},
		{name: "name", changes: []string{"--rds-address=rds.invalid", "--rds-connect-timeout=3s"},
			stages: "name", kind: conn.KindResolve},
		{name: "refused", changes: []string{"--rds-port=PORT"}, stages: "name TCP", fails: "connection refused", kind: conn.KindRefused},
		{name: "no banner", fault: func(s *emulator.Server) { s.SetHoldBanner(true) }, changes: []string{"--rds-connect-timeout=300ms"},
			stages: "name TCP handshake", fails: "longer than 300ms", kind: conn.KindHandshake},
		{name: "closed before the banner", fault: func(s *emulator.Server) { s.SetAcceptThenClose(true) },
			stages: "name TCP handshake", kind: conn.KindClosed},
		{name: "host key", changes: []string{"--rds-host-key=" + foreign},
			stages: "name TCP host-key", fails: "the device showed ssh-ed25519", kind: conn.KindHostKey,
			last: "Presented, for your information; it is not trusted: ssh-ed25519 FINGERPRINT"},
		{name: "login", fault: func(s *emulator.Server) { s.SetRejectLogin(true) },
			stages: "name TCP host-key login", kind: conn.KindAuth},
		{name: "verify", fault: func(s *emulator.Server) { s.SetCutOutput(20) },
			stages: "name TCP host-key login verify", kind: conn.KindUnusable},
		{name: "no host key check", changes: []string{"--rds-host-key", "--rds-insecure-skip-verify=true"},
			stages: "name TCP host-key login verify version", last: "warning: SECURITY"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := startDevice(t)
			if test.fault != nil {
				test.fault(d.Server)
			}
			_, closed, _ := net.SplitHostPort(testkit.FreeAddress(t))
			changes := []string{}
			for _, c := range test.changes {
				changes = append(changes, strings.ReplaceAll(c, "PORT", closed))
			}
			code, out, errs := invoke(t, append([]string{"check"}, d.args(changes...)...)...)
			t.Logf("%s%s", out, errs)

			wantCode := exitOK
			if test.kind != "" {
				wantCode = exitFailure
				failed := fmt.Sprintf("Failed (%s): %s", test.kind, test.kind.Summary())
				for _, want := range []string{failed, "What to do: " + test.kind.Remedy(), test.fails} {
					if !strings.Contains(out, want) {
						t.Errorf("the report lacks %q", want)
					}
				}
			}
			if code != wantCode {
				t.Errorf("exit code %d, want %d", code, wantCode)
			}
			if got := rows(out); got != test.stages+verdictSuffix(test.kind) {
				t.Errorf("stages: got %q, want %q", got, test.stages+verdictSuffix(test.kind))
			}
			if want := strings.ReplaceAll(test.last, "FINGERPRINT", ssh.FingerprintSHA256(d.HostKey())); !strings.Contains(out, want) {
				t.Errorf("the report lacks %q", want)
			}
		})
	}
}

// verdictSuffix marks that the last stage, and no other, failed.
func verdictSuffix(kind conn.Kind) string {
	if kind == "" {
		return ""
	}
	return "!"
}

// rows are the stages of the connect, "!" behind those that failed.
func rows(out string) string {
	var got []string
	for line := range strings.Lines(out) {
		for _, stage := range []string{"name", "TCP", "handshake", "host key", "login", "verify", "version"} {
			if verdict, ok := strings.CutPrefix(line, fmt.Sprintf("%-14s ", stage)); ok {
				name := strings.ReplaceAll(stage, " ", "-")
				if strings.HasPrefix(verdict, verdictFail) {
					name += "!"
				}
				got = append(got, name)
			}
		}
	}
	return strings.Join(got, " ")
}

// foreignHostKey is a file with the key of another device.
func foreignHostKey(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(path, ssh.MarshalAuthorizedKey(key), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckOfTheConfigurationAloneAsksNobody(t *testing.T) {
	d := startDevice(t)
	code, out, _ := invoke(t, append([]string{"check", "--config-only"}, d.args()...)...)
	if code != exitOK || !strings.Contains(out, "The configuration is fine") || !strings.Contains(out, "key            OK") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if dials := len(d.Stats().Dials); dials != 0 {
		t.Errorf("%d dials", dials)
	}
}

func TestCheckOfABadConfigurationPutsEachFaultUnderItsStage(t *testing.T) {
	code, out, _ := invoke(t, "check", "--rds-port=0", "--rds-key-file=/no/such/key")
	if code != exitConfig {
		t.Errorf("exit code %d, want %d", code, exitConfig)
	}
	for _, want := range []string{"configuration  FAIL", "--rds-port=0: is out of range", "--rds-address: is missing",
		"key            FAIL             --rds-key-file=/no/such/key: /no/such/key does not exist", "nothing was tried"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}

func TestCheckWorksWithTheEmbeddedRDS(t *testing.T) {
	code, out, errs := invoke(t, "check", "--embedded-rds")
	if code != exitOK || !strings.Contains(out, "RouterOS 7.") {
		t.Errorf("exit code %d:\n%s%s", code, out, errs)
	}
}

func TestVersionAndUsage(t *testing.T) {
	for _, arg := range []string{"version", "-version"} {
		if code, out, _ := invoke(t, arg); code != exitOK || !strings.Contains(out, "go1.") {
			t.Errorf("%s: exit code %d, %q", arg, code, out)
		}
	}
	if code, out, errs := invoke(t, "--help"); code != exitOK || errs != "" || !strings.Contains(out, "--rds-address") {
		t.Errorf("--help: exit code %d, %q", code, errs)
	}
	if code, _, errs := invoke(t, "--nonsense"); code != exitConfig || !strings.Contains(errs, "-nonsense") {
		t.Errorf("--nonsense: exit code %d, %q", code, errs)
	}
	if code, _, errs := invoke(t, "chekc"); code != exitConfig || !strings.Contains(errs, "check, healthcheck, version") {
		t.Errorf("a misspelt subcommand: exit code %d, %q", code, errs)
	}
}
