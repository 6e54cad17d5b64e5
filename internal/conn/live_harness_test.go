package conn

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"rds-csi/internal/emulator"
	"rds-csi/internal/testkit"
)

// Bounds on the real clock. They leave room for a loaded machine: exact times
// are proved on the fake clock.
const (
	event    = time.Second      // something happened: the manager knows
	silence  = 11 * time.Second // nothing happens any more: the manager knows
	patience = 30 * time.Second // for a condition that has no bound of its own
)

// live is a world on the real clock and on real sockets. Its stories wait for
// conditions, and what they time is what the manager noted, not when the test
// came to look.
type live struct {
	*world
	sockets *sockets
	told    int // attempts that the story has accounted for
}

// overTCP runs a story before an emulated device that listens on host, a
// loopback address. The client is told the same address unless change names
// another host.
func overTCP(t *testing.T, host string, change func(*settings), story func(w *live)) {
	t.Helper()
	needRealTime(t)
	t.Parallel()
	s := settings{rds: emulator.Options{HostKeyType: "ed25519"}}
	s.client.Host = host
	if change != nil {
		change(&s)
	}
	s.rds.Device = emulator.NewDevice(s.device)
	rds := must(emulator.NewServer(s.rds))
	t.Cleanup(func() { rds.Close() })
	address, err := rds.Listen(net.JoinHostPort(host, "0"))
	if err != nil {
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("no loopback address %s, and CI must have it: %v", host, err)
		}
		t.Skipf("this machine has no loopback address %s: %v", host, err)
	}
	s.client.Port = address.(*net.TCPAddr).Port
	w := newLive(t, s)
	w.rds = rds
	rds.AuthorizeKey("admin", writeKey(t, w.keyFile))
	writeHostKeys(t, w.hostKeyFile, rds.HostKey())
	story(w)
}

func needRealTime(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("real sockets and the real clock: not with -short")
	}
}

// newLive makes client and manager and starts nothing. The caller fills the
// key files. The pace is a fast one, so that a story of many attempts is short.
func newLive(t *testing.T, s settings) *live {
	t.Helper()
	dir := t.TempDir()
	w := &live{sockets: &sockets{}, world: &world{t: t, seen: newRecorder(), log: &testkit.Log{}, start: time.Now(),
		keyFile: filepath.Join(dir, "key"), hostKeyFile: filepath.Join(dir, "host")}}
	setDefault(&s.client.User, "admin")
	s.client.KeyFile, s.client.HostKeyFile = w.keyFile, w.hostKeyFile
	s.client.Verify, s.client.Observer, s.client.Dial = verifyRouterOS, w.seen, w.sockets.dial
	w.client = must(NewSSHClient(s.client))

	setDefault(&s.manager.InitialInterval, 20*time.Millisecond)
	setDefault(&s.manager.MaxInterval, 200*time.Millisecond)
	s.manager.Client, s.manager.Observer = w.client, w.seen
	s.manager.Logger = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.m = must(NewConnectionManager(s.manager))
	t.Cleanup(func() {
		w.m.Stop()
		open, most := w.sockets.count()
		if open != 0 || most > 1 {
			t.Errorf("%d sockets are left open, %d were open at once", open, most)
		}
		if t.Failed() {
			t.Log(w.log.String())
			t.Log(w.seen.String())
		}
	})
	return w
}

