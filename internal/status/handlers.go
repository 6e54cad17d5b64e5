package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"rds-csi/internal/conn"
)

// Source is where the page reads from. Every function may be nil, must be safe
// for concurrent use, and must neither block nor touch the network.
type Source struct {
	Snapshot     func() *conn.Snapshot     // of the connection manager; nil: nothing is known
	LastTurn     func() time.Time          // of the monitor's loop; zero: not started
	LastReceived func() time.Time          // last byte from the device; zero: none yet
	Sessions     func() (inUse, limit int) // of the client; limit 0: unknown
	Volumes      func() *Volumes           // nil, or before the first look: nothing is shown
	Recorder     *Recorder                 // events and last day; nil: none
	Version      string                    // of this program
	Insecure     bool                      // host key checking is off
}

// view reads everything once.
func (s *Source) view(now time.Time) *view {
	in := inputs{insecure: s.Insecure, version: s.Version}
	if s.Snapshot != nil {
		in.snapshot = s.Snapshot()
	}
	if s.LastTurn != nil {
		in.lastTurn = s.LastTurn()
	}
	if s.LastReceived != nil {
		in.lastReceived = s.LastReceived()
	}
	if s.Recorder != nil {
		in.record = s.Recorder.read(now)
	}
	if s.Volumes != nil {
		in.volumes = s.Volumes()
	}
	if s.Sessions != nil {
		if inUse, limit := s.Sessions(); limit > 0 {
			in.sessions = &sessions{inUse, limit}
		}
	}
	return newView(now, in)
}

// handlers serve a Source.
type handlers struct {
	source Source
	logger *slog.Logger
}

// all is the handler of the main listener.
func (h *handlers) all(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", h.page)
	mux.HandleFunc("/status.json", h.json)
	mux.HandleFunc("/livez", h.livez)
	mux.HandleFunc("/readyz", h.readyz)
	if metrics != nil {
		mux.Handle("/metrics", metrics)
	}
	return harden(mux)
}

// health is the handler of the listener for probes.
func (h *handlers) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", h.livez)
	mux.HandleFunc("/readyz", h.readyz)
	return harden(mux)
}

// harden lets only reading methods through and tells browsers to load nothing,
// run nothing, and be framed by nobody.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handlers) page(w http.ResponseWriter, r *http.Request) {
	body, err := renderPage(h.source.view(time.Now()), r.URL.Query().Get("refresh") != "off")
	if err != nil {
		h.logger.ErrorContext(r.Context(), "status page", "error", err)
		http.Error(w, "the page could not be made; see the log", http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, "text/html; charset=utf-8", body)
}

func (h *handlers) json(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(h.source.view(time.Now())); err != nil {
		h.logger.ErrorContext(r.Context(), "status.json", "error", err)
		http.Error(w, "the status could not be made; see the log", http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, "application/json", b.Bytes())
}

// livez answers for the process: an RDS that is down is no reason to restart
// it, a monitor that does not turn is.
func (h *handlers) livez(w http.ResponseWriter, _ *http.Request) {
	v := h.source.view(time.Now())
	if v.Live {
		answer(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
		return
	}
	answer(w, http.StatusInternalServerError, "text/plain; charset=utf-8", v.notReady())
}

// readyz answers for the connection.
func (h *handlers) readyz(w http.ResponseWriter, _ *http.Request) {
	v := h.source.view(time.Now())
	if v.Ready {
		answer(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
		return
	}
	answer(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", v.notReady())
}

// notReady tells in plain text why there is no connection.
func (v *view) notReady() []byte {
	var b bytes.Buffer
	line := func(name, format string, args ...any) { fmt.Fprintf(&b, name+": "+format+"\n", args...) }
	fmt.Fprintln(&b, "not ready")
	line("state", "%s", v.State)
	if !v.Live {
		line("cause", "%s", v.HeadlineDetail)
	}
	switch {
	case v.LastError != nil && v.LastError.Current:
		line("kind", "%s", v.LastError.Kind)
		line("error", "%s", v.LastError.Text)
		if v.LastError.Remedy != "" {
			line("remedy", "%s", v.LastError.Remedy)
		}
	case v.Outage != nil && v.Outage.Reason != "":
		line("reason", "%s", v.Outage.Reason)
		line("error", "%s", v.Outage.Text)
	case v.Live:
		line("error", "%s", v.HeadlineDetail)
	}
	if v.SinceSeconds != nil {
		line("since", "%s (%s)", v.Since.Format(time.RFC3339), v.SinceSeconds)
	}
	if v.NextAttemptInSeconds != nil {
		line("next attempt", "%s (in %s)", v.NextAttempt.Format(time.RFC3339), v.NextAttemptInSeconds)
	}
	return b.Bytes()
}

// answer writes a body that is out of date as soon as it is read.
func answer(w http.ResponseWriter, code int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}
