package status

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/conn"
)

// states is what can be seen from outside, state by state.
var states = []struct {
	name     string
	snapshot *conn.Snapshot
	turned   time.Duration // ago; 0: not started
	insecure bool
	head     string // headline and detail
	since    time.Duration
	ready    int
	live     int
	says     []string // words of /readyz
	warns    string   // codes
	page     []string
}{
	{
		name: "connected", snapshot: connected(), turned: time.Second,
		head: "Connected", since: 2 * time.Hour, ready: 200, live: 200, says: []string{"ok\n"},
		page: []string{"RDS2216", "7.21.3 (stable)", "HG109T0ZQ4K", "The RDS rebooted.", "5 min 3 s", "24 attempts", "not now"},
	},
	{
		name: "just lost", snapshot: changed(waiting(nil), func(s *conn.Snapshot) { s.State = conn.StateConnecting; s.Since = t0 }),
		head: "Disconnected / connecting", since: 50 * time.Second, ready: 503, live: 200,
		says: []string{"state: connecting\n", "reason: silence\n", "error: The RDS went silent", "since: 2026-11-22T11:59:10Z (50 s)"},
		page: []string{"Running outage", "The RDS went silent", "1 min", "as last seen"},
	},
	{
		name: "in an outage", snapshot: waiting(refused), turned: time.Second,
		head: "Disconnected / waiting, next attempt in 7 s", since: 50 * time.Second, ready: 503, live: 200,
		says: []string{"state: waiting\n", "kind: refused\n", "error: The RDS answers, but nothing listens", "remedy: It may be booting.",
			"next attempt: 2026-11-22T12:00:07Z (in 7 s)\n"},
		page: []string{"5 attempts, next in 7 s", "connection refused", "Next attempt", "2026-11-22 12:00:07 UTC"},
	},
	{
		name: "never connected", snapshot: neverConnected(),
		head: "Not connected yet / waiting, next attempt in 7 s", since: 40 * time.Second, ready: 503, live: 200,
		says: []string{"kind: refused\n"},
		page: []string{"No connection could be made since the controller started.", "the device is not known", "First attempt"},
	},
	{
		name: "first attempt", snapshot: &conn.Snapshot{Address: address, State: conn.StateConnecting, Since: t0.Add(-time.Second)},
		head: "Not connected yet / connecting", since: time.Second, ready: 503, live: 200,
		says: []string{"state: connecting\n", "error: connecting\n"},
		page: []string{"the device is not known", "none received yet", "Nothing has happened yet.", "Nothing is known of the last 24 hours yet."},
	},
	{
		name: "not started", snapshot: &conn.Snapshot{Address: address, State: conn.StateIdle},
		head: "Not ready / nothing has asked for a connection yet", ready: 503, live: 200,
	},
	{
		name: "lost before the monitor", snapshot: changed(waiting(refused), func(s *conn.Snapshot) { s.State = conn.StateIdle }),
		head: "Disconnected / no attempt is planned", since: 50 * time.Second, ready: 503, live: 200, says: []string{"kind: refused\n"},
	},
	{
		name: "no manager", head: "Not ready / the state of the connection is not known", ready: 503, live: 200,
		says: []string{"state: unknown\n"}, page: []string{"an unknown address"},
	},
	{
		name: "stopping", snapshot: &conn.Snapshot{Address: address, State: conn.StateStopped, Since: t0.Add(-time.Minute)}, turned: time.Minute,
		head: "Not ready / the controller is stopping", since: time.Minute, ready: 503, live: 200,
	},
	{
		name: "monitor stuck while connected", snapshot: connected(), turned: 31 * time.Second,
		head: "Not ready / the monitor is stuck; its last word was “connected”", since: 2 * time.Hour, ready: 503, live: 500,
		says: []string{"state: connected\n", "cause: the monitor is stuck"}, warns: "monitor_stuck",
	},
	{
		name: "monitor slow", snapshot: connected(), turned: 29 * time.Second,
		head: "Connected", since: 2 * time.Hour, ready: 200, live: 200,
	},
	{
		name: "host key mismatch", snapshot: waiting(connectError(conn.KindHostKey, conn.StageHandshake, "key mismatch")),
		head: "Disconnected / waiting, next attempt in 7 s", since: 50 * time.Second, ready: 503, live: 200,
		says: []string{"kind: host_key\n", "remedy: Do not bypass."}, warns: "host_key",
		page: []string{"The host key does not match", "this may be another machine, or an attacker"},
	},
	{
		name: "another device", snapshot: changed(connected(), func(s *conn.Snapshot) { s.LastOutage.Cause = conn.CauseOtherDevice }),
		head: "Connected", since: 2 * time.Hour, ready: 200, live: 200, warns: "other_device",
		page: []string{"This is another device", "Do not provision volumes"},
	},
	{
		name: "host key not checked", snapshot: changed(connected(), func(s *conn.Snapshot) { s.Report.HostKeyCheck = "off" }),
		head: "Connected", since: 2 * time.Hour, ready: 200, live: 200, warns: "host_key_check_off", page: []string{"not checked"},
	},
	{
		name: "host key checking off by flag", snapshot: neverConnected(), insecure: true,
		head: "Not connected yet / waiting, next attempt in 7 s", since: 40 * time.Second, ready: 503, live: 200, warns: "host_key_check_off",
	},
	{
		name: "banned and given up", snapshot: changed(waiting(refused), func(s *conn.Snapshot) { s.BanSuspected, s.GivenUp = true, 2 }),
		head: "Disconnected / waiting, next attempt in 7 s", since: 50 * time.Second, ready: 503, live: 200, warns: "ban_suspected given_up",
		page: []string{"The RDS may have blocked this address", "Given up 2 times"},
	},
}

