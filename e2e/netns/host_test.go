//go:build linux

package netns

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

const (
	sshdPath = "/usr/sbin/sshd"
	patience = 90 * time.Second // for a condition that has no bound of its own
)

// host is the far host: OpenSSH, whose forced command is the emulator as a
// process; what it runs, it runs on a device in this process.
type host struct {
	t       *testing.T
	dir     string // short: the path of a socket has little room
	hostKey ssh.PublicKey
	userKey string // the file of the private key that it lets in
	unserve func()
	device  *emulator.Device
	daemon  *exec.Cmd
}

func newHost(t *testing.T, emulatorPath string) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", own)
	noError(t, err)
	h := &host{t: t, dir: dir, userKey: filepath.Join(dir, "user"), unserve: func() {}}
	t.Cleanup(func() {
		if t.Failed() {
			log := h.log()
			t.Logf("sshd:\n%s", log[max(0, len(log)-4000):])
		}
		h.unserve()
		os.RemoveAll(dir)
	})
	h.hostKey = h.newKey("host")
	writeFile(t, h.path("authorized_keys"), string(ssh.MarshalAuthorizedKey(h.newKey("user"))))
	writeFile(t, h.path("known"), string(ssh.MarshalAuthorizedKey(h.hostKey)))
	config := []string{
		fmt.Sprintf("ListenAddress 0.0.0.0:%d", port),
		"HostKey " + h.path("host"),
		"AuthorizedKeysFile " + h.path("authorized_keys"),
		"ForceCommand exec " + emulatorPath + " --exec --device-socket " + h.path("device"),
		"SetEnv HOME=" + dir, // a shell under sshd runs the user's own start-up files
		"PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"UsePAM no", "UseDNS no", "StrictModes no", "PidFile none", "LogLevel VERBOSE",
	}
	writeFile(t, h.path("config"), strings.Join(config, "\n")+"\n")
	h.serve(emulator.NewDevice(emulator.DeviceOptions{}))
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) newKey(name string) ssh.PublicKey {
	h.t.Helper()
	key, err := emulator.GenerateHostKey("ed25519")
	noError(h.t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	noError(h.t, err)
	writeFile(h.t, h.path(name), string(pem.EncodeToMemory(block)))
	public, err := ssh.NewPublicKey(key.Public())
	noError(h.t, err)
	return public
}

// serve puts a device behind the forced command, in place of the one before.
func (h *host) serve(device *emulator.Device) {
	h.t.Helper()
	h.unserve()
	h.device = device
	l, err := net.Listen("unix", h.path("device"))
	noError(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { _ = emulator.ServeDevice(ctx, l, device) })
	h.unserve = func() { cancel(); served.Wait() }
}

// boot starts the daemon in the namespace and waits until it listens.
func (h *host) boot(ns namespace) {
	h.t.Helper()
	noError(h.t, os.MkdirAll("/run/sshd", 0o755)) // where it confines itself before the login
	begin := len(h.log())
	h.daemon = exec.Command("ip", "netns", "exec", string(ns), sshdPath, "-D", "-E", h.path("log"), "-f", h.path("config"))
	h.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also where a test panics
	noError(h.t, h.daemon.Start())
	daemon, exited := h.daemon, make(chan struct{})
	go func() { _ = daemon.Wait(); close(exited) }()
	h.t.Cleanup(func() { _ = daemon.Process.Kill(); <-exited })
	waitFor(h.t, "sshd to listen", func() bool { return strings.Contains(h.log()[begin:], "Server listening on") })
}

// log is what the daemon and its connections said.
func (h *host) log() string {
	text, _ := os.ReadFile(h.path("log"))
	return string(text)
}

// name is the device's, which a command can change: it tells that the command
// has run so far.
func (h *host) name() string {
	return strings.TrimSpace(h.device.Run(h.t.Context(), "admin", ":put [/system/identity/get name]").Output)
}

// signalSessions sends a signal to the processes that serve connections, the
// children of the daemon, and to theirs.
func (h *host) signalSessions(s syscall.Signal) {
	h.t.Helper()
	for _, pid := range childrenOf(h.daemon.Process.Pid) {
		for _, child := range append(childrenOf(pid), pid) {
			_ = syscall.Kill(child, s)
		}
	}
}

func childrenOf(parent int) (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// buildEmulator makes cmd/emulator for all faults of the test.
func buildEmulator(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", own)
	noError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "emulator")
	if out, err := exec.Command("go", "build", "-o", path, "rds-csi/cmd/emulator").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func username(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	noError(t, err)
	return u.Username
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	noError(t, os.WriteFile(path, []byte(content), 0o600))
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until the condition holds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
