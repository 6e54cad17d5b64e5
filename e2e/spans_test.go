package e2e

import (
	"net"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// span is a span in plain values.
type span struct {
	trace, id, parent string
	start, end        time.Time // end is zero while it runs
	attrs             map[string]attribute.Value
	links             map[string]string // type of a link to its trace id
	failed            bool
}

func (s span) text(key string) string {
	if v, there := s.attrs[key]; there {
		return v.String()
	}
	return ""
}

func (s span) number(key string) int           { return int(s.attrs[key].AsInt64()) }
func (s span) length(key string) time.Duration { return seconds(s.attrs[key].AsFloat64()) }
func (s span) duration() time.Duration         { return s.end.Sub(s.start) }
func (s span) errorType() string               { return s.text("error.type") }
func (s span) ended() bool                     { return !s.end.IsZero() }

// address is what an attempt or a stage went to: "server" as configured, or
// "network.peer" as dialled.
func (s span) address(of string) string {
	return net.JoinHostPort(s.text(of+".address"), s.text(of+".port"))
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// recorded lists the spans of a name in the order in which they began.
func (w *world) recorded(name string) (all []span) {
	for _, s := range w.spans.Started() {
		if s.Name() == name {
			all = append(all, plain(s))
		}
	}
	return all
}

func plain(s sdktrace.ReadOnlySpan) span {
	p := span{
		trace: s.SpanContext().TraceID().String(), id: s.SpanContext().SpanID().String(),
		start: s.StartTime(), end: s.EndTime(), failed: s.Status().Code == codes.Error,
		attrs: make(map[string]attribute.Value), links: make(map[string]string),
	}
	if s.Parent().IsValid() {
		p.parent = s.Parent().SpanID().String()
	}
	for _, kv := range s.Attributes() {
		p.attrs[string(kv.Key)] = kv.Value
	}
	for _, l := range s.Links() {
		for _, kv := range l.Attributes {
			if kv.Key == "rds_csi.link.type" {
				p.links[kv.Value.AsString()] = l.SpanContext.TraceID().String()
			}
		}
	}
	return p
}