// at runs check at the time t0 of the scenes.
func at(t *testing.T, check func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(t0))
		check(t)
	})
}

func TestEveryStateReadsTheSameEverywhere(t *testing.T) {
	for _, c := range states {
		t.Run(c.name, func(t *testing.T) {
			at(t, func(t *testing.T) {
				src := source(c.snapshot)
				src.Insecure = c.insecure
				src.LastTurn = func() time.Time {
					if c.turned == 0 {
						return time.Time{}
					}
					return t0.Add(-c.turned)
				}
				h := (&handlers{source: src}).all(nil)

				var v struct {
					Headline       string
					HeadlineDetail string `json:"headline_detail"`
					Since          time.Time
					Ready, Live    bool
					Warnings       []warning
				}
				if err := json.Unmarshal(body(t, h, "/status.json", 200), &v); err != nil {
					t.Fatal(err)
				}
				if got := strings.TrimSuffix(v.Headline+" / "+v.HeadlineDetail, " / "); got != c.head {
					t.Errorf("headline is %q, want %q", got, c.head)
				}
				if since := t0.Sub(v.Since); c.since != 0 && since != c.since {
					t.Errorf("since %v, want %v", since, c.since)
				}
				if got := codes(v.Warnings); got != c.warns {
					t.Errorf("warnings are %q, want %q", got, c.warns)
				}
				if v.Ready != (c.ready == 200) || v.Live != (c.live == 200) {
					t.Errorf("ready %v, live %v", v.Ready, v.Live)
				}
				contains(t, "/readyz", body(t, h, "/readyz", c.ready), c.says...)
				body(t, h, "/livez", c.live)
				contains(t, "/", body(t, h, "/", 200), append(c.page, v.Headline, v.HeadlineDetail)...)
			})
		})
	}
}

func TestAnOldErrorIsNotTheCauseOfANewOutage(t *testing.T) {
	v := newView(t0, inputs{snapshot: waiting(nil)})
	if v.LastError == nil || v.LastError.Current {
		t.Errorf("last error is %+v, want the one of the outage before, not current", v.LastError)
	}
	if text := string(v.notReady()); strings.Contains(text, "refused") {
		t.Errorf("/readyz blames it: %s", text)
	}
}

