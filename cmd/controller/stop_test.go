package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rds-csi/internal/testkit"
)

// idleStop is how long a stop may take when no RPC is in flight.
const idleStop = 2 * time.Second

func TestSIGTERMEndsTheProcessWhenConnected(t *testing.T) {
	d := startDevice(t)
	r := start(t, nil, d.args()...)
	r.line("RDS connected")
	r.stopsWithin(idleStop, syscall.SIGTERM)
	r.line("stopped")
}

func TestSIGINTEndsTheProcessToo(t *testing.T) {
	d := startDevice(t)
	r := start(t, nil, d.args()...)
	r.line("RDS connected")
	r.stopsWithin(idleStop, os.Interrupt)
}

// silentListener accepts and never says a word; accepted is closed at the
// first connection.
func silentListener(t *testing.T) (address string, accepted <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for connections := 0; ; connections++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			if connections == 0 {
				close(first)
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String(), first
}

func TestSIGTERMEndsTheProcessInAHungHandshake(t *testing.T) {
	d := startDevice(t)
	address, accepted := silentListener(t)
	host, port, _ := net.SplitHostPort(address)
	r := start(t, nil, d.args("--rds-address="+host, "--rds-port="+port)...)
	select {
	case <-accepted:
	case <-time.After(patience):
		t.Fatal("it does not dial")
	}
	r.stopsWithin(idleStop, syscall.SIGTERM)
}

func TestSIGTERMEndsTheProcessInBackoff(t *testing.T) {
	d := startDevice(t)
	_, port, _ := net.SplitHostPort(testkit.FreeAddress(t))
	r := start(t, nil, d.args("--rds-port="+port, "--rds-backoff-initial=10s")...)
	r.line("RDS connection attempt failed")
	r.stopsWithin(idleStop, syscall.SIGTERM)
}

func TestSIGTERMEndsTheProcessWithADeadCollector(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			d := startDevice(t)
			collector, accepted := silentListener(t)
			r := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol}, d.args()...)
			r.line("RDS connected")
			r.stopsWithin(idleStop, syscall.SIGTERM)
			select {
			case <-accepted:
			case <-time.After(patience):
				t.Error("nothing was exported, so nothing was shown")
			}
		})
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	d := startDevice(t)
	collector, _ := silentListener(t)
	// The dead collector makes the stop last long enough for a second signal;
	// on a busy machine it may come too late all the same.
	for range 5 {
		r := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector}, d.args()...)
		r.line("RDS connected")
		if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		r.line("connection manager stopped")
		_ = r.cmd.Process.Signal(syscall.SIGTERM) // an error: it is gone already
		if r.wait() == -1 {
			return
		}
	}
	t.Error("it always ended in its own time")
}

func TestAnRDSThatIsDownAtTheStartIsWaitedFor(t *testing.T) {
	d := startDevice(t)
	d.SetRefuse(true)
	r := start(t, nil, d.args("--rds-backoff-initial=50ms", "--rds-backoff-max=100ms", "--metrics-address=127.0.0.1:0")...)
	r.line("RDS connection attempt failed")
	url := r.line("status page")["url"].(string)
	if code, _, errs := invoke(t, "healthcheck", "--url="+url+"readyz"); code != exitFailure || !strings.Contains(errs, "503") {
		t.Errorf("readyz: exit code %d, %s", code, errs)
	}
	if code, _, errs := invoke(t, "healthcheck", "--url="+url+"livez"); code != exitOK {
		t.Errorf("livez: exit code %d, %s", code, errs)
	}
	d.SetRefuse(false)
	r.line("RDS reconnected")
	if code, _, errs := invoke(t, "healthcheck", "--url="+url+"readyz"); code != exitOK {
		t.Errorf("readyz when connected: exit code %d, %s", code, errs)
	}
	r.stopsWithin(idleStop, syscall.SIGTERM)
}

