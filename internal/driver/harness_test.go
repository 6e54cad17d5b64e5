package driver

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

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/crypto/ssh"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
	"rds-csi/internal/routeros"
	"rds-csi/internal/testkit"
)

// world is a controller on a managed connection to an emulated RDS.
type world struct {
	*controller
	t       testing.TB
	rds     *emulator.Server
	client  *conn.SSHClient
	manager *conn.ConnectionManager
	seen    *recorder
	log     *testkit.Log
}

// settings are what a test changes before the world is made.
type settings struct {
	device     emulator.DeviceOptions
	rds        emulator.Options
	client     conn.SSHClientConfig
	manager    conn.ConnectionManagerConfig
	paths      []string
	controller ControllerConfig
}

// inBubble runs a story on a fake clock, connected.
func inBubble(t *testing.T, change func(*settings), story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, change)
		w.manager.StartMonitor(t.Context())
		synctest.Wait()
		story(w)
	})
}

// newWorld makes everything and starts nothing. The RDS is reached in memory.
func newWorld(t testing.TB, change func(*settings)) *world {
	t.Helper()
	s := settings{rds: emulator.Options{HostKeyType: "ed25519"}, paths: []string{"/pool/volumes"},
		controller: ControllerConfig{Address: "192.168.88.1", IDFormat: IDLong},
		client:     conn.SSHClientConfig{Host: "192.168.88.1", User: "admin", Verify: verify},
		manager:    conn.ConnectionManagerConfig{RandomizationFactor: -1}}
	if change != nil {
		change(&s)
	}
	w := &world{t: t, seen: &recorder{}, log: &testkit.Log{}}
	if s.rds.Device == nil {
		s.rds.Device = emulator.NewDevice(s.device)
	}
	w.rds = must(emulator.NewServer(s.rds))
	t.Cleanup(func() { w.rds.Close() })
	w.join(s)
	return w
}

// join adds a controller of its own to the RDS.
func (w *world) join(s settings) {
	w.t.Helper()
	dir := w.t.TempDir()
	s.client.KeyFile, s.client.HostKeyFile = filepath.Join(dir, "key"), filepath.Join(dir, "host")
	w.rds.AuthorizeKey("admin", writeKey(w.t, s.client.KeyFile))
	if err := os.WriteFile(s.client.HostKeyFile, ssh.MarshalAuthorizedKey(w.rds.HostKey()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if s.client.Dial == nil {
		s.client.Dial = w.rds.Dial
	}
	w.client = must(conn.NewSSHClient(s.client))
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	store := must(NewRouterOSStore(StoreConfig{Client: w.client, BasePaths: s.paths}))
	inventory := NewInventory(InventoryConfig{Store: store, Observer: w.seen, Logger: logger})
	s.manager.Client, s.manager.Logger, s.manager.OnReconnect = w.client, logger, inventory.Reconcile
	w.manager = must(conn.NewConnectionManager(s.manager))
	w.t.Cleanup(w.manager.Stop)
	s.controller.Store, s.controller.Inventory = store, inventory
	w.controller = newController(must(Config{Name: "rds.csi.srvlab.io", Version: "v1", Connection: w.manager,
		Controller: &s.controller, Observer: w.seen, Logger: logger}.withDefaults()))
}

// another is a second controller on the same RDS.
func (w *world) another(s settings) *world {
	other := &world{t: w.t, rds: w.rds, seen: &recorder{}, log: w.log}
	s.paths, s.controller = []string{"/pool/volumes"}, ControllerConfig{Address: "192.168.88.1", IDFormat: IDLong}
	s.client = conn.SSHClientConfig{Host: "192.168.88.1", User: "admin", Verify: verify}
	other.join(s)
	other.manager.StartMonitor(w.t.Context())
	synctest.Wait()
	return other
}

func verify(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return conn.Identity{SerialNumber: info.SerialNumber, Version: info.Version, Uptime: info.Uptime}, err
}

func writeKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	private := newKey()
	if err := os.WriteFile(path, pem.EncodeToMemory(must(ssh.MarshalPrivateKey(private, ""))), 0o600); err != nil {
		t.Fatal(err)
	}
	return must(ssh.NewPublicKey(private.Public()))
}

func newKey() ed25519.PrivateKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return private
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// pass lets fake time pass and everything settle.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lose takes the RDS away until back is called.
func (w *world) lose() {
	w.t.Helper()
	w.rds.SetRefuse(true)
	w.rds.ResetAll()
	synctest.Wait()
	if w.manager.IsConnected() {
		w.t.Fatal("still connected")
	}
}

// back brings the RDS back and waits for the connection.
func (w *world) back() {
	w.t.Helper()
	w.rds.SetRefuse(false)
	synctest.Wait()
	for start := time.Now(); !w.manager.IsConnected(); w.pass(100 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			w.t.Fatalf("not connected: %+v", w.manager.Snapshot())
		}
	}
}

