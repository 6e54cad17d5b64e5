package otelx

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"go.opentelemetry.io/otel/trace"
)

// Formats of the log.
const (
	LogAuto = "auto" // tint on a terminal, JSON elsewhere
	LogTint = "tint" // for people
	LogJSON = "json" // for machines
)

// NewLogHandler writes the log to w in the given format ("": auto), with
// trace_id and span_id on each line whose context has a span. terminal tells
// whether w is one. Colour is off where NO_COLOR is set.
//
// A writer that fails loses lines and nothing else.
func NewLogHandler(w io.Writer, format string, level slog.Leveler, terminal bool) (slog.Handler, error) {
	var h slog.Handler
	switch {
	case format == LogTint, (format == LogAuto || format == "") && terminal:
		noColor := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
		h = tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: noColor, TimeFormat: "15:04:05.000"})
	case format == LogJSON, format == LogAuto, format == "":
		h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: readableDuration})
	default:
		return nil, fmt.Errorf("log format %q: use auto, tint or json", format)
	}
	return &traceHandler{Handler: h}, nil
}

// readableDuration writes 1.5s where slog's JSON has 1500000000.
func readableDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().Round(time.Microsecond).String())
	}
	return a
}

// traceHandler adds the ids of the context's span as top-level fields, with the
// names that OpenTelemetry prescribes for logs in other formats.
type traceHandler struct {
	slog.Handler              // everything so far
	base         slog.Handler // before the first group; nil without one
	regroup      func(slog.Handler) slog.Handler
}

// Handle implements slog.Handler. Under a group the ids must come before it, so
// the groups are put on anew.
func (h *traceHandler) Handle(ctx context.Context, r slog.Record) error {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return h.Handler.Handle(ctx, r)
	}
	ids := []slog.Attr{slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String())}
	if h.base != nil {
		return h.regroup(h.base.WithAttrs(ids)).Handle(ctx, r)
	}
	r = r.Clone()
	r.AddAttrs(ids...)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) }, h.base != nil)
}

// WithGroup implements slog.Handler.
func (h *traceHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) }, true)
}

func (h *traceHandler) with(step func(slog.Handler) slog.Handler, grouped bool) *traceHandler {
	next := &traceHandler{Handler: step(h.Handler)}
	switch {
	case grouped && h.base == nil:
		next.base, next.regroup = h.Handler, step
	case grouped:
		before := h.regroup
		next.base, next.regroup = h.base, func(b slog.Handler) slog.Handler { return step(before(b)) }
	}
	return next
}
