package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary builds the program once, for all tests that run it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "controller-test-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	path := filepath.Join(dir, "controller")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var buildDir string // of the binary; empty: not built

func cleanUpAndExit(code int) {
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// patience bounds every wait for something that should take far less.
const patience = 20 * time.Second

// running is the program as a process.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *lineLog
	exited chan error
}

// start runs the program with JSON log. It is killed when the test ends.
func start(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, cmd: exec.Command(path, args...), log: newLineLog(), exited: make(chan error, 1)}
	r.cmd.Env = append([]string{"TMPDIR=" + t.TempDir()}, environ...)
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.exited <- r.cmd.Wait() }()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // an error: it has ended
		<-r.exited
		if t.Failed() {
			t.Logf("log of the process:\n%s", r.log.all())
		}
	})
	return r
}

// line waits for a log line with this message and returns its fields.
func (r *running) line(message string) map[string]any {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		fields, changed := r.log.find(message)
		if fields != nil {
			return fields
		}
		select {
		case <-changed:
		case <-deadline:
			r.t.Fatalf("no line %q", message)
		}
	}
}

// wait returns the exit code, and -1 for a signal.
func (r *running) wait() int {
	r.t.Helper()
	select {
	case err := <-r.exited:
		r.exited <- err
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		r.t.Fatal("the process does not exit")
		return 0
	}
}

// stopsWithin sends a signal, does what is to happen meanwhile, and expects a
// clean exit.
func (r *running) stopsWithin(bound time.Duration, signal os.Signal, meanwhile ...func()) {
	r.t.Helper()
	start := time.Now()
	if err := r.cmd.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range meanwhile {
		f()
	}
	code := r.wait()
	took := time.Since(start)
	r.t.Logf("stopped after %v", took)
	if code != exitOK {
		r.t.Errorf("exit code %d, want 0", code)
	}
	if took > bound {
		r.t.Errorf("the stop took %v, want at most %v", took, bound)
	}
}

// lineLog keeps what is written and tells of every change.
type lineLog struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // closed, and replaced, at every write
}

func newLineLog() *lineLog { return &lineLog{changed: make(chan struct{})} }

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.b.Write(p)
}

func (l *lineLog) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// find returns the fields of the newest line with a message, or nil and what is
// closed at the next write.
func (l *lineLog) find(message string) (map[string]any, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found map[string]any
	for text := range strings.Lines(l.b.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) == nil && fields["msg"] == message {
			found = fields
		}
	}
	return found, l.changed
}
