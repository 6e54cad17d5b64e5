package otelx

import (
	"context"
	"net"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rds-csi/internal/conn"
)

// Names of the spans. They carry no address: a span name has a low cardinality.
const (
	spanReconnect = "rds.reconnect"
	spanOutage    = "rds.outage"
	spanExec      = "rds.exec"
)

// stageSpans names the spans of stages; the stages not in it have none.
var stageSpans = map[conn.Stage]string{
	conn.StageTCP:       "tcp connect",
	conn.StageHandshake: "ssh handshake",
	conn.StageVerify:    "rds verify",
}

// Attributes of this project, under its own prefix as the OpenTelemetry naming
// rules ask for.
const (
	attrAttempt      = attribute.Key("rds_csi.reconnect.attempt") // 1-based within the outage
	attrBackoff      = attribute.Key("rds_csi.reconnect.backoff") // seconds waited before it
	attrOutcome      = attribute.Key("rds_csi.reconnect.outcome") // success, failure, canceled
	attrStage        = attribute.Key("rds_csi.reconnect.stage")   // where a failure happened
	attrOutageID     = attribute.Key("rds_csi.outage.id")
	attrOutageCause  = attribute.Key("rds_csi.outage.cause")
	attrOutageTries  = attribute.Key("rds_csi.outage.attempts")
	attrOutageLength = attribute.Key("rds_csi.outage.duration") // seconds
	attrOutageError  = attribute.Key("rds_csi.outage.first_error_type")
	attrReason       = attribute.Key("rds_csi.disconnect.reason")
	attrLinkType     = attribute.Key("rds_csi.link.type")
)

const outcomeCanceled = "canceled"

// spans follows .NET's convention for the set-up of connections: each attempt
// is a root span of its own, and what belongs to it is linked. One trace for a
// whole outage would grow without bound, and be invisible until its end.
type spans struct {
	tracer      trace.Tracer
	verbAndMenu func(text string) string

	mu    sync.Mutex // guards the rest; held for memory work only
	trail trail
	live  connection
}

// trail leads back through the attempts of one outage.
type trail struct {
	outage      uint64 // 0 until the first attempt made it an outage
	first, last trace.SpanContext
}

// connection remembers which attempt made the newest connection.
type connection struct {
	generation uint64
	attempt    trace.SpanContext
	server     []attribute.KeyValue
}

// attemptStarted begins the span of an attempt. A sampler sees no attributes
// but those that are there at the start.
func (s *spans) attemptStarted(ctx context.Context, a conn.Attempt) context.Context {
	attrs := append(serverAttributes(a.Address), attrAttempt.Int(a.Number), attrBackoff.Float64(a.Backoff.Seconds()))
	if a.OutageID != 0 {
		attrs = append(attrs, attrOutageID.Int64(int64(a.OutageID)))
	}
	ctx, span := s.tracer.Start(ctx, spanReconnect, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindInternal),
		trace.WithAttributes(attrs...), trace.WithLinks(s.attemptLinks(a)...))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trail.outage = a.OutageID
	s.trail.last = span.SpanContext()
	if !s.trail.first.IsValid() {
		s.trail.first = s.trail.last
	}
	return ctx
}

// attemptLinks leads from an attempt to the first and the previous one of the
// same outage, so that any leads to the start in one step. It drops the trail
// of another outage.
func (s *spans) attemptLinks(a conn.Attempt) []trace.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := a.Number > 1 && (s.trail.outage == 0 || s.trail.outage == a.OutageID)
	if !same {
		s.trail = trail{}
	}
	if !s.trail.first.IsValid() {
		return nil
	}
	return []trace.Link{link(s.trail.first, "outage_start"), link(s.trail.last, "previous_attempt")}
}

// attemptEnded ends the span of an attempt.
func (s *spans) attemptEnded(ctx context.Context, r conn.AttemptResult) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	switch {
	case r.Err == nil:
		span.SetAttributes(attrOutcome.String(statusSuccess))
		s.connected(span, r)
	case r.Err.Kind == conn.KindCanceled:
		span.SetAttributes(attrOutcome.String(outcomeCanceled))
	default:
		span.SetAttributes(attrOutcome.String(statusFailure), attrStage.String(string(r.Err.Stage)))
		if r.OutageID == 0 && r.Snapshot != nil && r.Snapshot.Outage != nil {
			// The very first attempt begins an outage by failing.
			span.SetAttributes(attrOutageID.Int64(int64(r.Snapshot.Outage.ID)))
		}
		setError(span, r.Err)
	}
}

