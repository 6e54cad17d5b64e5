//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// needNetwork skips where namespaces cannot be made; in CI they must be.
func needNetwork(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a real network and the real clock: not with -short")
	}
	if raceDetector {
		t.Skip("races are found where the same code runs at once, in internal/conn; here they would take the time of a whole run")
	}
	if missing := networkMissing(); missing != "" {
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("%s, and CI must have it", missing)
		}
		t.Skip(missing)
	}
}

// networkMissing says what this machine lacks. What an earlier run left behind
// is removed on the way.
var networkMissing = sync.OnceValue(func() string {
	if os.Getuid() != 0 {
		return "network namespaces need root"
	}
	for program, pkg := range map[string]string{"ip": "iproute2", "nft": "nftables", sshdPath: "openssh-server"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Sprintf("no %s on this machine (Debian: apt-get install %s)", program, pkg)
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return fmt.Sprintf("no tunnels on this machine: %v", err)
	}
	removeLeftovers()
	probe := namespace(own + "probe")
	defer probe.remove()
	for _, command := range []string{
		"ip netns add " + string(probe),
		"ip -n " + string(probe) + " link add switch type bridge",
		"ip -n " + string(probe) + " link add near type veth peer name far",
		"ip netns exec " + string(probe) + " nft add table inet fault",
	} {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Sprintf("no network namespaces as needed on this machine: %s: %v: %s", command, err, out)
		}
	}
	return ""
})

// removeLeftovers removes namespaces and directories of runs that were killed.
func removeLeftovers() {
	out, _ := exec.Command("ip", "netns", "list").Output()
	for line := range strings.Lines(string(out)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); leftOver(name) {
			namespace(name).remove()
		}
	}
	directories, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, dir := range directories {
		if leftOver(filepath.Base(dir)) {
			os.RemoveAll(dir)
		}
	}
}

// leftOver reports whether the name is of a run whose process is no more, or
// is a zombie, which has no program.
func leftOver(name string) bool {
	run, found := strings.CutPrefix(name, prefix)
	owner, _, _ := strings.Cut(run, "-")
	pid, err := strconv.Atoi(owner)
	if !found || err != nil {
		return false
	}
	_, err = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return errors.Is(err, fs.ErrNotExist)
}

func TestWhatAKilledRunLeftIsRemoved(t *testing.T) {
	needNetwork(t)
	killed := exec.Command("true")
	noError(t, killed.Run())
	name := fmt.Sprintf("%s%d-1-far", prefix, killed.Process.Pid)
	noError(t, exec.Command("ip", "netns", "add", name).Run())
	t.Cleanup(namespace(name).remove)
	orphan := exec.Command("ip", "netns", "exec", name, "sleep", "600")
	noError(t, orphan.Start())
	dir := filepath.Join(os.TempDir(), name)
	noError(t, os.Mkdir(dir, 0o700))
	waitFor(t, "the process", func() bool { return len(namespace(name).pids()) == 1 })
	removeLeftovers()
	if err := orphan.Wait(); err == nil {
		t.Error("its process lived on")
	}
	for _, path := range []string{dir, "/run/netns/" + name} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", path)
		}
	}
}
