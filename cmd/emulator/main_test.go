package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFlagsAreCheckedBeforeAnythingStarts(t *testing.T) {
	for _, args := range []string{"extra", "--exec", "--authorized-key admin", "--outages every=1s", "--unknown"} {
		if _, err := parseFlags(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s was accepted", args)
		}
	}
	c, err := parseFlags(strings.Fields("--chr --authorized-key a=f --authorized-key b=g --outages every=30s,down=5s"), io.Discard)
	if err != nil || !c.device.CHR || len(c.authorizedKeys) != 2 || c.outages.Down.Seconds() != 5 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestHostKeyFileIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	for _, keyType := range []string{"rsa", "ed25519"} {
		file := filepath.Join(t.TempDir(), "key")
		first, err := hostKey(file, keyType)
		if err != nil {
			t.Fatal(err)
		}
		second, err := hostKey(file, keyType)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.PublicKey().Marshal(), second.PublicKey().Marshal()) {
			t.Errorf("%s: the key changed", keyType)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", keyType, info.Mode(), err)
		}
	}
	if _, err := hostKey("", "dsa"); err == nil {
		t.Error("dsa was accepted")
	}
}

// controlled is a server and its control interface.
func controlled(t *testing.T) (*emulator.Server, func(method, path string) (int, string)) {
	s, err := newServer(config{hostKeyType: "ed25519"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	handler := control(s, slog.New(slog.DiscardHandler))
	return s, func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code, w.Body.String()
	}
}

func TestControlTurnsEveryFaultOnAndOff(t *testing.T) {
	s, do := controlled(t)
	for name := range switches(s) {
		if code, body := do("POST", "/faults/"+name+"?on=true"); code != http.StatusNoContent {
			t.Errorf("%s: %d %s", name, code, body)
		}
		if s.Faults() == (emulator.Faults{}) {
			t.Errorf("%s changed nothing", name)
		}
		do("POST", "/faults/"+name+"?on=false")
		if s.Faults() != (emulator.Faults{}) {
			t.Errorf("%s is still on", name)
		}
	}
	for _, path := range []string{"/faults/slow-exec?for=2s", "/faults/delay?for=1ms", "/faults/cut-output?bytes=0"} {
		if code, body := do("POST", path); code != http.StatusNoContent || s.Faults() == (emulator.Faults{}) {
			t.Errorf("%s: %d %s", path, code, body)
		}
		do("POST", "/faults/none")
	}
	if s.Faults() != (emulator.Faults{}) {
		t.Errorf("left over: %+v", s.Faults())
	}
}

func TestControlRefusesWhatItDoesNotUnderstand(t *testing.T) {
	_, do := controlled(t)
	for path, want := range map[string]int{
		"/faults/refuse": 400, "/faults/refuse?on=perhaps": 400, "/faults/delay?for=-1s": 400, "/faults/cut-output": 400,
		"/reboot": 400, "/reboot?down=soon": 400, "/host-key?type=dsa": 400, "/brute-force?rules=mine": 400, "/faults/fire?on=true": 404,
	} {
		if code, _ := do("POST", path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	if code, _ := do("GET", "/drop"); code != http.StatusMethodNotAllowed {
		t.Errorf("GET /drop: %d", code)
	}
}

func TestControlReadsStatsAndChangesTheHostKey(t *testing.T) {
	s, do := controlled(t)
	s.SetRefuse(true)
	_, err := s.Dial(t.Context(), "tcp", "rds:22")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatal(err)
	}
	var stats emulator.Stats
	_, body := do("GET", "/stats")
	if err := json.Unmarshal([]byte(body), &stats); err != nil || len(stats.Dials) != 1 {
		t.Errorf("%s: %v", body, err)
	}
	_, before := do("GET", "/host-key")
	do("POST", "/host-key?type=ed25519")
	_, after := do("GET", "/host-key")
	if before == after || after != string(ssh.MarshalAuthorizedKey(s.HostKey())) {
		t.Errorf("host key before %s, after %s", before, after)
	}
	for _, path := range []string{"/drop", "/reset", "/disconnect", "/black-hole-live", "/reboot?down=1ms", "/power-cut?down=1ms", "/brute-force?rules=manual"} {
		if code, body := do("POST", path); code != http.StatusNoContent {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// TestProcess runs the whole of it, with the forced command beside it, until a signal's context ends.
func TestProcessServesSSHControlAndForcedCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("real sockets")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "device.sock")
	c, err := parseFlags([]string{"--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--host-key-type", "ed25519",
		"--device-socket", socket}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready := &readyLog{addresses: make(chan map[string]string, 1)}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, c, slog.New(slog.NewJSONHandler(ready, nil))) }()
	var at map[string]string
	select {
	case at = <-ready.addresses:
	case err := <-ended:
		t.Fatal(err)
	}

	client, err := ssh.Dial("tcp", at["address"], &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.Password("")}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Output("/system identity set name=shared"); err != nil {
		t.Error(err)
	}

	t.Setenv("SSH_ORIGINAL_COMMAND", ":put [/system identity get name]; :put [/system resource get board-name]")
	var status int
	if out := captureStdout(t, func() { status = forcedCommand(t.Context(), socket) }); status != 0 || !strings.HasPrefix(out, "shared\r\n") {
		t.Errorf("forced command: status %d, %q", status, out)
	}
	if status := forcedCommand(t.Context(), filepath.Join(dir, "none")); status != 255 {
		t.Errorf("without a device: status %d", status)
	}

	response, err := http.Post("http://"+at["control"]+"/drop", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err := client.Wait(); !errors.Is(err, io.EOF) {
		t.Errorf("after the drop: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestTakenPortNamesItsFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, name := range []string{"--listen", "--control"} {
		c, err := parseFlags([]string{"--host-key-type", "ed25519", "--listen", "127.0.0.1:0", name, l.Addr().String()}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// readyLog finds the addresses in the log line that says "ready".
type readyLog struct{ addresses chan map[string]string }

func (l *readyLog) Write(line []byte) (int, error) {
	var fields map[string]string
	if json.Unmarshal(line, &fields) == nil && fields["msg"] == "ready" {
		l.addresses <- fields
	}
	return len(line), nil
}

func captureStdout(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer func(stdout *os.File) { os.Stdout = stdout }(os.Stdout)
	os.Stdout = file
	f()
	out, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
