package otelx

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	errorInterval = time.Minute
	maxErrorText  = 512 // a collector's answer is part of the text, and may be long
)

// errorHandler logs errors of the telemetry itself, at most one a minute: the
// default of OpenTelemetry writes a line for every failed export, which floods
// the log for as long as the collector is down.
type errorHandler struct {
	log *slog.Logger

	mu         sync.Mutex // guards the rest; not held while logging
	last       time.Time
	suppressed int
}

// Handle implements otel.ErrorHandler.
func (h *errorHandler) Handle(err error) {
	if err != nil {
		h.warn("telemetry error", err.Error())
	}
}

// Println implements the error log of promhttp.
func (h *errorHandler) Println(v ...any) {
	for _, value := range v {
		if err, ok := value.(error); ok {
			h.warn("scrape error", err.Error())
			return
		}
	}
	h.warn("scrape error", "")
}

func (h *errorHandler) warn(message, text string) {
	h.mu.Lock()
	now := time.Now()
	if !h.last.IsZero() && now.Sub(h.last) < errorInterval {
		h.suppressed++
		h.mu.Unlock()
		return
	}
	suppressed := h.suppressed
	h.last, h.suppressed = now, 0
	h.mu.Unlock()
	if len(text) > maxErrorText {
		text = text[:maxErrorText] + " ..."
	}
	h.log.Warn(message, "error", text, "suppressed", suppressed)
}

// sdkLog takes what the OpenTelemetry SDK logs by itself, such as a setting
// that cannot be read. It passes the message on and leaves the arguments out:
// they quote environment variables, OTEL_EXPORTER_OTLP_HEADERS with its
// credentials among them.
type sdkLog struct{ log *slog.Logger }

// Enabled implements slog.Handler: logr's verbosity 1, a warning of the SDK,
// comes as level -1, its chatter lower.
func (sdkLog) Enabled(_ context.Context, level slog.Level) bool { return level >= -1 }

// Handle implements slog.Handler.
func (h sdkLog) Handle(ctx context.Context, r slog.Record) error {
	h.log.WarnContext(ctx, "OpenTelemetry ignores a setting or had a problem: check the variables OTEL_*", "problem", r.Message)
	return nil
}

// WithAttrs implements slog.Handler.
func (h sdkLog) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h sdkLog) WithGroup(string) slog.Handler { return h }
