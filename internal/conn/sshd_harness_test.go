//go:build linux

package conn

import (
	"bytes"
	"context"
	"crypto"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

const sshdPath = "/usr/sbin/sshd" // it insists on an absolute path

// sshd is a private OpenSSH daemon on loopback, whose forced command is the
// emulator as a process: what it runs, it runs on a device in this process.
type sshd struct {
	t        *testing.T
	dir      string // short: the path of a socket has little room
	port     int
	device   *emulator.Device
	unserve  func() // takes the device away from behind its socket
	hostKeys map[string]ssh.PublicKey

	daemon  *exec.Cmd
	exited  chan struct{} // closed when the daemon has
	orphans []process     // connections that outlived their daemon
}

// againstSSHD runs a story before a daemon with the lines of config. Its host
// keys are an Ed25519 and an RSA one; the client expects the first.
func againstSSHD(t *testing.T, config string, change func(*settings), story func(w *live, d *sshd)) {
	t.Helper()
	needSSHD(t)
	builds.keep(t) // before t.Parallel: see there
	t.Parallel()
	var s settings
	if change != nil {
		change(&s)
	}
	d := &sshd{t: t, dir: must(os.MkdirTemp("", "sshd")), hostKeys: map[string]ssh.PublicKey{}, unserve: func() {}}
	t.Cleanup(d.close)
	d.serve(emulator.NewDevice(s.device))
	d.newHostKey("ed25519")
	d.newHostKey("rsa")
	d.port = freePort()
	s.client.Host, s.client.Port, s.client.User = ipv4, d.port, must(user.Current()).Username
	w := newLive(t, s)
	d.authorize(writeKey(t, w.keyFile))
	writeHostKeys(t, w.hostKeyFile, d.hostKeys["ed25519"])
	writeFile(t, d.path("config"), config+"\n"+d.config())
	d.start()
	story(w, d)
}

// needSSHD skips where OpenSSH's server is not installed; in CI it must be.
func needSSHD(t *testing.T) {
	t.Helper()
	needRealTime(t)
	if _, err := os.Stat(sshdPath); err != nil {
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("no OpenSSH server, and CI must have one (Debian: apt-get install openssh-server): %v", err)
		}
		t.Skipf("no OpenSSH server on this machine (Debian: apt-get install openssh-server): %v", err)
	}
	if os.Getuid() != 0 {
		return // it needs no privileges for a login of the same user
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it confines itself before the login
		t.Fatal(err)
	}
}

