package driver

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"rds-csi/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a Controller service whose calls do what the test says.
type scripted struct {
	csi.UnimplementedControllerServer
	call func(context.Context) error
}

func (s *scripted) DeleteVolume(ctx context.Context, _ *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, s.call(ctx)
}

// scriptedServer serves call as DeleteVolume and logs to log.
func scriptedServer(t *testing.T, log *testkit.Log, call func(context.Context) error, handler stats.Handler) *Server {
	t.Helper()
	s, err := NewServer(Config{Name: "n", Version: "v", Connection: connection{}, StatsHandler: handler,
		Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	csi.RegisterControllerServer(s.grpc, &scripted{call: call})
	return s
}

var deletion = &csi.DeleteVolumeRequest{VolumeId: "pvc-1", Secrets: map[string]string{"password": "hunter2"}}

func TestAPanicFailsItsCallAndTheServerGoesOn(t *testing.T) {
	var log testkit.Log
	panics := true
	client, _ := run(t, scriptedServer(t, &log, func(context.Context) error {
		if panics {
			panic("at the disco")
		}
		return nil
	}, nil))
	controller := csi.NewControllerClient(client)
	_, err := controller.DeleteVolume(t.Context(), deletion)
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "disco") {
		t.Errorf("got %v, want an internal error without details", err)
	}
	panics = false
	if _, err := controller.DeleteVolume(t.Context(), deletion); err != nil {
		t.Errorf("the call after it: %v", err)
	}
	if !strings.Contains(log.String(), "at the disco") || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("the log lacks the panic and where it was:\n%s", &log)
	}
}

func TestEveryCallIsALogLineWithoutItsRequest(t *testing.T) {
	var log testkit.Log
	fail := error(nil)
	client, _ := run(t, scriptedServer(t, &log, func(context.Context) error { return fail }, nil))
	controller := csi.NewControllerClient(client)
	if _, err := controller.DeleteVolume(t.Context(), deletion); err != nil {
		t.Fatal(err)
	}
	fail = status.Error(codes.Unavailable, "the RDS is away")
	if _, err := controller.DeleteVolume(t.Context(), deletion); status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
	type line struct{ Level, Method, Code, Error string }
	var got []line
	for text := range strings.Lines(log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []line{{"DEBUG", "DeleteVolume", "OK", ""}, {"WARN", "DeleteVolume", "Unavailable", "the RDS is away"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Error("the log contains a secret")
	}
}

func TestAStopLetsCallsInFlightEndAndAcceptsNoMore(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	client, stop := run(t, scriptedServer(t, new(testkit.Log), func(context.Context) error {
		close(began)
		<-finish
		return nil
	}, nil))
	controller := csi.NewControllerClient(client)
	called := make(chan error, 1)
	go func() {
		_, err := controller.DeleteVolume(t.Context(), deletion)
		called <- err
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// The client hears of the stop and dials again, in vain.
	for start := time.Now(); ; {
		_, err := csi.NewIdentityClient(client).Probe(t.Context(), &csi.ProbeRequest{})
		if status.Code(err) == codes.Unavailable {
			break
		}
		if time.Since(start) > 2*time.Second {
			t.Fatalf("still accepting: %v", err)
		}
	}
	close(finish)
	if err := <-called; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestACallThatDoesNotEndIsCanceledAtTheBound(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the bound, 3 s")
	}
	began := make(chan struct{})
	client, stop := run(t, scriptedServer(t, new(testkit.Log), func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}, nil))
	called := make(chan error, 1)
	go func() {
		_, err := csi.NewControllerClient(client).DeleteVolume(t.Context(), deletion)
		called <- err
	}()
	<-began
	start := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > busyGrace+time.Second {
		t.Errorf("the stop took %v", took)
	}
	if err := <-called; status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
}

func TestAClientThatSaysNothingDoesNotDelayAStop(t *testing.T) {
	s := serverFor(t, connection{}, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	start := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > idleGrace+time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestAListenerThatFailsIsAnError(t *testing.T) {
	s := serverFor(t, connection{}, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Run(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

// counter is a stats.Handler that counts RPCs.
type counter struct {
	stats.Handler
	mu    sync.Mutex
	calls []string
}

func (c *counter) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, info.FullMethodName)
	return ctx
}
func (c *counter) HandleRPC(context.Context, stats.RPCStats)                         {}
func (c *counter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *counter) HandleConn(context.Context, stats.ConnStats)                       {}

func TestTheStatsHandlerSeesCalls(t *testing.T) {
	var seen counter
	client, _ := run(t, scriptedServer(t, new(testkit.Log), func(context.Context) error { return nil }, &seen))
	if _, err := csi.NewControllerClient(client).DeleteVolume(t.Context(), deletion); err != nil {
		t.Fatal(err)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if len(seen.calls) != 1 || seen.calls[0] != "/csi.v1.Controller/DeleteVolume" {
		t.Errorf("got %q", seen.calls)
	}
}
