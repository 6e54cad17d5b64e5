//go:build linux && !race

package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// traceStore takes spans by OTLP over HTTP, as Tempo does.
type traceStore struct {
	url string

	mu    sync.Mutex
	spans []*tracepb.Span // guarded by mu
}

func newTraceStore(t *testing.T) *traceStore {
	s := &traceStore{}
	server := httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *traceStore) take(w http.ResponseWriter, r *http.Request) {
	// On the wire a request for export is the same as a TracesData.
	var data tracepb.TracesData
	body, err := requestBody(r)
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not spans by OTLP", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range data.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func requestBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// named returns the spans of a name, in the order in which they came.
func (s *traceStore) named(name string) (found []*tracepb.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.spans {
		if span.GetName() == name {
			found = append(found, span)
		}
	}
	return found
}

// has tells whether a trace has a span of the name.
func (s *traceStore) has(traceID, name string) bool {
	return slices.ContainsFunc(s.named(name), func(span *tracepb.Span) bool { return traceOf(span) == traceID })
}

func traceOf(s *tracepb.Span) string { return hex.EncodeToString(s.GetTraceId()) }

func lasted(s *tracepb.Span) time.Duration {
	return time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano())
}

func attributeOf(s *tracepb.Span, key string) *commonpb.AnyValue {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue()
		}
	}
	return nil
}

// pager is where Alertmanager sends its notifications: what would wake
// somebody.
type pager struct {
	url string

	mu   sync.Mutex
	sent []notification // guarded by mu
}

// notification is Alertmanager's webhook message.
type notification struct {
	Receiver    string
	GroupLabels map[string]string
	Alerts      []notified
}

type notified struct {
	Status      string
	Labels      map[string]string
	Annotations map[string]string
}

func newPager(t *testing.T) *pager {
	p := &pager{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sent = append(p.sent, n)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// got returns every alert that was sent in a status.
func (p *pager) got(status string) (found []notified) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.sent {
		for _, a := range n.Alerts {
			if a.Status == status {
				found = append(found, a)
			}
		}
	}
	return found
}