// config follows the test's own lines: sshd takes the first value of a keyword.
func (d *sshd) config() string {
	lines := []string{
		fmt.Sprintf("ListenAddress %s:%d", ipv4, d.port),
		"HostKey " + d.path("host_ed25519"), "HostKey " + d.path("host_rsa"),
		"AuthorizedKeysFile " + d.path("authorized_keys"),
		"ForceCommand exec " + builds.emulator(d.t) + " --exec --device-socket " + d.path("device"),
		"SetEnv HOME=" + d.dir, // a shell under sshd runs the user's own start-up files
		"PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"UsePAM no", "StrictModes no", "PidFile none", "LogLevel DEBUG1",
	}
	if builds.penalties(d.path("host_ed25519")) {
		// From 9.8 on failed logins lock the source out, which every test here shares.
		lines = append(lines, "PerSourcePenalties no")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (d *sshd) path(name string) string { return filepath.Join(d.dir, name) }

// serve puts a device behind the forced command, in place of the one before.
func (d *sshd) serve(device *emulator.Device) {
	d.unserve()
	d.device = device
	l := must(net.Listen("unix", d.path("device")))
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { _ = emulator.ServeDevice(ctx, l, device) })
	d.unserve = func() { cancel(); served.Wait() }
}

// newHostKey makes the daemon's host key of the type, for its next start.
func (d *sshd) newHostKey(keyType string) ssh.PublicKey {
	key := must(emulator.GenerateHostKey(keyType))
	writeKeyFile(d.t, d.path("host_"+keyType), key)
	d.hostKeys[keyType] = must(ssh.NewPublicKey(key.Public()))
	return d.hostKeys[keyType]
}

func writeKeyFile(t *testing.T, path string, key crypto.Signer) {
	t.Helper()
	writeFile(t, path, string(pem.EncodeToMemory(must(ssh.MarshalPrivateKey(key, "")))))
}

// authorize lets the keys in, and no others.
func (d *sshd) authorize(keys ...ssh.PublicKey) {
	writeHostKeys(d.t, d.path("authorized_keys"), keys...)
}

// start starts the daemon and waits until it listens.
func (d *sshd) start() {
	d.t.Helper()
	begin := len(d.log())
	// With -e its log would also come out of every command's stderr.
	d.daemon = exec.Command(sshdPath, "-D", "-E", d.path("log"), "-f", d.path("config"))
	d.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also where a test panics
	if err := d.daemon.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.exited = make(chan struct{})
	go func() { _ = d.daemon.Wait(); close(d.exited) }()
	for deadline := time.Now().Add(patience); !strings.Contains(d.log()[begin:], "Server listening on"); time.Sleep(2 * time.Millisecond) {
		if d.hasExited() || time.Now().After(deadline) {
			d.t.Fatalf("sshd does not listen:\n%s", d.log()[begin:])
		}
	}
}

// stop ends the daemon; its connections live on.
func (d *sshd) stop() {
	d.orphans = append(d.orphans, d.connections()...)
	_ = d.daemon.Process.Signal(syscall.SIGCONT)
	_ = d.daemon.Process.Signal(syscall.SIGTERM)
	<-d.exited
}

func (d *sshd) restart() { d.stop(); d.start() }

func (d *sshd) hasExited() bool {
	select {
	case <-d.exited:
		return true
	default:
		return false
	}
}

// close ends every process that the daemon began, and the daemon.
func (d *sshd) close() {
	if d.t.Failed() {
		log := d.log()
		d.t.Logf("sshd:\n%s", log[max(0, len(log)-8000):])
	}
	if d.daemon != nil {
		_ = d.daemon.Process.Signal(syscall.SIGCONT)
		d.signal(syscall.SIGKILL)
		d.stop()
		d.signal(syscall.SIGKILL) // those that came meanwhile
	}
	d.unserve() // which ends the commands under way
	os.RemoveAll(d.dir)
}

// log is what the daemon and its connections said.
func (d *sshd) log() string {
	text, _ := os.ReadFile(d.path("log"))
	return string(text)
}

// connections are the processes that serve one each.
func (d *sshd) connections() []process {
	alive := slices.DeleteFunc(slices.Clone(d.orphans), func(p process) bool { return !p.alive() })
	if d.hasExited() {
		return alive
	}
	return append(alive, childrenOf(d.daemon.Process.Pid)...)
}

// signal sends the connections a signal.
func (d *sshd) signal(s syscall.Signal) {
	for _, p := range d.connections() {
		_ = syscall.Kill(p.pid, s)
	}
}

func (d *sshd) freezeConnections() { d.signal(syscall.SIGSTOP) }

// freezeListener keeps the daemon from accepting; the kernel goes on.
func (d *sshd) freezeListener() { _ = d.daemon.Process.Signal(syscall.SIGSTOP) }
func (d *sshd) thawListener()   { _ = d.daemon.Process.Signal(syscall.SIGCONT) }

// wantKilled kills the process of the connection, and returns the reason of
// the loss: the kernel sends a reset where it had not read everything, such as
// the last word on a session, and a FIN where it had.
func (w *live) wantKilled(d *sshd) Reason {
	w.t.Helper()
	w.wantLoss(func() { d.signal(syscall.SIGKILL) }, event, ReasonEOF, ReasonReset)
	return w.m.Snapshot().Reason
}

// stranger connects and goes no further than the banner.
func (d *sshd) stranger() net.Conn {
	d.t.Helper()
	raw := must(net.Dial("tcp", net.JoinHostPort(ipv4, strconv.Itoa(d.port))))
	d.t.Cleanup(func() { raw.Close() })
	if _, err := raw.Read(make([]byte, 1)); err != nil {
		d.t.Fatal(err)
	}
	return raw
}

// name is the device's, which a command can change: it tells that the command
// has run so far.
func (d *sshd) name() string {
	return strings.TrimSpace(d.device.Run(d.t.Context(), "admin", ":put [/system/identity/get name]").Output)
}

// beginNamed starts a command that names the device, then takes its time, and
// returns when the device has its new name. A daemon that has not yet put away
// the session of before, and allows one alone, is asked again.
func (w *live) beginNamed(d *sshd, name string, length time.Duration) <-chan error {
	w.t.Helper()
	command := fmt.Sprintf("/system/identity/set name=%s; :delay %v; :put done", name, length)
	result := w.begin(command)
	w.waitFor("the command", func() bool {
		select {
		case err := <-result:
			if KindOf(err) != KindBusy {
				w.t.Fatalf("the command ended early: %v", err)
			}
			result = w.begin(command)
		default:
		}
		return d.name() == name
	})
	return result
}

// freePort is a port that nobody listens on now. It is below those that the
// kernel gives to clients, one of whom could take it while the daemon is away.
func freePort() int {
	for {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", net.JoinHostPort(ipv4, strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
}

// process is one process, also when its number is given to another later.
type process struct {
	pid, parent int
	start       string
}

// processOf reports false where there is none, or only its remains.
func processOf(pid int) (process, bool) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The name of the program, in brackets, may hold anything. The state, the
	// parent and, as the 22nd of all fields, the start time follow.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return process{pid: pid, parent: parent, start: fields[19]}, err == nil
}

func (p process) alive() bool {
	now, ok := processOf(p.pid)
	return ok && now.start == p.start
}

// childrenOf lists the living children of a process.
func childrenOf(parent int) []process {
	var list []process
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := processOf(pid); ok && p.parent == parent {
			list = append(list, p)
		}
	}
	return list
}

// builds makes cmd/emulator once for all tests, and removes it after the last.
var builds buildCache

type buildCache struct {
	mu         sync.Mutex
	users      int
	dir        string // empty: not built
	penaltiesC *bool
}

// keep keeps what is built until the test ends. It comes before t.Parallel, so
// that every test has said so before the first one goes on.
func (b *buildCache) keep(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users++
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.users--; b.users == 0 {
			os.RemoveAll(b.dir)
			b.dir = ""
		}
	})
}

func (b *buildCache) emulator(t *testing.T) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir == "" {
		b.dir = must(os.MkdirTemp("", "emulator"))
		if out, err := exec.Command("go", "build", "-o", b.dir, "rds-csi/cmd/emulator").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return filepath.Join(b.dir, "emulator")
}

// penalties reports whether this sshd knows the keyword PerSourcePenalties.
func (b *buildCache) penalties(hostKey string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.penaltiesC == nil {
		known := exec.Command(sshdPath, "-t", "-f", "/dev/null", "-h", hostKey, "-o", "PerSourcePenalties=no").Run() == nil
		b.penaltiesC = &known
	}
	return *b.penaltiesC
}
