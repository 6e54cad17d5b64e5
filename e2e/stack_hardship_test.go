//go:build linux && !race

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rds-csi/internal/testkit"
)

// What strangers, and a machine that is short of something, do to the process.

// flood is more connections than the metrics port takes at once, 128.
const flood = 180

// TestFloodOfTheMetricsPortDisturbsNothingElse opens requests that never end,
// and answers that nobody reads.
func TestFloodOfTheMetricsPortDisturbsNothingElse(t *testing.T) {
	realTime(t)
	rds := startDevice(t)
	s := startService(t, rds.device, "")
	s.shows(20*time.Second, "connected", connected)
	for i := range flood {
		c, err := net.DialTimeout("tcp", s.instance, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		request := "GET /metrics HTTP/1.1\r\nHost: x\r\n"
		if i%2 == 0 {
			request = strings.Repeat(request+"\r\n", 50) // whole ones, and their answers stay unread
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.create(ctx, "during the flood", 1<<30); err != nil {
		t.Errorf("CSI is disturbed: %v", err)
	}
	rds.do("/reset")
	s.line("RDS reconnected")
	// The server ends what takes too long, one bound after the other, and the
	// strangers hold on.
	until(t, 60*time.Second, "an answer in spite of the flood", func() error {
		_, err := s.status()
		return err
	})
}

// TestWithoutFileDescriptorsItWaits takes all file descriptors away while the
// RDS restarts.
func TestWithoutFileDescriptorsItWaits(t *testing.T) {
	realTime(t)
	rds := startDevice(t)
	s := startService(t, rds.device, "")
	s.shows(20*time.Second, "connected", connected)
	limit := func(set, was *unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, set, was); err != nil {
			t.Fatal(err)
		}
	}
	var usual unix.Rlimit
	limit(nil, &usual)
	limit(&unix.Rlimit{Cur: 3, Max: usual.Max}, nil)
	rds.do("/reset")
	s.line(`"kind":"unreachable"`, "too many open files")
	limit(&usual, nil)
	s.line("RDS reconnected")
	s.shows(20*time.Second, "connected", connected)
}

// TestLogThatCannotBeWrittenStopsNothing has a log on a full disk.
func TestLogThatCannotBeWrittenStopsNothing(t *testing.T) {
	realTime(t)
	rds := startDevice(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		lacking(t, err.Error())
	}
	defer full.Close()
	page := testkit.FreeAddress(t)
	cmd := exec.Command(shippedProgram(t, "controller"), append(rds.flags(), "--metrics-address="+page,
		"--endpoint=unix://"+filepath.Join(t.TempDir(), "s"))...)
	cmd.Stdout, cmd.Stderr = full, full
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &service{program: &program{t: t}, page: "http://" + page + "/"}
	s.shows(20*time.Second, "connected", connected)
	rds.do("/reset")
	s.shows(20*time.Second, "an outage that is over", func(v shown) bool {
		return connected(v) && v.LastDisconnect != nil && v.LastOutage != nil
	})
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(fmt.Errorf("the end: %w", err))
	}
}
