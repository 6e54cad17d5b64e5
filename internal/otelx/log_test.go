package otelx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// spanContext is a context with a span of known ids.
func spanContext(t *testing.T) context.Context {
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled}))
}

const (
	traceID = "01000000000000000000000000000000"
	spanID  = "0200000000000000"
)

func newLog(t *testing.T, format string, terminal bool) (*slog.Logger, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	h, err := NewLogHandler(&out, format, slog.LevelInfo, terminal)
	if err != nil {
		t.Fatal(err)
	}
	return slog.New(h), &out
}

func line(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(out.Bytes(), &fields); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return fields
}

func TestTheFormatFollowsTheTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	for _, c := range []struct {
		format   string
		terminal bool
		json     bool
	}{{"auto", true, false}, {"auto", false, true}, {"", false, true}, {"tint", false, false}, {"json", true, true}} {
		log, out := newLog(t, c.format, c.terminal)
		log.Info("hello")
		if got := json.Valid(out.Bytes()); got != c.json {
			t.Errorf("%+v: %s", c, out)
		}
		if got := strings.Contains(out.String(), "\x1b["); got == c.json {
			t.Errorf("%+v: colour %v", c, got)
		}
	}
	if _, err := NewLogHandler(&bytes.Buffer{}, "xml", slog.LevelInfo, true); err == nil || !strings.Contains(err.Error(), "xml") {
		t.Errorf("got %v", err)
	}
}

func TestNoColorIsHonoured(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	log, out := newLog(t, "auto", true)
	log.Error("hello")
	if strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), "hello") {
		t.Errorf("%q", out)
	}
}

func TestLinesWithinASpanHaveItsIDs(t *testing.T) {
	log, out := newLog(t, "json", false)
	log.InfoContext(spanContext(t), "hello", "attempt", 1)
	if got := line(t, out); got["trace_id"] != traceID || got["span_id"] != spanID || got["attempt"] != 1.0 {
		t.Error(got)
	}
	log, out = newLog(t, "tint", true)
	log.InfoContext(spanContext(t), "hello")
	if !strings.Contains(out.String(), traceID) {
		t.Error(out)
	}
	log, out = newLog(t, "json", false)
	log.Info("hello")
	if got := line(t, out); got["trace_id"] != nil {
		t.Error(got)
	}
}

func TestTheIDsAreAtTheTopUnderGroups(t *testing.T) {
	log, out := newLog(t, "json", false)
	log.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").InfoContext(spanContext(t), "hello", "c", 3)
	got := line(t, out)
	if got["trace_id"] != traceID || got["span_id"] != spanID || got["a"] != 1.0 {
		t.Error(got)
	}
	g, _ := got["g"].(map[string]any)
	h, _ := g["h"].(map[string]any)
	if g["b"] != 2.0 || h["c"] != 3.0 || g["trace_id"] != nil || h["trace_id"] != nil {
		t.Error(got)
	}
}

func TestTheLevelCanChangeWhileRunning(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	h, err := NewLogHandler(&out, "json", &level, false)
	if err != nil {
		t.Fatal(err)
	}
	slog.New(h).Debug("hidden")
	level.Set(slog.LevelDebug)
	slog.New(h).WithGroup("g").Debug("seen")
	if strings.Contains(out.String(), "hidden") || !strings.Contains(out.String(), "seen") {
		t.Error(out.String())
	}
}

// failing is a disk that is full.
type failing struct{ writes int }

func (f *failing) Write([]byte) (int, error) {
	f.writes++
	return 0, syscall.ENOSPC
}

func TestAWriterThatFailsLosesLinesAndNothingElse(t *testing.T) {
	for _, format := range []string{"json", "tint"} {
		w := &failing{}
		h, err := NewLogHandler(w, format, slog.LevelInfo, true)
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(h)
		for range 3 {
			log.ErrorContext(spanContext(t), "hello", "error", errors.New("x"))
		}
		if w.writes != 3 {
			t.Errorf("%s: %d writes", format, w.writes)
		}
	}
}