// on runs a command on the device, past everything.
func (w *world) on(command string) string {
	w.t.Helper()
	result := w.rds.Device().Run(w.t.Context(), "admin", command)
	if result.Failed {
		w.t.Errorf("%s: %s", command, result.Output)
	}
	return strings.TrimSpace(result.Output)
}

// wantDevice fails unless the device holds so many disks and files of volumes.
func (w *world) wantDevice(disks, files int) {
	w.t.Helper()
	got := w.on(`:put [:len [/disk find where type=file]]`) + " disks, " + w.on(`:put [:len [/file find where name~"[.]img"]]`) + " files"
	if want := fmt.Sprintf("%d disks, %d files", disks, files); got != want {
		w.t.Errorf("the device has %s, want %s", got, want)
	}
}

var blockWriter = []*csi.VolumeCapability{{
	AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
	AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
}}

func creation(name string, bytes int64) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{Name: name, VolumeCapabilities: blockWriter, CapacityRange: &csi.CapacityRange{RequiredBytes: bytes}}
}

const gib = 1 << 30

// create makes a volume of one GiB and returns its id.
func (w *world) create(name string) string {
	w.t.Helper()
	response, err := w.CreateVolume(w.t.Context(), creation(name, gib))
	if err != nil {
		w.t.Fatalf("create %s: %v", name, err)
	}
	return response.GetVolume().GetVolumeId()
}

func (w *world) delete(id string) error {
	_, err := w.DeleteVolume(w.t.Context(), &csi.DeleteVolumeRequest{VolumeId: id})
	return err
}

// wantCode fails unless err has the code and all of the words.
func wantCode(t testing.TB, what string, err error, code codes.Code, words ...string) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("%s: got %v, want %v", what, err, code)
	}
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %q is not in %v", what, word, err)
		}
	}
}

// details returns the details that an Unavailable must have.
func details(t testing.TB, err error) (retry time.Duration, info *errdetails.ErrorInfo) {
	t.Helper()
	found := false
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.RetryInfo:
			retry, found = d.GetRetryDelay().AsDuration(), true
		case *errdetails.ErrorInfo:
			info = d
		}
	}
	if !found || info == nil {
		t.Fatalf("without RetryInfo or ErrorInfo: %v", err)
	}
	return retry, info
}

// recorder keeps what the observer is told.
type recorder struct {
	NopObserver
	mu      sync.Mutex
	looks   []Reconciliation
	changes []Change
	volumes int
	pools   map[string]int64 // free
}

func (r *recorder) locked(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *recorder) ReconcileEnded(_ context.Context, l Reconciliation) {
	r.locked(func() { r.looks = append(r.looks, l) })
}
func (r *recorder) VolumesCounted(_ context.Context, n int) { r.locked(func() { r.volumes = n }) }
func (r *recorder) VolumeChanged(_ context.Context, c Change) {
	r.locked(func() { r.changes = append(r.changes, c) })
}
func (r *recorder) PoolMeasured(_ context.Context, pool string, _, free int64) {
	r.locked(func() { r.pools = map[string]int64{pool: free} })
}
