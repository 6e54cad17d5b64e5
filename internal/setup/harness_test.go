package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"rds-csi/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// npk begins as every package does.
var npk = append([]byte{0x1e, 0xf1, 0xd0, 0xba}, bytes.Repeat([]byte("rose"), 300)...)

// fresh is a CHR as it comes: no package, no pool, an empty second disk.
func fresh() emulator.DeviceOptions {
	return emulator.DeviceOptions{CHR: true, NoRoseStorage: true, Uptime: 20 * time.Second, Directories: []string{},
		Pools: []emulator.Pool{{Slot: "virtio1", Size: 4 << 30, Raw: true}}}
}

// harness is a device and the setup of it.
type harness struct {
	*testing.T
	*emulator.Server
	options Options
	cut     *cutter
	onLine  func(line string) // called for each that is printed, if set
}

func (h *harness) Write(line []byte) (int, error) {
	if h.onLine != nil {
		h.onLine(string(line))
	}
	return len(line), nil
}

// bubble runs a test on a fake clock, with a device reached in memory.
func bubble(t *testing.T, device emulator.DeviceOptions, test func(h *harness)) {
	t.Helper()
	bubbleOf(t, device, emulator.Options{}, test)
}

func bubbleOf(t *testing.T, device emulator.DeviceOptions, options emulator.Options, test func(h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		options.Device, options.HostKeyType = emulator.NewDevice(device), "ed25519"
		if options.RebootTime == 0 {
			options.RebootTime = 20 * time.Second
		}
		server, err := emulator.NewServer(options)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		h := newHarness(t, server)
		h.options.Host, h.options.Port = "192.0.2.1", 22
		h.cut = &cutter{dial: server.Dial, left: -1}
		h.options.Dial = h.cut.Dial
		test(h)
	})
}

// newHarness has keys, the package and all flags for a fresh CHR.
func newHarness(t *testing.T, server *emulator.Server) *harness {
	t.Helper()
	dir := t.TempDir()
	files := Files{Key: filepath.Join(dir, "key"), PublicKey: filepath.Join(dir, "key.pub"), HostKeys: filepath.Join(dir, "host_key")}
	if err := MakeKeys(t.Context(), files, "ed25519", t.Output()); err != nil {
		t.Fatal(err)
	}
	pkg := filepath.Join(dir, "rose-storage-7.24.5.npk")
	if err := os.WriteFile(pkg, npk, 0o600); err != nil {
		t.Fatal(err)
	}
	return &harness{T: t, Server: server, options: Options{
		Admin: Admin{User: "admin"}, Files: files, User: "csi", Group: "csi",
		BasePath: "/pool/csi", PoolDisk: "virtio1", Package: pkg, Timeout: 5 * time.Minute,
	}}
}

// run runs the setup and returns what it printed.
func (h *harness) run(changes ...func(*Options)) (output string, changed bool, err error) {
	h.Helper()
	o := h.options
	for _, change := range changes {
		change(&o)
	}
	var out bytes.Buffer
	o.Output = io.MultiWriter(&out, h)
	changed, err = Run(h.Context(), o)
	h.Logf("\n%s", out.String())
	return out.String(), changed, err
}

// finishes fails the test unless the setup succeeds now.
func (h *harness) finishes(changes ...func(*Options)) (changed bool) {
	h.Helper()
	_, changed, err := h.run(changes...)
	if err != nil {
		h.Fatalf("it did not finish: %v", err)
	}
	return changed
}

// fails runs the setup, which must fail at the step and say all of the texts in that line.
func (h *harness) fails(step string, texts []string, changes ...func(*Options)) {
	h.Helper()
	out, _, err := h.run(changes...)
	failure, ok := errors.AsType[*Failure](err)
	if !ok || failure.Step != step {
		h.Fatalf("got %v, want a failure of %s", err, step)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, step) || !strings.Contains(last, "failed") || !strings.Contains(last, "what to do: ") {
		h.Errorf("the last line is %q", last)
	}
	for _, text := range texts {
		if !strings.Contains(last, text) {
			h.Errorf("%q does not say %q", last, text)
		}
	}
}

// admin runs a line on the device.
func (h *harness) admin(line string) string {
	h.Helper()
	return strings.TrimSpace(strings.ReplaceAll(h.Device().Run(h.Context(), "admin", line).Output, "\r\n", "\n"))
}

// state is all that a setup may change.
func (h *harness) state() string {
	h.Helper()
	var b strings.Builder
	for _, menu := range []string{"/user group", "/user", "/user ssh-keys", "/disk", "/system package"} {
		fmt.Fprintf(&b, "%s\n%s\n", menu, h.admin(":put [:serialize to=json ["+menu+" print detail as-value]]"))
	}
	return b.String() + h.admin(":put [:serialize to=json [/file print as-value proplist=name,type,size]]")
}

// cutter closes a connection when so many bytes went over all of them, in both directions.
type cutter struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	left  int // negative: no cut
	bytes int // that went over
}

func (c *cutter) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: conn, cutter: c}, nil
}

// after has the next connection cut after n bytes, or none for a negative n.
func (c *cutter) after(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.bytes = n, 0
}

func (c *cutter) passed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// pass says how many of n bytes may pass, and whether the connection ends then.
func (c *cutter) pass(n int) (may int, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += n
	if c.left < 0 {
		return n, false
	}
	may = min(n, c.left)
	if c.left -= may; c.left == 0 {
		c.left = -1 // one cut
		return may, true
	}
	return may, false
}

type cutConn struct {
	net.Conn
	cutter *cutter
	isCut  atomic.Bool
}

func (c *cutConn) Write(p []byte) (int, error) {
	may, cut := c.cutter.pass(len(p))
	n, err := c.Conn.Write(p[:may])
	if cut {
		c.end()
	}
	return n, c.ending(err)
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	may, cut := c.cutter.pass(n)
	if cut {
		c.end()
	}
	return may, c.ending(err)
}

func (c *cutConn) end() {
	c.isCut.Store(true)
	c.Conn.Close()
}

// ending is what a socket says after a reset.
func (c *cutConn) ending(err error) error {
	if c.isCut.Load() {
		return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return err
}
