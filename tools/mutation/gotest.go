package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// writeOverlay replaces one file by another text.
func writeOverlay(dir, original, text string) (file string, err error) {
	replacement := filepath.Join(dir, "faulty.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "overlay.json")
	return file, errors.Join(os.WriteFile(replacement, []byte(text), 0o600), os.WriteFile(file, overlay, 0o600))
}

// outcome is what a run of go test came to.
type outcome struct {
	built    bool
	passed   map[string]bool // tests
	failed   []string        // tests, subtests before the test they belong to
	ok       bool            // the package passed
	timedOut bool            // by its own limit
	panicked bool
	leaked   bool // goroutines
	output   string
}

// goTest runs the tests that pattern matches, with an overlay if there is one.
func goTest(ctx context.Context, root, pkg, pattern, overlay string, timeout time.Duration) outcome {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-vet=off", "-ldflags=-s -w", // fast
		"-timeout", timeout.String(), "-run", pattern, pkg)
	cmd.Dir = root
	if overlay != "" {
		// In the environment, so that a test which builds the program has it too.
		cmd.Env = append(cmd.Environ(), "GOFLAGS="+strings.TrimSpace(goFlags()+" -overlay="+overlay))
	}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	_ = cmd.Run() // its events tell more
	o := readEvents(out.Bytes())
	o.output += problems.String()
	return o
}

// goFlags are those of this machine.
var goFlags = sync.OnceValue(func() string {
	out, _ := exec.Command("go", "env", "GOFLAGS").Output() // without them nothing is lost
	return string(bytes.TrimSpace(out))
})

// event is a line of go test -json.
type event struct {
	Action, Test, Output, FailedBuild string
}

func readEvents(lines []byte) outcome {
	o := outcome{built: true, passed: make(map[string]bool)}
	var output strings.Builder
	for line := range bytes.Lines(lines) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			output.Write(line)
			continue
		}
		output.WriteString(e.Output)
		switch {
		case e.Action == "build-fail", e.FailedBuild != "":
			o.built = false
		case e.Action == "pass" && e.Test == "":
			o.ok = true
		case e.Action == "pass":
			o.passed[e.Test] = true
		case e.Action == "fail" && e.Test != "":
			o.failed = append(o.failed, e.Test)
		}
		switch {
		case strings.HasPrefix(e.Output, "panic: test timed out after"):
			o.timedOut = true
		case strings.HasPrefix(e.Output, "panic:"), strings.HasPrefix(e.Output, "fatal error:"):
			o.panicked = true
		case strings.HasPrefix(e.Output, "goleak:"):
			o.leaked = true
		}
	}
	o.output = output.String()
	return o
}
