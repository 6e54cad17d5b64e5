package driver

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"rds-csi/internal/conn"
)

// connection is one in a given state.
type connection struct {
	state    conn.State
	lastTurn time.Time
}

func (c connection) Snapshot() *conn.Snapshot { return &conn.Snapshot{State: c.state} }
func (c connection) LastTurn() time.Time      { return c.lastTurn }

// run serves until the test ends, and returns a client and what ends the
// server and waits for that.
func run(t *testing.T, s *Server) (client *grpc.ClientConn, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	client, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		client.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return client, stop
}

func serverFor(t *testing.T, c Connection, ignore bool) *Server {
	t.Helper()
	s, err := NewServer(Config{Name: "rds.csi.srvlab.io", Version: "v1.2.3", Connection: c, ProbeIgnoresConnection: ignore,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProbeIsReadyWhenConnectedAndNeverAnError(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name   string
		c      connection
		ignore bool
		ready  bool
	}{
		{"connected", connection{conn.StateConnected, now}, false, true},
		{"waiting", connection{conn.StateWaiting, now}, false, false},
		{"connecting for the first time", connection{conn.StateConnecting, now}, false, false},
		{"not started", connection{conn.StateIdle, time.Time{}}, false, false},
		{"connected, says a monitor that is stuck", connection{conn.StateConnected, now.Add(-time.Minute)}, false, false},
		{"waiting, and told to ignore it", connection{conn.StateWaiting, now}, true, true},
		{"stuck, and told to ignore the connection", connection{conn.StateConnected, now.Add(-time.Minute)}, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, _ := run(t, serverFor(t, test.c, test.ignore))
			response, err := csi.NewIdentityClient(client).Probe(t.Context(), &csi.ProbeRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if response.GetReady() == nil || response.GetReady().GetValue() != test.ready {
				t.Errorf("ready is %v, want %v", response.GetReady(), test.ready)
			}
		})
	}
}

func TestIdentityTellsNameAndVersionAndAnnouncesNothingThatIsNotServed(t *testing.T) {
	s := serverFor(t, connection{}, false)
	client, _ := run(t, s)
	identity := csi.NewIdentityClient(client)
	info, err := identity.GetPluginInfo(t.Context(), &csi.GetPluginInfoRequest{})
	if err != nil || info.GetName() != "rds.csi.srvlab.io" || info.GetVendorVersion() != "v1.2.3" {
		t.Errorf("got %v, %v", info, err)
	}
	capabilities, err := identity.GetPluginCapabilities(t.Context(), &csi.GetPluginCapabilitiesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	announced := false
	for _, c := range capabilities.GetCapabilities() {
		announced = announced || c.GetService().GetType() == csi.PluginCapability_Service_CONTROLLER_SERVICE
	}
	_, err = csi.NewControllerClient(client).ControllerGetCapabilities(t.Context(), &csi.ControllerGetCapabilitiesRequest{})
	if served := status.Code(err) != codes.Unimplemented; served != announced {
		t.Errorf("the Controller service is served: %v, announced: %v", served, announced)
	}
}

func TestNewServerNamesEveryFault(t *testing.T) {
	_, err := NewServer(Config{})
	if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 3 {
		t.Errorf("got %v, want three faults", err)
	}
}