func TestAnotherDeviceStaysAWarningAfterTheNextOutage(t *testing.T) {
	r := newRecorder(t0.Add(-20 * time.Hour))
	flap(r, t0.Add(-10*time.Hour), time.Second, 1, conn.CauseOtherDevice)
	flap(r, t0.Add(-5*time.Hour), time.Second, 2, conn.CauseLink)
	for now, want := range map[time.Time]string{t0: "other_device", t0.Add(15 * time.Hour): ""} {
		if got := codes(newView(now, inputs{snapshot: connected(), record: r.read(now)}).Warnings); got != want {
			t.Errorf("at %v warnings are %q, want %q", now, got, want)
		}
	}
}

func TestJSONHasStableNamesUTCTimesAndSeconds(t *testing.T) {
	r := newRecorder(t0.Add(-3 * time.Hour))
	flap(r, t0.Add(-2*time.Hour), 1234567*time.Microsecond, 1, conn.CauseLink)
	east := time.FixedZone("east", 7200)
	s := waiting(refused)
	s.NextAttempt = s.NextAttempt.In(east)
	raw, err := json.Marshal(newView(t0, inputs{snapshot: s, lastReceived: t0.Add(-1500 * time.Millisecond).In(east),
		sessions: &sessions{1, 2}, version: "1.2.3", record: r.read(t0)}))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"version": "1.2.3", "state": "waiting", "ready": false, "address": address,
		"next_attempt": "2026-11-22T12:00:07Z", "next_attempt_in_seconds": 7.0,
		"last_received": "2026-11-22T11:59:58.5Z", "last_received_ago_seconds": 1.5,
		"sessions.in_use": 1.0, "sessions.limit": 2.0, "device.server_version": "7.21.3 (stable)",
		"device.host_key_check": "pinned", "last_error.kind": "refused", "last_error.stage": "tcp", "last_error.current": true,
		"outage.duration_seconds": 60.0, "outage.reason": "silence", "outage.first_error.kind": "refused",
		"last_outage.cause": "reboot", "last_outage.duration_seconds": 303.0, "last_disconnect.reason": "silence",
		"reconnect_consecutive_failures": 5.0, "history.outages": 1.0, "history.down_seconds": 1.235,
		"events.0.type": "outage_over", "events.0.duration_seconds": 1.235, "events.1.reason": "reset",
		"uptime_seconds": 10800.0, "connections": 2.0, "attempts": 25.0,
	} {
		if got := dig(m, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

func TestUnknownIsAbsentAndListsAreEmptyNotNull(t *testing.T) {
	raw, err := json.Marshal(newView(t0, inputs{}))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"since", "device", "sessions", "last_error", "outage", "last_received", "next_attempt", "started_at"} {
		if v, ok := m[name]; ok {
			t.Errorf("%s is there: %v", name, v)
		}
	}
	if strings.Contains(string(raw), "null") || strings.Contains(string(raw), "0001-01-01") {
		t.Errorf("unknown shows as a value: %s", raw)
	}
}

func dig(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			var i int
			fmt.Sscan(name, &i)
			v = at[i]
		}
	}
	return v
}

func codes(all []warning) string {
	var parts []string
	for _, w := range all {
		parts = append(parts, w.Code)
	}
	return strings.Join(parts, " ")
}

// body asks h and wants the status code.
func body(t *testing.T, h http.Handler, path string, code int) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != code {
		t.Errorf("%s answers %d, want %d: %.300s", path, w.Code, code, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s has Cache-Control %q", path, got)
	}
	return w.Body.Bytes()
}

func contains(t *testing.T, what string, text []byte, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(string(text), w) {
			t.Errorf("%s lacks %q", what, w)
		}
	}
}
