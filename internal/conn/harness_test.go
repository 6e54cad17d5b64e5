package conn

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
	"rds-csi/internal/routeros"
	"rds-csi/internal/testkit"
)

// world is a manager and its client before an emulated device.
type world struct {
	t      testing.TB
	rds    *emulator.Server
	client *SSHClient
	m      *ConnectionManager
	seen   *recorder
	log    *testkit.Log
	start  time.Time
	lax    bool // over TCP the device sees the end of a connection late: do not count

	keyFile, hostKeyFile string
}

// settings are what a test changes before the world is made.
type settings struct {
	device  emulator.DeviceOptions
	rds     emulator.Options
	client  SSHClientConfig
	manager ConnectionManagerConfig
}

// inBubble runs a story in a synctest bubble: time is fake, exact and fast.
func inBubble(t *testing.T, change func(*settings), story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		story(newWorld(t, change))
	})
}

// newWorld makes everything and starts nothing. In a bubble the client reaches
// the device in memory; over TCP when change sets Host.
func newWorld(t testing.TB, change func(*settings)) *world {
	t.Helper()
	w := &world{t: t, seen: newRecorder(), log: &testkit.Log{}, start: time.Now()}
	s := settings{rds: emulator.Options{HostKeyType: "ed25519"}}
	s.client = SSHClientConfig{Host: "192.168.88.1", User: "admin", Verify: verifyRouterOS, Observer: w.seen}
	s.manager = ConnectionManagerConfig{Observer: w.seen, RandomizationFactor: -1,
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&s)
	}
	if s.rds.Device == nil {
		s.rds.Device = emulator.NewDevice(s.device)
	}
	w.rds = must(emulator.NewServer(s.rds))
	t.Cleanup(func() { w.rds.Close() })

	dir := t.TempDir()
	w.keyFile, w.hostKeyFile = filepath.Join(dir, "key"), filepath.Join(dir, "host")
	w.rds.AuthorizeKey("admin", writeKey(t, w.keyFile))
	writeHostKeys(t, w.hostKeyFile, w.rds.HostKey())

	s.client.KeyFile = w.keyFile
	if s.client.HostKeyFile == "" && !s.client.InsecureSkipVerify {
		s.client.HostKeyFile = w.hostKeyFile
	}
	if s.client.Dial == nil {
		s.client.Dial = w.rds.Dial
	}
	w.client = must(NewSSHClient(s.client))
	if s.manager.Client == nil {
		s.manager.Client = w.client
	}
	w.m = must(NewConnectionManager(s.manager))
	t.Cleanup(func() {
		w.m.Stop()
		if most := w.rds.Stats().MaxOpen; most > 1 && !w.lax {
			t.Errorf("%d connections were open at once", most)
		}
		if t.Failed() {
			t.Log(w.log.String())
			t.Log(w.seen.String())
		}
	})
	return w
}

// verifyRouterOS is what the service uses, but for the conversion of types.
func verifyRouterOS(ctx context.Context, exec ExecFunc) (Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return Identity{
		SerialNumber: info.SerialNumber, SoftwareID: info.SoftwareID, SystemID: info.SystemID,
		Version: info.Version, Board: info.Board, Uptime: info.Uptime,
	}, err
}

// connect starts the monitor and waits for the connection.
func (w *world) connect() *world {
	w.t.Helper()
	w.m.StartMonitor(w.t.Context())
	synctest.Wait()
	w.wantConnected(true)
	return w
}

// pass lets fake time pass and everything settle.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) wantConnected(want bool) {
	w.t.Helper()
	if got := w.m.IsConnected(); got != want {
		w.t.Fatalf("after %v: IsConnected() = %v, want %v (%+v)", w.elapsed(), got, want, *w.m.Snapshot())
	}
}

// wantLoss waits until the loss is known and checks when and why.
func (w *world) wantLoss(atMost time.Duration, reason Reason) time.Duration {
	w.t.Helper()
	begin := time.Now()
	losses := w.seen.count("disconnected")
	for w.seen.count("disconnected") == losses {
		if time.Since(begin) > atMost {
			w.t.Fatalf("no loss after %v", atMost)
		}
		w.pass(10 * time.Millisecond)
	}
	if got := w.m.Snapshot().Reason; got != reason {
		w.t.Errorf("the loss has reason %q, want %q", got, reason)
	}
	return time.Since(begin)
}

// wantBack waits for the connection and returns how long it took.
func (w *world) wantBack(atMost time.Duration) time.Duration {
	w.t.Helper()
	begin := time.Now()
	for !w.m.IsConnected() {
		if time.Since(begin) > atMost {
			w.t.Fatalf("not connected after %v: %+v", atMost, *w.m.Snapshot())
		}
		w.pass(10 * time.Millisecond)
	}
	return time.Since(begin)
}