func TestATakenPortIsNamedWithItsFlag(t *testing.T) {
	d := startDevice(t)
	taken, _ := silentListener(t)
	for _, flag := range []string{"--metrics-address", "--health-address"} {
		r := start(t, nil, d.args(flag+"="+taken)...)
		if code := r.wait(); code != exitFailure {
			t.Errorf("%s: exit code %d, want %d", flag, code, exitFailure)
		}
		fault, _ := r.line("stopped by a fault")["error"].(string)
		if !strings.Contains(fault, taken) || !strings.Contains(fault, "address already in use") || !strings.Contains(fault, flag) {
			t.Errorf("got %q, want %s and %s", fault, taken, flag)
		}
	}
}

func TestAStaleSocketIsNoFaultAndALiveOneIs(t *testing.T) {
	d := startDevice(t)
	path := staleSocket(t)
	first := start(t, nil, d.args("--endpoint=unix://"+path)...)
	first.line("RDS connected")
	probe(t, "unix://"+path)

	second := start(t, nil, d.args("--endpoint=unix://"+path)...)
	if code := second.wait(); code != exitFailure {
		t.Errorf("exit code %d, want %d", code, exitFailure)
	}
	if fault, _ := second.line("stopped by a fault")["error"].(string); !strings.Contains(fault, "another process serves "+path) {
		t.Errorf("got %q", fault)
	}
	probe(t, "unix://"+path)
	first.stopsWithin(idleStop, syscall.SIGTERM)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

// probe expects a driver at the endpoint that says it is ready.
func probe(t *testing.T, endpoint string) {
	t.Helper()
	client, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := csi.NewIdentityClient(client).Probe(t.Context(), &csi.ProbeRequest{})
	if err != nil || !response.GetReady().GetValue() {
		t.Errorf("probe: %v, %v", response, err)
	}
}

func TestTheEmbeddedRDSNeedsNothingAndLeavesNothing(t *testing.T) {
	r := start(t, nil, "--embedded-rds", "--embedded-rds-outages=every=300ms,down=150ms", "--metrics-address=127.0.0.1:0",
		"--rds-backoff-initial=20ms", "--rds-backoff-max=40ms")
	endpoint, _ := r.line("CSI endpoint")["endpoint"].(string)
	url, _ := r.line("status page")["url"].(string)
	r.line("RDS connected")
	r.line("RDS connection lost")
	r.line("RDS reconnected")
	if code, out, errs := invoke(t, "healthcheck", "--url="+url+"metrics"); code != exitOK {
		t.Errorf("metrics: exit code %d, %s %s", code, out, errs)
	}
	folder := strings.TrimSuffix(strings.TrimPrefix(endpoint, "unix://"), "/csi.sock")
	if _, err := os.Stat(folder); err != nil {
		t.Errorf("folder of the endpoint: %v", err)
	}
	r.stopsWithin(idleStop, syscall.SIGTERM)
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the folder was left behind: %v", err)
	}
}

// A container runtime or a pager that goes away closes the pipe of the log.
func TestALogThatNobodyReadsAnyMoreEndsNothing(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	metrics := testkit.FreeAddress(t)
	cmd := exec.Command(path, "--embedded-rds", "--embedded-rds-outages=every=300ms,down=150ms", "--metrics-address="+metrics,
		"--rds-backoff-initial=20ms", "--rds-backoff-max=40ms")
	cmd.Env, cmd.Stderr = []string{"TMPDIR=" + t.TempDir()}, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	write.Close()
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	read.Close()
	const recovered = `rds_csi_rds_reconnect_total{status="success"} 3`
	var text string
	for deadline := time.Now().Add(patience); !strings.Contains(text, recovered); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there are no three recoveries: the last answer was\n%s", text)
		}
		response, err := http.Get("http://" + metrics + "/metrics")
		if err != nil { // not yet, or not any more
			text = err.Error()
			continue
		}
		body, _ := io.ReadAll(response.Body) // half an answer has not what we look for
		text = string(body)
		response.Body.Close()
	}
}

func TestAVariableOfOpenTelemetryThatCannotBeUsedIsAConfigurationFault(t *testing.T) {
	d := startDevice(t)
	r := start(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317"}, d.args()...)
	if code := r.wait(); code != exitConfig || !strings.Contains(r.log.all(), "OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Errorf("exit code %d", code)
	}
}
