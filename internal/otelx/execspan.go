package otelx

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rds-csi/internal/conn"
)

const (
	attrCommandName    = attribute.Key("rds_csi.command.name")    // the label command of the metric
	attrCommandVerb    = attribute.Key("rds_csi.command.verb")    // menu and verb, "/disk add"
	attrCommandOutcome = attribute.Key("rds_csi.command.outcome") // success, not_sent, unknown, refused
)

// execStarted begins the span of a caller's command: a child of the caller's
// span, linked to the attempt that made the connection it runs on.
func (s *spans) execStarted(ctx context.Context, c *conn.Command, name string) context.Context {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	attrs := append([]attribute.KeyValue{attrCommandName.String(name), attrCommandVerb.String(s.verb(c.Text))}, live.server...)
	var links []trace.Link
	if live.attempt.IsValid() && c.Generation == live.generation {
		links = []trace.Link{link(live.attempt, "connection")}
	}
	ctx, _ = s.tracer.Start(ctx, spanExec, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attrs...), trace.WithLinks(links...))
	return ctx
}

// execEnded ends it.
func (s *spans) execEnded(ctx context.Context, r *conn.CommandResult) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if r.Err == nil {
		span.SetAttributes(attrCommandOutcome.String(statusSuccess))
		return
	}
	if r.Err.Outcome != "" {
		span.SetAttributes(attrCommandOutcome.String(string(r.Err.Outcome)))
	}
	if !cutShort(r.Err) {
		setError(span, r.Err)
	}
}

// verb gives menu and verb of a command and nothing else of it. What it is told
// must look like words: a value would hold a digit, a quote or a sign.
func (s *spans) verb(text string) string {
	if s.verbAndMenu == nil {
		return commandOther
	}
	verb := s.verbAndMenu(text)
	word := func(r rune) bool { return r >= 'a' && r <= 'z' || strings.ContainsRune("/:- ", r) }
	if verb == "" || len(verb) > maxVerb || strings.ContainsFunc(verb, func(r rune) bool { return !word(r) }) {
		return commandOther
	}
	return verb
}

const maxVerb = 64