func (w *world) elapsed() time.Duration { return time.Since(w.start) }

// dials lists when the device was dialled, since the world began.
func (w *world) dials() []time.Duration {
	var at []time.Duration
	for _, d := range w.rds.Stats().Dials {
		at = append(at, d.At.Sub(w.start).Round(time.Millisecond))
	}
	return at
}

func (w *world) exec(command string) (string, error) { return w.client.Exec(w.t.Context(), command) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newSigner makes an Ed25519 key.
func newSigner() (ssh.Signer, ed25519.PrivateKey) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return must(ssh.NewSignerFromKey(private)), private
}

// writeKey writes a new private key and returns its public half.
func writeKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	signer, private := newSigner()
	block := must(ssh.MarshalPrivateKey(private, ""))
	writeFile(t, path, string(pem.EncodeToMemory(block)))
	return signer.PublicKey()
}

func writeHostKeys(t testing.TB, path string, keys ...ssh.PublicKey) {
	t.Helper()
	var lines strings.Builder
	for _, key := range keys {
		lines.Write(ssh.MarshalAuthorizedKey(key))
	}
	writeFile(t, path, lines.String())
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// recorder keeps what the observer is told.
type recorder struct {
	NopObserver
	mu        sync.Mutex
	began     time.Time
	lines     []string
	counts    map[string]int
	results   []AttemptResult
	outages   []Outage
	states    []State
	abandoned []string
	commands  []CommandResult
	stages    []StageResult
	waits     []time.Duration
}

func newRecorder() *recorder { return &recorder{began: time.Now(), counts: map[string]int{}} }

func (r *recorder) note(what, format string, args ...any) {
	r.counts[what]++
	r.lines = append(r.lines, fmt.Sprintf("%12v %s %s", time.Since(r.began), what, fmt.Sprintf(format, args...)))
}

func (r *recorder) locked(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *recorder) StateChanged(_ context.Context, s *Snapshot) {
	r.locked(func() { r.states = append(r.states, s.State); r.note("state", "%s", s.State) })
}

func (r *recorder) Disconnected(_ context.Context, e Disconnect) {
	r.locked(func() { r.note("disconnected", "%s %v", e.Reason, e.Err) })
}

func (r *recorder) AttemptStarted(ctx context.Context, a Attempt) context.Context {
	r.locked(func() { r.note("attempt", "%d total %d outage %d after %v", a.Number, a.Total, a.OutageID, a.Backoff) })
	return context.WithValue(ctx, attemptKey{}, a.Total)
}

// attemptKey stands for the span that telemetry puts into the context.
type attemptKey struct{}

func (r *recorder) AttemptEnded(_ context.Context, a AttemptResult) {
	r.locked(func() { r.results = append(r.results, a); r.note("attempt ended", "%v next %v", a.Err, a.NextBackoff) })
}

func (r *recorder) StageEnded(_ context.Context, s StageResult) {
	r.locked(func() { r.stages = append(r.stages, s); r.note("stage", "%s %s %v", s.Stage, s.Address, s.Err) })
}

func (r *recorder) OutageEnded(_ context.Context, o Outage) {
	r.locked(func() {
		r.outages = append(r.outages, o)
		r.note("outage ended", "%s after %d attempts", o.Cause, o.Attempts)
	})
}

func (r *recorder) GaveUp(context.Context, Outage) { r.locked(func() { r.note("gave up", "") }) }

func (r *recorder) CommandEnded(_ context.Context, c CommandResult) {
	r.locked(func() { r.commands = append(r.commands, c); r.note("command "+string(c.Purpose), "%v", c.Err) })
}

func (r *recorder) SessionWaited(_ context.Context, d time.Duration) {
	r.locked(func() { r.waits = append(r.waits, d) })
}

func (r *recorder) OperationAbandoned(_ context.Context, op string) {
	r.locked(func() { r.abandoned = append(r.abandoned, op); r.note("abandoned", "%s", op) })
}

func (r *recorder) CallbackPanicked(_ context.Context, v any) {
	r.locked(func() { r.note("panic", "%v", v) })
}

func (r *recorder) count(what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[what]
}

// last returns the newest attempt's result.
func (r *recorder) last() AttemptResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.results) == 0 {
		return AttemptResult{}
	}
	return r.results[len(r.results)-1]
}

func (r *recorder) lastOutage() Outage {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.outages) == 0 {
		return Outage{}
	}
	return r.outages[len(r.outages)-1]
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// wantLog checks that one line of the log holds all the words.
func (w *world) wantLog(words ...string) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		found := true
		for _, word := range words {
			found = found && strings.Contains(line, word)
		}
		if found {
			return
		}
	}
	w.t.Errorf("no line of the log holds %q", words)
}
