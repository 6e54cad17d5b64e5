package chr

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// image is a directory with something in the place of a disk of RouterOS, and the environment that names it.
func image(t *testing.T) (state string, env []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "it's a directory") // quoting
	for name, text := range map[string]string{"chr.img": "disk", "version": "7.24.5\n"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state = filepath.Join(dir, "state")
	return state, []string{"CHR_IMAGE=" + filepath.Join(dir, "chr.img"), "CHR_STATE=" + state, "CHR_STOP_TIMEOUT=2"}
}

func TestTheCommandUsesKVMWhereItCan(t *testing.T) {
	state, env := image(t)
	for kvm, want := range map[string]string{
		"/dev/zero":      "-accel kvm -accel tcg -cpu", // a device that may be read and written
		"/dev/null":      "pc -accel tcg -cpu",         // what stands for a missing one
		"/no/such/thing": "pc -accel tcg -cpu",
		state:            "pc -accel tcg -cpu",
		"/":              "pc -accel tcg -cpu",
	} {
		code, out, errs := script(t, "start", append(env, "CHR_KVM="+kvm), "--dry-run")
		if code != 0 || errs != "" || strings.Count(out, "\n") != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d", kvm, code)
		}
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("a dry run made something")
	}
}

func TestTheCommandIsWhatAShellCanRun(t *testing.T) {
	state, env := image(t)
	_, out, _ := script(t, "start", append(env, "CHR_SSH_PORT=2200", "CHR_MEMORY=256"), "--dry-run")
	words, err := exec.CommandContext(t.Context(), "sh", "-c", `for w in `+strings.TrimSpace(out)+`; do printf '%s\n' "$w"; done`).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"qemu-system-x86_64", "file=" + state + "/system-7.24.5.qcow2,format=qcow2,if=virtio",
		"file=" + state + "/pool.qcow2,format=qcow2,if=virtio", "user,model=virtio-net-pci,hostfwd=tcp::2200-:22", "256"} {
		if !strings.Contains("\n"+string(words), "\n"+want+"\n") {
			t.Errorf("the command lacks the word %s", want)
		}
	}
}

func TestWithoutAnImageOrWithAWrongArgumentNothingStarts(t *testing.T) {
	_, env := image(t)
	if code, _, errs := script(t, "start", append(env, "CHR_IMAGE=/none/chr.img")); code != 1 || !strings.Contains(errs, "CHR_SHA256") {
		t.Errorf("exit code %d", code)
	}
	if code, _, _ := script(t, "start", env, "--version"); code != 2 {
		t.Errorf("exit code %d", code)
	}
	if code, _, errs := script(t, "start", append(env, "CHR_STATE=/dev/null/x")); code != 1 || !strings.Contains(errs, "must belong to uid") {
		t.Errorf("exit code %d", code)
	}
}

// programs puts stand-ins for QEMU before the real ones: qemu-img writes what it was asked for into the disk, the machine
// says what it was told by its monitor, and ends as the case says.
func programs(t *testing.T, machine string) (path string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"qemu-img": `for last; do :; done; case $last in *[0-9]G) shift $(($# - 2)); last=$1 ;; esac; echo made >>"$last"`,
		"qemu-system-x86_64": `for word; do case $word in pipe,*) monitor=${word##*path=} ;; esac; done
exec 3<>"$monitor.in"
echo running
` + machine,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return "PATH=" + dir + ":" + os.Getenv("PATH")
}

