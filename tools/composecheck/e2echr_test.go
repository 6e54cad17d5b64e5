package composecheck_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An emulated CHR is behind the fake docker; what would be the tests logs in
// with what it is given.
func TestMakeE2EGivesTheDeviceToTheTests(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"ssh", "scp"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, tool+" is missing: apt-get install openssh-client")
		}
	}
	m := newMachine(t, "127.0.0.1")
	m.once("emulator-keys")
	m.once("keys")
	device := exec.Command(filepath.Join(m.programs, "emulator"), m.changes.Replace("--listen=:2222"), "--chr",
		"--host-key-file="+filepath.Join(m.folder, "emulator", "ssh_host_key"))
	device.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.background(device)
	address := strings.TrimPrefix(m.changes.Replace("=:2222"), "=")
	m.listens(address)

	environ := []string{"RUNNING=routeros", "ADDRESS=" + address, "KEYS=" + filepath.Join(m.folder, "keys")}
	for range 2 { // the second time the user is there
		r := runMake(t, "e2e-chr", true, environ...)
		host, port, _ := strings.Cut(address, ":")
		r.expect(t, false, "go test ./e2e -run RouterOS -count=1", "; "+host+" "+port+" /pool/csi ssh-ed25519 ", "docker compose pause routeros")
		key, err := os.ReadFile(filepath.Join(m.folder, "keys", "id_ed25519"))
		if err != nil || !strings.Contains(r.calls, string(key)) {
			t.Errorf("the tests do not get the key, %v", err)
		}
	}
	// The user is one of full rights, and the key is its own.
	login := exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-i", filepath.Join(m.folder, "keys", "id_ed25519"), "-p", address[strings.LastIndex(address, ":")+1:], "e2e@127.0.0.1",
		`:put [/user get [find name="e2e"] group]`)
	if out, err := login.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "full" {
		t.Errorf("the user e2e: %q, %v", out, err)
	}
}

func TestMakeE2ENeedsARouterOS(t *testing.T) {
	runMake(t, "e2e-chr", true, "RUNNING=emulator").expect(t, true, "there is no RouterOS to check")
	runMake(t, "e2e-chr", false).expect(t, true, "docker is missing")
}
