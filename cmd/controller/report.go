package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"rds-csi/internal/conn"
)

const (
	verdictOK   = "OK"
	verdictFail = "FAIL"
	verdictOff  = "OFF"
)

// report writes the lines of a check. Safe for concurrent use.
type report struct {
	mu   sync.Mutex // guards the rest
	w    io.Writer
	last string // first line of the newest row
}

// row is one stage: its verdict, its time where it took any, and what to know.
func (r *report) row(stage, verdict string, took time.Duration, lines ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	duration := ""
	if took > 0 {
		duration = fmt.Sprintf("%.1f ms", float64(took)/float64(time.Millisecond))
	}
	first := ""
	if len(lines) > 0 {
		first, lines = lines[0], lines[1:]
	}
	r.last = first
	fmt.Fprintln(r.w, strings.TrimRight(fmt.Sprintf("%-14s %-4s %10s  %s", stage, verdict, duration, first), " "))
	for _, line := range lines {
		fmt.Fprintf(r.w, "%32s%s\n", "", line)
	}
}

func (r *report) say(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.w, line)
}

// explain ends the report of a failed connect: what happened and what to do.
func (r *report) explain(err error) {
	kind := conn.KindOf(err)
	var failure *conn.Error
	if errors.As(err, &failure) && failure.Stage == conn.StageCredentials {
		r.row("key", verdictFail, 0, cause(failure)) // it changed since it was checked
	}
	r.say(fmt.Sprintf("Failed (%s): %s", kind, kind.Summary()))
	if failure != nil && !strings.HasSuffix(cause(failure), r.last) {
		r.say("Error: " + cause(failure)) // the attempt knows more than its stage did
	}
	var mismatch *conn.HostKeyError
	if errors.As(err, &mismatch) {
		r.say(fmt.Sprintf("Presented, for your information; it is not trusted: %s %s", mismatch.Type, mismatch.Presented))
	}
	if remedy := kind.Remedy(); remedy != "" {
		r.say("What to do: " + remedy)
	}
}

// stages reports each stage of a connect as it ends.
type stages struct {
	conn.NopObserver
	report *report
	rds    rdsConfig
}

func (s *stages) StageEnded(_ context.Context, e conn.StageResult) {
	switch e.Stage {
	case conn.StageResolve:
		s.report.row("name", verdictOf(e.Err), e.Duration, detail(e.Err, s.rds.host))
	case conn.StageTCP:
		s.report.row("TCP", verdictOf(e.Err), e.Duration, detail(e.Err, e.Address))
	case conn.StageHandshake:
		s.handshake(e)
	case conn.StageVerify:
		s.report.row("verify", verdictOf(e.Err), e.Duration, detail(e.Err, "the RDS carries out commands"))
	}
}

// handshake splits a stage of SSH in what an operator can act on. Its parts
// are not timed apart.
func (s *stages) handshake(e conn.StageResult) {
	hostKey, matches := verdictOK, "is a pinned one"
	if s.rds.skipVerify {
		hostKey, matches = verdictOff, "not checked"
	}
	login := "as " + s.rds.user + " (time includes key exchange and host key)"
	switch {
	case e.Err == nil:
		s.report.row("host key", hostKey, 0, matches)
		s.report.row("login", verdictOK, e.Duration, login)
	case e.Err.Kind == conn.KindHostKey:
		s.report.row("host key", verdictFail, e.Duration, cause(e.Err))
	case e.Err.Kind == conn.KindAuth:
		s.report.row("host key", hostKey, 0, matches)
		s.report.row("login", verdictFail, e.Duration, cause(e.Err))
	default: // it ended before it is known what would have become of either
		s.report.row("handshake", verdictFail, e.Duration, cause(e.Err))
	}
}

func verdictOf(err *conn.Error) string {
	if err != nil {
		return verdictFail
	}
	return verdictOK
}

func detail(err *conn.Error, good string) string {
	if err != nil {
		return cause(err)
	}
	return good
}

// cause is the error without the stage and the kind, which stand beside it.
func cause(err *conn.Error) string {
	if err.Err == nil {
		return string(err.Kind)
	}
	return strings.ReplaceAll(err.Err.Error(), "\n", "; ")
}
