//go:build linux && !race

// The files named stack_ and chr_ run the built programs as other processes,
// with servers as a cluster has them. The race detector sees nothing of those,
// so they are not part of a binary that has it.

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rds-csi/internal/testkit"
)

// debianPackage is where the programs come from that the tests need beyond Go.
var debianPackage = map[string]string{
	"prometheus":              "prometheus",
	"prometheus-alertmanager": "prometheus-alertmanager",
	"chromium":                "chromium",
	"ssh":                     "openssh-client",
}

// realTime begins a test that waits for real processes. It runs beside the
// others, and needs the tools named.
func realTime(t *testing.T, tools ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes and waits for them")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, fmt.Sprintf("%s is missing: apt-get install %s", tool, debianPackage[tool]))
		}
	}
	t.Parallel()
}

// lacking skips, but not where everything has to be there.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("RDS_CI") == "1" {
		t.Fatalf("%s (with RDS_CI=1 nothing is skipped for that)", why)
	}
	t.Skip(why)
}

// builds is where programs are while a test uses them. Tests that overlap share
// one build; the last one removes it.
type builds struct {
	sync.Mutex
	folder string
	users  int
}

// use has the programs built, unless they are there already, and returns their
// folder. args gives the arguments of go build, and may leave files there.
func (b *builds) use(t testing.TB, args func(folder string) []string) string {
	t.Helper()
	b.Lock()
	defer b.Unlock()
	if b.users == 0 {
		folder, err := os.MkdirTemp("", "rds-csi-e2e-")
		if err != nil {
			t.Fatal(err)
		}
		build := exec.Command("go", append([]string{"build", "-o", folder + "/"}, args(folder)...)...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			os.RemoveAll(folder)
			t.Fatalf("go build: %v\n%s", err, out)
		}
		b.folder = folder
	}
	b.users++
	t.Cleanup(func() {
		b.Lock()
		defer b.Unlock()
		if b.users--; b.users == 0 {
			os.RemoveAll(b.folder)
		}
	})
	return b.folder
}

var shipped builds

// shippedProgram returns the path of a program, built as it is shipped.
func shippedProgram(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(shipped.use(t, func(string) []string {
		return []string{"-trimpath", "-ldflags", "-s -w", "../cmd/..."}
	}), name)
}

// program is a running process. What it writes is its log.
type program struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *testkit.Log
	ended chan struct{} // closed when it has ended and err is set
	err   error

	stopped bool // stop was called
}

// startProgram starts one that the end of the test ends, and that may not end
// before.
func startProgram(t *testing.T, env []string, path string, args ...string) *program {
	t.Helper()
	p := &program{t: t, name: filepath.Base(path), cmd: exec.Command(path, args...), log: &testkit.Log{}, ended: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	// A test binary that is killed leaves nothing running.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	return p
}

// stopTime is how long a process may take to end.
const stopTime = 15 * time.Second

// stop ends the process, which has to end well. Only the first call counts.
func (p *program) stop() {
	if p.stopped {
		return
	}
	p.stopped = true
	early := p.hasEnded()
	p.cmd.Process.Signal(syscall.SIGTERM)
	deadline := time.NewTimer(stopTime)
	defer deadline.Stop()
	select {
	case <-p.ended:
	case <-deadline.C:
		p.cmd.Process.Kill()
		<-p.ended
	}
	if early || p.err != nil {
		p.t.Errorf("%s ended by itself: %v, with an error: %v", p.name, early, p.err)
	}
	if p.t.Failed() {
		p.t.Logf("the log of %s ends with\n%s", p.name, tail(p.log.String(), 6<<10))
	}
}

func (p *program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// line waits for a line of the log that has all the words.
func (p *program) line(words ...string) (found string) {
	p.t.Helper()
	until(p.t, 20*time.Second, fmt.Sprintf("a line of %s with %q", p.name, words), func() error {
		for line := range strings.Lines(p.log.String()) {
			if hasAll(line, words) {
				found = line
				return nil
			}
		}
		if p.hasEnded() {
			return fmt.Errorf("it ended: %v", p.err)
		}
		return errors.New("none so far")
	})
	return found
}

func hasAll(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

// web asks the servers of a test. It keeps no connection, so that none is left
// behind.
var web = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// fetch returns a body that came with status 200.
func fetch(method, url string) (string, error) {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := web.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s answers %s: %s", url, answer.Status, body)
	}
	return string(body), err
}