// connected notes which attempt made the connection, for the commands on it.
func (s *spans) connected(span trace.Span, r conn.AttemptResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trail = trail{}
	if r.Snapshot == nil {
		return
	}
	peer := peerAttributes(r.Snapshot.Report.PeerAddress)
	span.SetAttributes(peer...)
	s.live = connection{r.Snapshot.Generation, span.SpanContext(), append(serverAttributes(r.Address), peer...)}
}

// stageStarted begins the span of a stage.
func (s *spans) stageStarted(ctx context.Context, info conn.StageInfo) context.Context {
	name, ok := stageSpans[info.Stage]
	if !ok {
		return ctx
	}
	attrs := serverAttributes(info.Address)
	if info.Stage == conn.StageTCP {
		attrs = append(protocolAttributes(), peerAttributes(info.Address)...)
	}
	ctx, _ = s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return ctx
}

// stageEnded ends the span of a stage; a stage without one has its attempt's
// span in ctx.
func (s *spans) stageEnded(ctx context.Context, r conn.StageResult) {
	if _, ok := stageSpans[r.Stage]; !ok {
		return
	}
	span := trace.SpanFromContext(ctx)
	if r.Err != nil && r.Err.Kind != conn.KindCanceled {
		setError(span, r.Err)
	}
	span.End()
}

// outage writes the span of an outage at its end, with its true start. The
// attempts were exported long before: if the process dies meanwhile, only this
// summary is lost. Its status is unset: errors that were retried away are not
// errors of the whole. end ends it.
func (s *spans) outage(ctx context.Context, o *conn.Outage) (_ context.Context, end func()) {
	s.mu.Lock()
	first := s.trail.first
	s.mu.Unlock()
	var links []trace.Link
	if first.IsValid() {
		links = append(links, link(first, "first_attempt"))
	}
	if last := trace.SpanContextFromContext(ctx); last.IsValid() {
		links = append(links, link(last, "last_attempt"))
	}
	attrs := []attribute.KeyValue{attrOutageID.Int64(int64(o.ID)), attrOutageCause.String(string(o.Cause)),
		attrOutageTries.Int(o.Attempts), attrOutageLength.Float64(o.Duration(o.EndedAt).Seconds())}
	if o.Reason != "" {
		attrs = append(attrs, attrReason.String(string(o.Reason)))
	}
	if o.FirstError != nil {
		attrs = append(attrs, attrOutageError.String(errorType(o.FirstError.Kind)))
	}
	ctx, span := s.tracer.Start(ctx, spanOutage, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindInternal),
		trace.WithTimestamp(conn.OnClock(o.EndedAt, o.LastReceived)), trace.WithAttributes(attrs...), trace.WithLinks(links...))
	return ctx, func() { span.End(trace.WithTimestamp(o.EndedAt)) }
}

// setError marks a span as failed. The description is a fixed sentence: the
// text of an error may quote what the device said, or a path.
func setError(span trace.Span, err *conn.Error) {
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err.Kind)))
	description := err.Kind.Summary()
	if description == "" {
		description = "The operation failed."
	}
	span.SetStatus(codes.Error, description)
}

// errorType is the value of error.type, from a closed list with the
// convention's own value for the rest.
func errorType(k conn.Kind) string {
	if t := k.ErrorType(); t != "" {
		return t
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

func link(to trace.SpanContext, kind string) trace.Link {
	return trace.Link{SpanContext: to, Attributes: []attribute.KeyValue{attrLinkType.String(kind)}}
}

func protocolAttributes() []attribute.KeyValue {
	return []attribute.KeyValue{semconv.NetworkTransportTCP, semconv.NetworkProtocolName("ssh")}
}

// serverAttributes describes the device as configured. server.address is the
// host alone.
func serverAttributes(address string) []attribute.KeyValue {
	host, port := splitAddress(address)
	attrs := append(protocolAttributes(), semconv.ServerAddress(host))
	if port != 0 {
		attrs = append(attrs, semconv.ServerPort(port))
	}
	return attrs
}

// peerAttributes describes the other end of the socket.
func peerAttributes(address string) []attribute.KeyValue {
	if address == "" {
		return nil
	}
	host, port := splitAddress(address)
	attrs := []attribute.KeyValue{semconv.NetworkPeerAddress(host)}
	if port != 0 {
		attrs = append(attrs, semconv.NetworkPeerPort(port))
	}
	return attrs
}

func splitAddress(address string) (host string, port int) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return clean(address), 0
	}
	port, _ = strconv.Atoi(service)
	return clean(host), port
}
