package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
	"rds-csi/internal/otelx"
	"rds-csi/internal/routeros"
	"rds-csi/internal/status"
	"rds-csi/internal/testkit"
)

// recovery is the longest time from the end of a fault to the connection: the
// attempt in flight, one wait, and one connect on a link that works.
const recovery = conn.DefaultConnectTimeout + conn.DefaultMaxInterval + time.Second

// stable is longer than a connection must last for the schedule to begin anew,
// and longer than any wait.
const stable = conn.DefaultMaxInterval + 4*time.Second

// world is the service without its process: the parts of the controller, wired
// as the controller wires them, before an emulated device.
type world struct {
	t      *testing.T
	rds    *emulator.Server
	client *conn.SSHClient
	m      *conn.ConnectionManager
	start  time.Time

	// What an operator can look at. Nothing here reads the manager.
	web    http.Handler
	log    *testkit.Log
	logger *slog.Logger // into log
	spans  *tracetest.SpanRecorder

	telemetry *otelx.Telemetry

	keyFile, hostKeyFile string

	woken bool               // Reconnect cut waits short
	last  map[string]float64 // the newest scrape

	mu    sync.Mutex
	dials []string // targets, in order; guarded by mu
}

// settings are what a story changes before its world is made.
type settings struct {
	rds     emulator.Options
	client  conn.SSHClientConfig
	manager conn.ConnectionManagerConfig
}

// newWorld makes everything and starts nothing. It has to be called in a
// bubble.
func newWorld(t *testing.T, change func(*world, *settings)) *world {
	t.Helper()
	w := &world{t: t, start: time.Now(), log: &testkit.Log{}, spans: tracetest.NewSpanRecorder()}
	s := settings{rds: emulator.Options{HostKeyType: "ed25519"}}
	s.client = conn.SSHClientConfig{Host: "192.168.88.1", User: "admin", Verify: verifyRouterOS}
	// Without jitter the number of attempts in a fault is certain.
	s.manager = conn.ConnectionManagerConfig{RandomizationFactor: -1}
	if change != nil {
		change(w, &s)
	}
	w.rds = must(emulator.NewServer(s.rds))
	t.Cleanup(func() { w.rds.Close() })
	dir := t.TempDir()
	w.keyFile, w.hostKeyFile = filepath.Join(dir, "key"), filepath.Join(dir, "host")
	w.rds.AuthorizeKey("admin", writeKey(t, w.keyFile))
	writeHostKey(t, w.hostKeyFile, w.rds.HostKey())

	w.logger = slog.New(must(otelx.NewLogHandler(w.log, otelx.LogJSON, slog.LevelDebug, false)))
	telemetry := must(otelx.New(t.Context(), otelx.Config{Logger: w.logger, SpanProcessor: w.spans,
		CommandName: routeros.CommandName, VerbAndMenu: routeros.VerbAndMenu}))
	// To ask Go and the process how they are would be most of the work.
	telemetry.Registry().Unregister(collectors.NewGoCollector())
	telemetry.Registry().Unregister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w.telemetry = telemetry
	recorder := status.NewRecorder()
	observer := conn.Observers{telemetry.Observer(), recorder}

	s.client.KeyFile, s.client.HostKeyFile, s.client.Observer = w.keyFile, w.hostKeyFile, observer
	s.client.Dial = w.dialThrough(s.client.Dial)
	w.client = must(conn.NewSSHClient(s.client))
	s.manager.Client, s.manager.Observer, s.manager.Logger = w.client, observer, w.logger
	w.m = must(conn.NewConnectionManager(s.manager))
	telemetry.SetSource(otelx.Source{Snapshot: w.m.Snapshot, LastReceived: w.client.LastReceived, Sessions: w.client.Sessions})
	w.web = status.Handler(status.Config{Metrics: telemetry.Handler(), Logger: w.logger,
		Source: status.Source{Snapshot: w.m.Snapshot, LastTurn: w.m.LastTurn, LastReceived: w.client.LastReceived,
			Sessions: w.client.Sessions, Recorder: recorder}})
	t.Cleanup(func() {
		w.m.Stop()
		telemetry.Shutdown(context.WithoutCancel(t.Context()))
		if most := w.rds.Stats().MaxOpen; most > 1 {
			t.Errorf("%d connections were open at once", most)
		}
		if t.Failed() {
			t.Log(tail(w.log.String(), 8<<10))
		}
	})
	return w
}

// dialThrough counts the dials on their way to the device, or to where a story
// sends them.
func (w *world) dialThrough(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = w.rds.Dial
	}
	return func(ctx context.Context, network, target string) (net.Conn, error) {
		w.mu.Lock()
		w.dials = append(w.dials, target)
		w.mu.Unlock()
		return dial(ctx, network, target)
	}
}

// verifyRouterOS is what the controller uses.
func verifyRouterOS(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return conn.Identity{
		SerialNumber: info.SerialNumber, SoftwareID: info.SoftwareID, SystemID: info.SystemID,
		Version: info.Version, Board: info.Board, Uptime: info.Uptime,
	}, err
}

// connect starts the monitor and expects the connection at once.
func (w *world) connect() *world {
	w.t.Helper()
	w.m.StartMonitor(w.t.Context())
	w.pass(0)
	if !w.m.IsConnected() {
		w.t.Fatalf("not connected: %+v", *w.m.Snapshot())
	}
	return w
}

// pass lets fake time pass, and looks at the service at every full second, as
// an eager Prometheus would.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	synctest.Wait()
	for end := time.Now().Add(d); time.Now().Before(end); {
		second := time.Now().Truncate(time.Second).Add(time.Second)
		if second.After(end) {
			time.Sleep(time.Until(end))
			synctest.Wait()
			return
		}
		time.Sleep(time.Until(second))
		synctest.Wait()
		w.look()
	}
}

// wantBack waits for the connection.
func (w *world) wantBack(atMost time.Duration) {
	w.t.Helper()
	for begin := time.Now(); !w.m.IsConnected(); w.pass(10 * time.Millisecond) {
		if time.Since(begin) > atMost {
			w.t.Fatalf("not connected after %v: %+v", atMost, *w.m.Snapshot())
		}
	}
}

// get asks the service as a browser or Prometheus would.
func (w *world) get(path, accept string) (code int, body string) {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	w.web.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

// exec runs a command whose answer is of no interest.
func (w *world) exec() { w.client.Exec(w.t.Context(), ":put ok") }

// rotateKey gives the device a new key for the user, in place of the old one,
// and returns what writes the private half to disk.
func (w *world) rotateKey() (write func()) {
	next := w.keyFile + ".next"
	public := writeKey(w.t, next)
	w.rds.RevokeKeys("admin")
	w.rds.AuthorizeKey("admin", public)
	return func() {
		if err := os.Rename(next, w.keyFile); err != nil {
			w.t.Fatal(err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// writeKey writes a new private key and returns its public half.
func writeKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, pem.EncodeToMemory(must(ssh.MarshalPrivateKey(private, ""))))
	return must(ssh.NewSignerFromKey(private)).PublicKey()
}

func writeHostKey(t testing.TB, path string, key ssh.PublicKey) {
	t.Helper()
	writeFile(t, path, ssh.MarshalAuthorizedKey(key))
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
