package composecheck_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestTheProgramsRunAsTheStackRunsThem(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "127.0.0.1")
	m.once("emulator-keys")
	m.once("keys")
	first := m.files("keys")
	for _, name := range []string{"emulator-keys", "keys"} { // with each `up`
		m.once(name)
	}
	if again := m.files("keys"); !maps.Equal(first, again) {
		t.Errorf("there are other keys each time: %v", slices.Sorted(maps.Keys(again)))
	}
	m.start("emulator")
	m.controllerBecomesReady()
	m.until("a span has come", func() error {
		if m.spans.Load() == 0 {
			return fmt.Errorf("none so far")
		}
		return nil
	})
}

// controllerBecomesReady, and serves CSI.
func (m *machine) controllerBecomesReady() {
	m.t.Helper()
	m.start("controller")
	m.until("the controller is ready", func() error {
		status, answer, err := m.ready()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d: %s", status, answer)
		}
		return err
	})
	if _, err := os.Stat(filepath.Join(m.folder, "csi", "csi.sock")); err != nil {
		m.t.Error(err)
	}
}

// An emulated CHR, as it comes, takes the place of RouterOS.
func TestAFreshRouterOSIsPrepared(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "127.0.0.1")
	version := m.stack.Services["routeros"].Build.Args["CHR_VERSION"]
	device := exec.Command(filepath.Join(m.programs, "emulator"), m.changes.Replace("--listen=:2222"), "--chr", "--no-rose-storage",
		"--raw-disk=virtio1", "--reboot-time=1s", "--routeros-version="+*version)
	device.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.background(device)
	if err := os.WriteFile(filepath.Join(m.folder, "rose-storage-"+*version+".npk"), []byte("\x1e\xf1\xd0\xba"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.once("keys")
	placeholder := m.files("keys")["known_hosts"]
	m.once("routeros-setup")
	prepared := m.files("keys")
	if prepared["known_hosts"] == placeholder {
		t.Error("the host key was not pinned")
	}
	m.once("keys")
	m.once("routeros-setup") // with each `up`
	if again := m.files("keys"); !maps.Equal(prepared, again) {
		t.Error("a prepared device is prepared anew")
	}
	m.controllerBecomesReady()
}

func TestTheControllerLivesWithoutAnRDS(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "rds.invalid")
	m.once("keys")
	m.start("controller")
	status, answer, err := m.ready()
	if err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("%d: %s, %v", status, answer, err)
	}
}
