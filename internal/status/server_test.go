package status

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start serves cfg on free ports of the loopback until the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// client keeps no connection, so that none outlives its test.
var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ask makes one request and returns code, body and headers.
func ask(t *testing.T, method, url string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

var metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "rds_csi_rds_connection_state 1")
})

func TestWhatIsServedWhere(t *testing.T) {
	s := start(t, Config{HealthAddress: "127.0.0.1:0", Metrics: metrics, Source: source(connected())})
	main, health := "http://"+s.Addr().String(), "http://"+s.HealthAddr().String()
	for _, c := range []struct {
		method, url string
		code        int
		kind        string
		says        string
	}{
		{"GET", main + "/", 200, "text/html; charset=utf-8", "<h1>"},
		{"GET", main + "/?refresh=off", 200, "text/html; charset=utf-8", "resume"},
		{"HEAD", main + "/", 200, "text/html; charset=utf-8", ""},
		{"GET", main + "/status.json", 200, "application/json", `"state": "connected"`},
		{"GET", main + "/metrics", 200, "text/plain; charset=utf-8", "rds_csi_rds_connection_state 1"},
		{"GET", main + "/livez", 200, "text/plain; charset=utf-8", "ok"},
		{"GET", main + "/readyz", 200, "text/plain; charset=utf-8", "ok"},
		{"GET", main + "/favicon.ico", 404, "", ""},
		{"GET", main + "/status.json/", 404, "", ""},
		{"GET", main + "/page.css", 404, "", ""},
		{"POST", main + "/", 405, "", ""},
		{"DELETE", main + "/metrics", 405, "", ""},
		{"OPTIONS", main + "/nowhere", 405, "", ""},
		{"GET", health + "/livez", 200, "text/plain; charset=utf-8", "ok"},
		{"GET", health + "/readyz", 200, "text/plain; charset=utf-8", "ok"},
		{"GET", health + "/", 404, "", ""},
		{"GET", health + "/status.json", 404, "", ""},
		{"GET", health + "/metrics", 404, "", ""},
		{"POST", health + "/livez", 405, "", ""},
	} {
		code, text, header := ask(t, c.method, c.url)
		if code != c.code || c.kind != "" && header.Get("Content-Type") != c.kind || !strings.Contains(text, c.says) {
			t.Errorf("%s %s: %d %s %.80q", c.method, c.url, code, header.Get("Content-Type"), text)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", c.method, c.url, name, got)
			}
		}
		if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s %s: policy is %q", c.method, c.url, csp)
		}
		if code == 405 && header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow is %q", c.method, c.url, header.Get("Allow"))
		}
	}
}

func TestNoMetricsHandlerIsNotFound(t *testing.T) {
	s := start(t, Config{})
	if code, _, _ := ask(t, "GET", "http://"+s.Addr().String()+"/metrics"); code != 404 {
		t.Errorf("code %d", code)
	}
	if s.HealthAddr() != nil {
		t.Errorf("a listener for probes that nobody asked for: %v", s.HealthAddr())
	}
}

func TestATakenPortIsNamedWithItsFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	for flag, cfg := range map[string]Config{
		"--metrics-address": {Address: addr},
		"--health-address":  {Address: "127.0.0.1:0", HealthAddress: addr},
	} {
		_, err := Listen(cfg)
		if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: error is %v", flag, err)
		}
	}
}

func TestABadWebConfigFileIsAnErrorBeforeAnyPortIsOpen(t *testing.T) {
	for name, content := range map[string]string{
		"unknown key":  "tls_server_configuration: {}\n",
		"no hash":      "basic_auth_users:\n  prometheus: plaintext\n",
		"missing cert": "tls_server_config:\n  cert_file: none.pem\n  key_file: none.key\n",
	} {
		file := filepath.Join(t.TempDir(), "web.yml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Listen(Config{Address: "127.0.0.1:0", WebConfigFile: file})
		if err == nil || !strings.Contains(err.Error(), "--web.config.file "+file) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if err := ValidateWebConfig(""); err != nil {
		t.Errorf("no file: %v", err)
	}
}

func TestTheLogTellsOfTLSOnlyWhereItWasAskedFor(t *testing.T) {
	var log strings.Builder
	t.Run("plain", func(t *testing.T) {
		s := start(t, Config{HealthAddress: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(&log, nil)), Source: source(connected())})
		for _, a := range []net.Addr{s.Addr(), s.HealthAddr()} {
			ask(t, "GET", "http://"+a.String()+"/livez")
		}
	})
	if log.Len() > 0 {
		t.Errorf("without TLS: %s", log.String())
	}
	t.Run("TLS", func(t *testing.T) {
		file, _ := webConfig(t)
		s := start(t, Config{WebConfigFile: file, Logger: slog.New(slog.NewTextHandler(&log, nil)), Source: source(connected())})
		ask(t, "GET", "http://"+s.Addr().String()+"/livez")
	})
	if !strings.Contains(log.String(), "TLS is enabled") {
		t.Errorf("with TLS: %q", log.String())
	}
}

func TestAServerThatNeverRanGivesItsPortsBack(t *testing.T) {
	s, err := Listen(Config{Address: "127.0.0.1:0", HealthAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{s.Addr().String(), s.HealthAddr().String()}
	s.Close()
	s.Close()
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if err := s.Run(t.Context()); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Run of a closed server returned %v", err)
	}
}

func TestRunFailsWhenAListenerDoes(t *testing.T) {
	s, err := Listen(Config{Address: "127.0.0.1:0", HealthAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.main.listener.Close()
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
}

func TestRunWithoutAnyAddressWaitsForItsEnd(t *testing.T) {
	s, err := Listen(Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestShutdownLetsARequestEndButNotForEver(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the grace of a real shutdown")
	}
	t.Parallel()
	entered := make(chan string, 2)
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- r.URL.RawQuery
		if r.URL.RawQuery == "hang" {
			<-r.Context().Done()
			return
		}
		<-release
		fmt.Fprint(w, "done")
	})
	s, err := Listen(Config{Address: "127.0.0.1:0", Metrics: handler, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	url := "http://" + s.Addr().String() + "/metrics?"
	slow, hung := make(chan string, 1), make(chan error, 1)
	get := func(query string) (string, error) {
		resp, err := client.Get(url + query)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	go func() { text, _ := get("slow"); slow <- text }()
	go func() { _, err := get("hang"); hung <- err }()
	<-entered
	<-entered
	began := time.Now()
	cancel()
	close(release)
	if text := <-slow; text != "done" {
		t.Errorf("the request in flight got %q", text)
	}
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	if err := <-hung; err == nil {
		t.Error("the hanging request was answered")
	}
}

// Half-open clients take every slot; each is cut off when its headers do not
// come, and the reader who waited behind them is served.
func TestSlowClientsAreCutOffAndCannotKeepOthersOutForLong(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a real timeout")
	}
	t.Parallel()
	s := start(t, Config{Source: source(connected())})
	conns := make([]net.Conn, maxConnections)
	for i := range conns {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 { // the others say nothing at all
			fmt.Fprint(c, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		}
		conns[i] = c
	}
	if code, _, _ := ask(t, "GET", "http://"+s.Addr().String()+"/livez"); code != 200 {
		t.Errorf("the reader behind them got %d", code)
	}
	for i, c := range conns {
		if err := c.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("client %d still holds its connection", i)
		}
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	s := start(t, Config{})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Huge: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("answered %q, %v", line, err)
	}
}
