package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rds-csi/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// invoke runs the command in this process.
func invoke(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, func(name string) string { return env[name] }, &out, &errs)
	t.Logf("%v: exit code %d\n%s%s", args, code, out.String(), errs.String())
	return code, out.String(), errs.String()
}

func TestACommandLineThatIsWrongDoesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"":                                      "routeros-setup keys",
		"stup":                                  "keys, ready or setup",
		"keys --type=ecdsa":                     "want ed25519 or rsa",
		"keys extra":                            "unexpected argument",
		"keys --address=rds":                    "not defined",
		"ready":                                 "--address is missing",
		"ready --address=a:b:c":                 "want host or host:port",
		"ready --address=rds:0":                 "want host or host:port",
		"ready --address=admin@rds":             `--address="admin@rds": want host or host:port`,
		"ready --address=ssh://rds":             "want host or host:port",
		"ready --address=rds --timeout=0s":      "--timeout=0s",
		"ready --address=rds --timeout=x":       "timeout",
		"setup --address=rds --user=-csi":       `"-csi" is no name`,
		"setup --address=rds --pool-disk=a/b":   "no slot",
		"setup --address=rds --allow-from=here": "no list of addresses",
		"setup --address=rds --user=admin":      "choose another one",
		"setup --address=rds --admin-password-file=/none": "--admin-password-file",
		"setup --password=x":                              "not defined",
	} {
		code, out, errs := invoke(t, nil, strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, %q, want %q", line, code, errs, want)
		}
	}
	if _, _, errs := invoke(t, nil, "setup", "--user=-csi", "--timeout=0s"); strings.Count(errs, "\n") < 3 {
		t.Errorf("not every fault is told: %s", errs)
	}
	if code, _, errs := invoke(t, nil, "ready", "--address=192.0.2.1\n"); code != exitUsage || !strings.Contains(errs, `--address="192.0.2.1\n"`) {
		t.Errorf("a line break in the address: exit code %d, %s", code, errs)
	}
	if files, _ := os.ReadDir("."); len(files) != 0 {
		t.Errorf("files were made: %v", files)
	}
}

func TestHelpIsNoFault(t *testing.T) {
	for _, line := range []string{"--help", "help", "keys --help", "ready -h", "setup --help"} {
		if code, out, errs := invoke(t, nil, strings.Fields(line)...); code != exitOK || errs != "" || !strings.Contains(out, "setup") {
			t.Errorf("%s: exit code %d", line, code)
		}
	}
}

func TestALineBreakIsNoPartOfThePassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("of file \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"of variable": {"--address=rds"},
		"of file ":    {"--address=rds", "--admin-password-file=" + file},
	} {
		f := newFlags("ready")
		env := func(string) string { return "of variable\n" }
		if err := f.read(args, env, nil); err != nil || f.options.Admin.Password != want {
			t.Errorf("got %q, %v, want %q", f.options.Admin.Password, err, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"rds": "rds 22", "rds:2222": "rds 2222", "192.0.2.1": "192.0.2.1 22", "::1": "::1 22", "[::1]": "::1 22", "[::1]:2222": "::1 2222",
	} {
		host, port, err := hostAndPort(text)
		if got := host + " " + strconv.Itoa(port); err != nil || got != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
}

// freshCHR is an emulated CHR on TCP, as it comes, with a password.
func freshCHR(t *testing.T, password string) (address string) {
	t.Helper()
	if testing.Short() {
		t.Skip("real sockets")
	}
	server, err := emulator.NewServer(emulator.Options{
		Device: emulator.NewDevice(emulator.DeviceOptions{CHR: true, NoRoseStorage: true, Directories: []string{},
			Pools: []emulator.Pool{{Slot: "virtio1", Size: 4 << 30, Raw: true}}}),
		Users:      []emulator.User{{Name: "admin", Password: password}},
		RebootTime: 100 * time.Millisecond, RebootDelay: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	listening, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listening.String()
}

// The controller itself says whether the device is usable.
func TestTheControllerFindsTheDeviceUsable(t *testing.T) {
	address := freshCHR(t, "s3cret")
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rose-storage-7.24.5.npk", "\x1e\xf1\xd0\xba and so on")
	write("password", "s3cret\n")

	if code, _, _ := invoke(t, nil, "keys"); code != exitOK {
		t.Fatal("no keys")
	}
	args := []string{"setup", "--address=" + address, "--pool-disk=virtio1", "--package=rose-storage-7.24.5.npk"}
	if code, out, _ := invoke(t, map[string]string{passwordVariable: "s3cret"}, args...); code != exitOK || strings.Contains(out, "s3cret") {
		t.Fatal("no setup")
	}
	if code, out, _ := invoke(t, nil, append(args, "--admin-password-file=password")...); code != exitOK || !strings.Contains(out, "nothing was changed") {
		t.Error("the second run did not find all there")
	}
	if code, _, _ := invoke(t, nil, "ready", "--address="+address, "--admin-password-file=password"); code != exitOK {
		t.Error("not ready")
	}

	controller := filepath.Join(dir, "controller")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", controller, "rds-csi/cmd/controller")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	host, port, _ := net.SplitHostPort(address)
	check := exec.CommandContext(t.Context(), controller, "check", "--rds-address="+host, "--rds-port="+port, "--rds-user=csi",
		"--rds-key-file=rds_key", "--rds-host-key=rds_host_key", "--rds-volume-base-path=/pool/csi")
	out, err := check.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "The RDS is usable.") {
		t.Errorf("the controller finds: %v", err)
	}
}

func TestAFailureIsExitCode1AndOneLine(t *testing.T) {
	address := freshCHR(t, "")
	t.Chdir(t.TempDir())
	code, out, errs := invoke(t, nil, "setup", "--address="+address)
	if code != exitFailure || errs != "" || strings.Count(out, "\n") != 1 || !strings.Contains(out, "routeros-setup keys makes one") {
		t.Errorf("without a key: exit code %d\n%s%s", code, out, errs)
	}
}

func TestASignalEndsTheWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	silent := make(chan net.Conn, 1)
	go func() {
		defer close(silent)
		if c, err := l.Accept(); err == nil {
			cancel() // as a signal in the middle of a handshake
			silent <- c
		}
	}()
	var out bytes.Buffer
	code := run(ctx, []string{"ready", "--address=" + l.Addr().String()}, os.Getenv, &out, &out)
	if code != exitFailure || !strings.Contains(out.String(), "interrupted; what to do: run it again") {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
	l.Close()
	for c := range silent {
		c.Close()
	}
}