// lifetime starts the script, sends it SIGTERM, if any, when it has said signal, and returns how it ended and what it printed.
func lifetime(t *testing.T, env []string, signal string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./start")
	cmd.Env = append(os.Environ(), env...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.SetReadDeadline(time.Now().Add(time.Minute))
	var all strings.Builder
	buffer := make([]byte, 4096)
	for sent := false; ; {
		n, err := r.Read(buffer)
		all.Write(buffer[:n])
		if signal != "" && !sent && strings.Contains(all.String(), signal) {
			cmd.Process.Signal(syscall.SIGTERM)
			sent = true
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			t.Errorf("it did not end")
		}
		if err != nil {
			break
		}
	}
	cmd.Wait()
	t.Logf("exit code %d\n%s", cmd.ProcessState.ExitCode(), all.String())
	return cmd.ProcessState.ExitCode(), all.String()
}

func TestSIGTERMPressesThePowerButton(t *testing.T) {
	tests := map[string]struct {
		machine string
		says    []string
		signal  string // sent when this was said; by default when the machine runs
	}{
		"a system that obeys":     {machine: `read -r line <&3; echo "monitor: $line"`, says: []string{"monitor: system_powerdown"}},
		"a system that takes 1 s": {machine: `read -r line <&3; sleep 1; echo off`, says: []string{"off"}},
		"a system that does not":  {machine: `read -r line <&3; read -r line <&3; echo "monitor: $line"`, says: []string{"did not switch itself off within 2 s", "monitor: quit"}},
		"a machine that hangs":    {machine: `trap '' TERM; while :; do sleep 1; done`, says: []string{"did not switch itself off within 2 s"}},
		"a signal before it runs": {machine: `read -r line <&3; echo "monitor: $line"`, says: []string{"monitor: system_powerdown"}, signal: "without KVM"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, env := image(t)
			if test.signal == "" {
				test.signal = "running\n"
			}
			code, out := lifetime(t, append(env, "CHR_KVM=/none", programs(t, test.machine)), test.signal)
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			for _, text := range append(test.says, "the power button is pressed") {
				if !strings.Contains(out, text) {
					t.Errorf("it does not say %q", text)
				}
			}
		})
	}
}

func TestTheMachinesOwnEndIsPassedOn(t *testing.T) {
	_, env := image(t)
	for _, want := range []int{0, 3} {
		if code, _ := lifetime(t, append(env, programs(t, fmt.Sprintf("exit %d", want))), ""); code != want {
			t.Errorf("exit code %d, want %d", code, want)
		}
	}
}

func TestDisksAreMadeOnce(t *testing.T) {
	state, env := image(t)
	env = append(env, programs(t, "exit 0"))
	want := "made\n"
	for range 2 {
		lifetime(t, env, "")
		for _, name := range []string{"system-7.24.5.qcow2", "pool.qcow2"} {
			text, err := os.ReadFile(filepath.Join(state, name))
			if err != nil || string(text) != want {
				t.Errorf("%s: %q, %v", name, text, err)
			}
			if err := os.WriteFile(filepath.Join(state, name), []byte("used"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want = "used"
	}
	wantFiles(t, state, 2)
}

func TestHealthIsABanner(t *testing.T) {
	need(t, "bash")
	for name, test := range map[string]struct {
		says    string
		healthy bool
	}{
		"RouterOS":     {"SSH-2.0-ROSSSH\r\n", true},
		"silence":      {"", false},
		"another":      {"220 ftp\r\n", false},
		"a cut banner": {"SSH-2.0-ROS", false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if c, err := l.Accept(); err == nil {
					defer c.Close()
					c.Write([]byte(test.says))
					c.SetReadDeadline(time.Now().Add(10 * time.Second))
					c.Read(make([]byte, 1)) // until the other side leaves
				}
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			code, _, errs := script(t, "healthcheck", []string{"CHR_SSH_PORT=" + port, "CHR_HEALTH_TIMEOUT=1"})
			if want := map[bool]int{true: 0, false: 1}[test.healthy]; code != want || errs != "" {
				t.Errorf("exit code %d, want %d", code, want)
			}
			l.Close()
			<-done
			if code, _, errs := script(t, "healthcheck", []string{"CHR_SSH_PORT=" + port}); code != 1 || errs != "" {
				t.Errorf("nobody listens: exit code %d", code)
			}
		})
	}
}
