package sanity

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
	"rds-csi/internal/driver"
	"rds-csi/internal/emulator"
	"rds-csi/internal/routeros"
)

// driverUnderTest is the whole driver before an emulated RDS of its own.
type driverUnderTest struct {
	t        *testing.T
	folder   string
	endpoint string
	device   *emulator.Device
	scissors *scissors // nil: nothing cuts the connection
	patience patience
}

// reach is a way to a device.
type reach struct {
	host      string
	port      int
	user      string
	dial      dialFunc // nil: TCP
	authorize func(ssh.PublicKey)
	device    *emulator.Device
}

// inMemory is an emulated RDS without a network.
func inMemory(t *testing.T) *reach {
	t.Helper()
	rds := must(emulator.NewServer(emulator.Options{HostKeyType: "ed25519"}))
	t.Cleanup(func() { rds.Close() })
	return &reach{host: "192.168.88.1", port: 22, user: "admin", dial: rds.Dial, device: rds.Device(),
		authorize: func(key ssh.PublicKey) { rds.AuthorizeKey("admin", key) }}
}

// newDriver serves one until the test ends.
func newDriver(t *testing.T, r *reach, s *scissors) *driverUnderTest {
	t.Helper()
	d := &driverUnderTest{t: t, folder: shortTemp(t), device: r.device, scissors: s}
	d.endpoint = "unix://" + filepath.Join(d.folder, "csi.sock")

	logger := slog.New(slog.DiscardHandler)
	client := d.client(r)
	store := must(driver.NewRouterOSStore(driver.StoreConfig{Client: client, BasePaths: []string{"/pool/volumes"}}))
	inventory := driver.NewInventory(driver.InventoryConfig{Store: store, Logger: logger})
	manager := must(conn.NewConnectionManager(conn.ConnectionManagerConfig{Client: client, Logger: logger,
		InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond, OnReconnect: inventory.Reconcile}))
	t.Cleanup(manager.Stop)
	if err := manager.Reconnect(t.Context()); err != nil && s == nil {
		t.Fatal(err)
	}
	manager.StartMonitor(t.Context())
	d.patience.connected = manager.IsConnected

	server := must(driver.NewServer(driver.Config{Name: "rds.csi.srvlab.io", Version: "test", Connection: manager, Logger: logger,
		Controller: &driver.ControllerConfig{Store: store, Inventory: inventory, Address: r.host}}))
	l := must(net.Listen("unix", filepath.Join(d.folder, "csi.sock")))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// client is the SSH client of the device, under the scissors.
func (d *driverUnderTest) client(r *reach) *conn.SSHClient {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	key := filepath.Join(d.folder, "key")
	if err := os.WriteFile(key, pem.EncodeToMemory(must(ssh.MarshalPrivateKey(private, ""))), 0o600); err != nil {
		d.t.Fatal(err)
	}
	r.authorize(must(ssh.NewPublicKey(public)))
	dial := r.dial
	if d.scissors != nil {
		dial = d.scissors.under(dial)
	}
	return must(conn.NewSSHClient(conn.SSHClientConfig{Host: r.host, Port: r.port, User: r.user, KeyFile: key, InsecureSkipVerify: true,
		Dial: dial,
		Verify: func(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
			info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
			return conn.Identity{SerialNumber: info.SerialNumber, Version: info.Version, Uptime: info.Uptime}, err
		}}))
}

// wantEmpty fails unless the RDS holds no disk and no file of a volume.
func (d *driverUnderTest) wantEmpty() {
	d.t.Helper()
	for _, command := range []string{":put [:len [/disk find where type=file]]", `:put [:len [/file find where name~"img"]]`} {
		if left := strings.TrimSpace(d.device.Run(d.t.Context(), "admin", command).Output); left != "0" {
			d.t.Errorf("%s: %s left", command, left)
		}
	}
}

// shortTemp is a folder whose path leaves room for the name of a socket.
func shortTemp(t *testing.T) string {
	t.Helper()
	folder := must(os.MkdirTemp("", "sanity"))
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
