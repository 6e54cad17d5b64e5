//go:build linux && !race

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/crypto/ssh"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// device is an RDS, and what is needed to talk to it; without a host it is the
// one that the controller brings along.
type device struct {
	host, port, user     string
	keyFile, hostKeyFile string
	basePath             string
}

// emulatedDevice is the emulator as a process.
type emulatedDevice struct {
	device
	*program
	control string // URL
}

// startDevice starts the emulator, with keys of its own.
func startDevice(t *testing.T, args ...string) *emulatedDevice {
	t.Helper()
	dir := t.TempDir()
	e := &emulatedDevice{device: device{user: "admin", basePath: "/pool/volumes",
		keyFile: filepath.Join(dir, "key"), hostKeyFile: filepath.Join(dir, "host")}}
	public := filepath.Join(dir, "key.pub")
	writeFile(t, public, ssh.MarshalAuthorizedKey(writeKey(t, e.keyFile)))
	e.program = startProgram(t, nil, shippedProgram(t, "emulator"), append([]string{"--listen=127.0.0.1:0", "--control=127.0.0.1:0",
		"--host-key-type=ed25519", "--authorized-key=admin=" + public}, args...)...)
	said := make(map[string]string)
	for _, field := range strings.Fields(e.line("msg=ready")) {
		name, value, _ := strings.Cut(field, "=")
		said[name] = value
	}
	e.host, e.port, _ = net.SplitHostPort(said["address"])
	e.control = "http://" + said["control"]
	writeFile(t, e.hostKeyFile, []byte(e.ask("GET", "/host-key")))
	return e
}

// ask talks to the control interface.
func (e *emulatedDevice) ask(method, path string) string {
	e.program.t.Helper()
	body, err := fetch(method, e.control+path)
	if err != nil {
		e.program.t.Fatal(err)
	}
	return body
}

// do makes or ends a fault.
func (e *emulatedDevice) do(path string) { e.program.t.Helper(); e.ask("POST", path) }

// service is the controller as a process.
type service struct {
	*program
	device     device
	page       string // URL, ends in a slash
	instance   string // host:port, as Prometheus calls it
	sidecar    *grpc.ClientConn
	identity   csi.IdentityClient
	controller csi.ControllerClient
}

// startService starts the controller of a device. Spans go to the URL, if there
// is one.
func startService(t *testing.T, d device, otlp string, args ...string) *service {
	t.Helper()
	return startServiceAt(t, shippedProgram(t, "controller"), d, otlp, args...)
}

// startServiceAt starts the controller that is at a path.
func startServiceAt(t *testing.T, path string, d device, otlp string, args ...string) *service {
	t.Helper()
	s := &service{device: d}
	// A path below t.TempDir() may be too long for a socket.
	folder, err := os.MkdirTemp("", "rds-csi-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	socket := "unix://" + filepath.Join(folder, "csi.sock")
	env := []string{"RDS_CSI_RDS_VOLUME_BASE_PATH=" + d.basePath}
	if otlp != "" {
		// The first is what a deployment sets; the others end the waiting early.
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp, "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_SERVICE_NAME=rds-csi-controller")
	}
	s.program = startProgram(t, env, path, append(d.flags(),
		append([]string{"--endpoint=" + socket, "--metrics-address=127.0.0.1:0", "--log-format=json"}, args...)...)...)
	var line struct{ URL string }
	if err := json.Unmarshal([]byte(s.line(`"msg":"status page"`)), &line); err != nil {
		t.Fatal(err)
	}
	s.page = line.URL
	s.instance = strings.TrimSuffix(strings.TrimPrefix(line.URL, "http://"), "/")
	if s.sidecar, err = grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.sidecar.Close() })
	s.identity, s.controller = csi.NewIdentityClient(s.sidecar), csi.NewControllerClient(s.sidecar)
	return s
}

func (d device) flags() []string {
	if d.host == "" {
		return []string{"--embedded-rds"}
	}
	return []string{"--rds-address=" + d.host, "--rds-port=" + d.port, "--rds-user=" + d.user,
		"--rds-key-file=" + d.keyFile, "--rds-host-key=" + d.hostKeyFile}
}

func (d device) address() string { return net.JoinHostPort(d.host, d.port) }

// shown is what the tests read of /status.json.
type shown struct {
	Ready       bool
	State       string
	Headline    string
	Connections int
	LastOutage  *struct {
		Attempts int
		Cause    string
		Reason   string
		Seconds  float64 `json:"duration_seconds"`
	} `json:"last_outage"`
	Outage         *struct{ Reason string }
	LastDisconnect *struct{ Reason string } `json:"last_disconnect"`
	LastError      *struct{ Kind string }   `json:"last_error"`
	Volumes        *struct {
		Count int `json:"volumes"`
	}
	Sessions *struct {
		InUse int `json:"in_use"`
	}
}

// status reads the page as a program does.
func (s *service) status() (shown, error) {
	body, err := fetch("GET", s.page+"status.json")
	if err != nil {
		return shown{}, err
	}
	var v shown
	return v, json.Unmarshal([]byte(body), &v)
}

// shows waits until the page says so.
func (s *service) shows(within time.Duration, what string, holds func(shown) bool) (v shown) {
	s.t.Helper()
	until(s.t, within, "the page to show "+what, func() (err error) {
		if v, err = s.status(); err == nil && !holds(v) {
			err = fmt.Errorf("it shows %+v", v)
		}
		return err
	})
	return v
}

func connected(v shown) bool { return v.Ready && v.State == "connected" }

// sample reads one series of /metrics, as its line begins.
func (s *service) sample(series string) (string, error) {
	body, err := fetch("GET", s.page+"metrics")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(body) {
		if rest, found := strings.CutPrefix(line, series); found {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", fmt.Errorf("no series %s", series)
}

// spends calls the function and returns how long it took.
func spends(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// create asks for a volume of a size.
func (s *service) create(ctx context.Context, name string, size int64) (*csi.Volume, error) {
	answer, err := s.controller.CreateVolume(ctx, &csi.CreateVolumeRequest{Name: name,
		CapacityRange: &csi.CapacityRange{RequiredBytes: size}, VolumeCapabilities: []*csi.VolumeCapability{blockVolume}})
	return answer.GetVolume(), err
}

var blockVolume = &csi.VolumeCapability{
	AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
	AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
}
