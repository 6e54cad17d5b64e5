package sanity

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
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

const sshdPath = "/usr/sbin/sshd" // it insists on an absolute path

// overSSHD is an emulated device behind a real OpenSSH daemon, whose forced
// command is the emulator as a process; nil where there is no daemon.
func overSSHD(t *testing.T) *reach {
	t.Helper()
	if testing.Short() {
		return nil
	}
	if _, err := os.Stat(sshdPath); err != nil {
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("no OpenSSH server, and CI must have one: %v", err)
		}
		t.Logf("no OpenSSH server on this machine (Debian: apt-get install openssh-server), so not over one: %v", err)
		return nil
	}
	if os.Getuid() == 0 { // where it confines itself before the login
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := shortTemp(t)
	device := emulator.NewDevice(emulator.DeviceOptions{})
	serveDevice(t, device, filepath.Join(dir, "device"))
	command := filepath.Join(dir, "emulator")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "rds-csi/cmd/emulator").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	port := startSSHD(t, dir, command)
	return &reach{host: "127.0.0.1", port: port, user: must(user.Current()).Username, device: device,
		authorize: func(key ssh.PublicKey) {
			if err := os.WriteFile(filepath.Join(dir, "authorized_keys"), ssh.MarshalAuthorizedKey(key), 0o600); err != nil {
				t.Fatal(err)
			}
		}}
}

// serveDevice puts the device behind the forced command.
func serveDevice(t *testing.T, device *emulator.Device, socket string) {
	l := must(net.Listen("unix", socket))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var served sync.WaitGroup
	served.Go(func() { _ = emulator.ServeDevice(ctx, l, device) })
	t.Cleanup(func() { cancel(); served.Wait() })
}

// startSSHD starts the daemon, waits until it listens and returns its port.
func startSSHD(t *testing.T, dir, command string) int {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	hostKey := pem.EncodeToMemory(must(ssh.MarshalPrivateKey(must(emulator.GenerateHostKey("ed25519")), "")))
	config := strings.Join([]string{
		fmt.Sprintf("ListenAddress 127.0.0.1:%d", port), "HostKey " + filepath.Join(dir, "host"),
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"ForceCommand exec " + command + " --exec --device-socket " + filepath.Join(dir, "device"),
		"SetEnv HOME=" + dir, // a shell under sshd runs the user's own start-up files
		"PermitRootLogin yes", "PasswordAuthentication no", "UsePAM no", "StrictModes no", "PidFile none", "",
	}, "\n")
	for name, content := range map[string][]byte{"host": hostKey, "config": []byte(config)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	daemon := exec.Command(sshdPath, "-D", "-E", filepath.Join(dir, "log"), "-f", filepath.Join(dir, "config"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(10 * time.Second); ; {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return port
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("sshd does not listen:\n%s", log)
		}
	}
}