// waitFor waits until the condition holds.
func (w *live) waitFor(what string, condition func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited %v for %s: %+v", patience, what, *w.m.Snapshot())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// connect starts the monitor and waits for the first connection.
func (w *live) connect() {
	w.t.Helper()
	w.m.StartMonitor(w.t.Context())
	w.waitFor("the first connection", func() bool { return w.seen.last().Attempt.Total > 0 })
	w.wantConnected(true)
	w.told = 1
}

// wantLoss runs the fault and waits until the manager knows of the loss: why,
// for one of the reasons, and soon enough.
func (w *live) wantLoss(fault func(), within time.Duration, reasons ...Reason) {
	w.t.Helper()
	before, begin := w.seen.count("disconnected"), time.Now()
	fault()
	w.waitFor("the loss", func() bool { return w.seen.count("disconnected") > before })
	s := w.m.Snapshot()
	if took := s.DisconnectedAt.Sub(begin); took > within || took < 0 {
		w.t.Errorf("the loss was noted after %v, want %v at most", took, within)
	}
	if !slices.Contains(reasons, s.Reason) {
		w.t.Errorf("the loss has reason %q, want %q", s.Reason, reasons)
	}
}

// wantFailure waits for a failed attempt of the kind.
func (w *live) wantFailure(kind Kind) *Error {
	w.t.Helper()
	var failure *Error
	w.waitFor("an attempt that fails with "+string(kind), func() bool {
		failure = w.seen.last().Err
		return failure != nil && failure.Kind == kind
	})
	return failure
}

// wantOutage waits until the outage is over and checks the story that the
// observer was told: why the connection was lost (empty: it never was there),
// of which kinds the attempts were that failed meanwhile, and what the outage
// turned out to be.
func (w *live) wantOutage(reason Reason, cause Cause, kinds ...Kind) Outage {
	w.t.Helper()
	w.waitFor("the end of the outage", func() bool { return len(w.attempts()) > 0 })
	attempts := w.attempts()
	w.told += len(attempts)
	var failed []Kind
	for _, a := range attempts[:len(attempts)-1] {
		failed = append(failed, a.Err.Kind)
	}
	failed = slices.Compact(failed)
	o := w.seen.lastOutage()
	if o.Reason != reason || o.Cause != cause || !slices.Equal(failed, kinds) {
		w.t.Errorf("the outage has reason %q, cause %q, failures %q, want %q, %q, %q", o.Reason, o.Cause, failed, reason, cause, kinds)
	}
	if o.Attempts != len(attempts) {
		w.t.Errorf("the outage has %d attempts, the observer was told %d", o.Attempts, len(attempts))
	}
	if len(kinds) > 0 && (o.FirstError == nil || o.FirstError.Kind != kinds[0]) {
		w.t.Errorf("the outage's first error is %v, want %s", o.FirstError, kinds[0])
	}
	last := attempts[len(attempts)-1]
	if last.SinceDetected != o.EndedAt.Sub(o.DetectedAt) || o.LastReceived.After(o.DetectedAt) {
		w.t.Errorf("the attempt tells %v since the loss, the outage %+v", last.SinceDetected, o)
	}
	s := last.Snapshot
	if s.State != StateConnected || s.Outage != nil || s.LastOutage == nil || s.LastOutage.ID != o.ID || s.ConsecutiveFailures != 0 {
		w.t.Errorf("the snapshot after the outage: %+v", *s)
	}
	return o
}

// attempts are those that the story has not accounted for, up to the first
// that succeeded; none while there is no such.
func (w *live) attempts() []AttemptResult {
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	untold := w.seen.results[w.told:]
	end := slices.IndexFunc(untold, func(a AttemptResult) bool { return a.Err == nil })
	return slices.Clone(untold[:end+1])
}

// wantAnswer runs a command that must succeed.
func (w *live) wantAnswer(command, output string) {
	w.t.Helper()
	if got, err := w.exec(command); err != nil || got != output {
		w.t.Errorf("%s: %q, %v, want %q", command, got, err, output)
	}
}

// wantNoLoss checks that the first connection is still the one.
func (w *live) wantNoLoss() {
	w.t.Helper()
	if s := w.m.Snapshot(); s.State != StateConnected || s.Generation != 1 || w.seen.count("disconnected") != 0 {
		w.t.Errorf("the connection was lost: %+v", *s)
	}
}

// begin starts a command and returns where its error will come.
func (w *live) begin(command string) <-chan error {
	result := make(chan error, 1)
	go func() { _, err := w.exec(command); result <- err }()
	return result
}

// wantUnknown checks that the command behind err may have done its work.
func (w *live) wantUnknown(err error) {
	w.t.Helper()
	if KindOf(err) != KindClosed || OutcomeOf(err) != Unknown || SafeToRetry(err) {
		w.t.Errorf("Exec: %v (outcome %q), want closed with the outcome unknown", err, OutcomeOf(err))
	}
}

// wantStopped stops the manager and checks that this is quick and no loss.
func (w *live) wantStopped() {
	w.t.Helper()
	begin := time.Now()
	w.m.Stop()
	if took := time.Since(begin); took > 2*time.Second {
		w.t.Errorf("Stop took %v", took)
	}
	if s := w.m.Snapshot(); s.State != StateStopped || w.client.IsConnected() {
		w.t.Errorf("after Stop: %+v, client connected %v", *s, w.client.IsConnected())
	}
	if n := w.seen.count("disconnected"); n != 0 {
		w.t.Errorf("%d losses counted: a shutdown is none", n)
	}
	if last := w.seen.last(); last.Err != nil && last.Err.Kind != KindCanceled && last.Err.Kind != KindRefused {
		w.t.Errorf("the attempt that shutdown cut short ended with %v", last.Err)
	}
}

// behindDroppedSYNs is a client whose SYNs vanish: it dials a listener whose
// queue is full.
func behindDroppedSYNs(t *testing.T, limit time.Duration) *live {
	t.Helper()
	needRealTime(t)
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is known to drop a SYN when the queue of the listener is full")
	}
	listener := must(net.Listen("tcp", ipv4+":0")).(*net.TCPListener)
	t.Cleanup(func() { listener.Close() })
	raw := must(listener.SyscallConn())
	var short error
	if err := raw.Control(func(fd uintptr) { short = syscall.Listen(int(fd), 0) }); err != nil || short != nil {
		t.Fatal(err, short)
	}
	for full := false; !full; {
		filler, err := net.DialTimeout("tcp", listener.Addr().String(), 300*time.Millisecond)
		if full = err != nil; !full {
			t.Cleanup(func() { filler.Close() })
		}
	}
	w := newLive(t, settings{client: SSHClientConfig{Host: ipv4, Port: listener.Addr().(*net.TCPAddr).Port, ConnectTimeout: limit}})
	writeHostKeys(t, w.hostKeyFile, writeKey(t, w.keyFile))
	return w
}

// sockets counts the client's own. The device cannot tell a closed connection
// from an open one until the news has reached it.
type sockets struct {
	mu         sync.Mutex
	open, most int
}

func (s *sockets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.add(1) // from the first SYN on: two dials at once are two connections
	raw, err := dialTCP(ctx, network, address)
	if err != nil {
		s.add(-1)
		return nil, err
	}
	return &socket{Conn: raw, closed: sync.OnceFunc(func() { s.add(-1) })}, nil
}

func (s *sockets) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.most = max(s.most, s.open)
}

func (s *sockets) count() (open, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.most
}

type socket struct {
	net.Conn
	closed func()
}

func (s *socket) Close() error {
	err := s.Conn.Close()
	s.closed()
	return err
}
