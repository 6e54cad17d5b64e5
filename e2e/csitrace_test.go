package e2e

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rds-csi/internal/driver"
)

// TestOneTraceLeadsFromTheRPCToTheAttempt goes over a real socket, in real
// time: an RPC, the commands below it, and the attempt that made their
// connection.
func TestOneTraceLeadsFromTheRPCToTheAttempt(t *testing.T) {
	w := newWorld(t, nil)
	w.m.StartMonitor(t.Context())
	client := w.serveCSI()
	until(t, 20*time.Second, "the connection", func() error {
		if !w.m.IsConnected() {
			return errors.New("there is none")
		}
		return nil
	})

	request := &csi.CreateVolumeRequest{Name: "traced", CapacityRange: &csi.CapacityRange{RequiredBytes: 1 << 30},
		VolumeCapabilities: []*csi.VolumeCapability{{
			AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
			AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER}}}}
	if _, err := client.CreateVolume(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	var rpc, attempt sdktrace.ReadOnlySpan
	var execs []sdktrace.ReadOnlySpan
	until(t, 20*time.Second, "the spans", func() error {
		execs = nil
		for _, s := range w.spans.Ended() {
			switch s.Name() {
			case "csi.v1.Controller/CreateVolume":
				rpc = s
			case "rds.reconnect":
				attempt = s
			case "rds.exec":
				execs = append(execs, s)
			}
		}
		if rpc == nil || attempt == nil {
			return errors.New("not all have ended")
		}
		return nil
	})

	below := 0
	for _, exec := range execs {
		if exec.SpanContext().TraceID() != rpc.SpanContext().TraceID() {
			continue // the look at the volumes after the first connection
		}
		below++
		if exec.Parent().SpanID() != rpc.SpanContext().SpanID() {
			t.Errorf("a command is below %s, want the RPC", exec.Parent().SpanID())
		}
		if !slices.ContainsFunc(exec.Links(), func(l sdktrace.Link) bool { return l.SpanContext.Equal(attempt.SpanContext()) }) {
			t.Errorf("a command has links %v, want one to the attempt", exec.Links())
		}
	}
	if below == 0 {
		t.Error("the RPC has no command below it")
	}
}

// serveCSI serves the Controller service over a unix socket, with the spans of
// the world.
func (w *world) serveCSI() csi.ControllerClient {
	w.t.Helper()
	store := must(driver.NewRouterOSStore(driver.StoreConfig{Client: w.client, BasePaths: []string{"/pool/volumes"}}))
	server := must(driver.NewServer(driver.Config{Name: "rds.csi.example", Version: "test", Connection: w.m, Logger: w.logger,
		Controller: &driver.ControllerConfig{Store: store, Address: "192.168.88.1",
			Inventory: driver.NewInventory(driver.InventoryConfig{Store: store, Logger: w.logger})},
		StatsHandler: otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(w.telemetry.TracerProvider()),
			otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()))}))
	path := filepath.Join(w.t.TempDir(), "csi.sock")
	listener := must(net.Listen("unix", path))
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, listener) }()
	client := must(grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials())))
	w.t.Cleanup(func() {
		client.Close()
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return csi.NewControllerClient(client)
}
