//go:build linux && !race

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

// testDevice is what the checks of a device run against: an emulator, or a
// RouterOS that somebody has set up.
type testDevice struct {
	device
	emulated *emulatedDevice // nil: RouterOS

	rebootTime time.Duration // from the command to the next connection, at most
}

// realDevice reads where a RouterOS is; README.md lists the variables. To have
// none is no fault of a machine, CI's included: an image of RouterOS may not be
// passed on.
func realDevice(t *testing.T) testDevice {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for a device")
	}
	value := func(name, otherwise string) string {
		if v := os.Getenv("RDS_E2E_" + name); v != "" {
			return v
		}
		return otherwise
	}
	d := testDevice{rebootTime: 5 * time.Minute, device: device{
		host: value("ADDRESS", ""), port: value("PORT", "22"), user: value("USER", "admin"),
		keyFile: value("KEY_FILE", ""), hostKeyFile: value("HOST_KEY", ""), basePath: value("BASE_PATH", ""),
	}}
	if d.host == "" {
		t.Skip("no RouterOS was named: e2e/README.md tells how (RDS_E2E_ADDRESS and others). " +
			"The same checks ran against the emulator.")
	}
	if d.keyFile == "" || d.hostKeyFile == "" || d.basePath == "" {
		t.Fatal("RDS_E2E_ADDRESS is set; RDS_E2E_KEY_FILE, RDS_E2E_HOST_KEY and RDS_E2E_BASE_PATH are needed as well")
	}
	return d
}

func emulatedTestDevice(t *testing.T) testDevice {
	t.Helper()
	// The attempt that finds it back comes seconds later, as with a RouterOS: an
	// uptime of zero would tell nothing.
	e := startDevice(t, "--chr", "--reboot-time=4s")
	return testDevice{device: e.device, emulated: e, rebootTime: 30 * time.Second}
}

// pause makes the device stand still, and returns what ends that. A RouterOS
// needs somebody who can do it: RDS_E2E_PAUSE and RDS_E2E_RESUME are commands
// for it, such as "docker compose pause routeros".
func (d testDevice) pause(t *testing.T) (resume func()) {
	t.Helper()
	if d.emulated != nil {
		process := d.emulated.cmd.Process
		resume = func() { process.Signal(syscall.SIGCONT) }
		t.Cleanup(resume) // before it is told to end
		if err := process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		return resume
	}
	pause, goOn := os.Getenv("RDS_E2E_PAUSE"), os.Getenv("RDS_E2E_RESUME")
	if pause == "" || goOn == "" {
		lacking(t, "RDS_E2E_PAUSE and RDS_E2E_RESUME do not say how to make this RouterOS stand still")
	}
	run := func(command string) {
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	run(pause)
	resume = func() { run(goOn) }
	t.Cleanup(resume)
	return resume
}

// login makes a connection of its own to the device, beside the service.
func (d device) login(user string) (*ssh.Client, error) {
	client, _, err := d.loginShown(user)
	return client, err
}

// loginShown returns the host key as well, which is a pinned one.
func (d device) loginShown(user string) (_ *ssh.Client, hostKey ssh.PublicKey, err error) {
	port, err := strconv.Atoi(d.port)
	if err != nil {
		return nil, nil, err
	}
	key, err := conn.LoadKey(d.keyFile)
	if err != nil {
		return nil, nil, err
	}
	pinned, err := conn.LoadHostKeys(d.hostKeyFile, d.host, port)
	if err != nil {
		return nil, nil, err
	}
	check := func(_ string, _ net.Addr, shown ssh.PublicKey) error {
		hostKey = shown
		if !slices.Contains(pinned.Fingerprints(), ssh.FingerprintSHA256(shown)) {
			return errors.New("the host key is not a pinned one")
		}
		return nil
	}
	tcp, err := net.DialTimeout("tcp", d.address(), 10*time.Second)
	if err != nil {
		return nil, nil, err
	}
	// Nothing in the library ends by itself on a device that says nothing.
	tcp.SetDeadline(time.Now().Add(10 * time.Second))
	c, channels, requests, err := ssh.NewClientConn(tcp, d.address(),
		&ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: check})
	if err != nil {
		tcp.Close()
		return nil, nil, err
	}
	tcp.SetDeadline(time.Time{})
	return ssh.NewClient(c, channels, requests), hostKey, nil
}

// reply is what a command answered.
type reply struct {
	stdout, stderr string
	end            string // how the channel ended
}

// say runs a command on a connection.
func say(client *ssh.Client, command string, within time.Duration) (r reply, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	session, err := client.NewSession()
	if err != nil {
		return reply{}, err
	}
	defer session.Close()
	var stdout, stderr strings.Builder
	session.Stdout, session.Stderr = &stdout, &stderr
	err = session.Run(command)
	var status *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case err == nil:
		r.end = "exit status 0"
	case errors.As(err, &status):
		r.end, err = "exit status "+strconv.Itoa(status.ExitStatus()), nil
	case errors.As(err, &missing):
		r.end, err = "no exit status", nil
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %v", within)
	}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r, err
}

// command runs one on a connection of its own.
func (d device) command(t *testing.T, line string) string {
	t.Helper()
	client, err := d.login(d.user)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r, err := say(client, line, 30*time.Second)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Logf("%s: %v", line, err) // it may have ended its own connection
	}
	return r.stdout + r.stderr
}
