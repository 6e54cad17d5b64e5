package emulator

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// bubble runs a test on a fake clock, with a server reached in memory.
func bubble(t *testing.T, options Options, test func(h *harness)) {
	t.Helper()
	if options.HostKeyType == "" {
		options.HostKeyType = "ed25519"
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := NewServer(options)
		if err != nil {
			t.Fatal(err)
		}
		h := &harness{T: t, Server: s, start: time.Now(), dial: s.Dial}
		defer h.close()
		test(h)
	})
}

// overTCP runs a test on a real socket and the real clock.
func overTCP(t *testing.T, options Options, test func(h *harness)) {
	t.Helper()
	if testing.Short() {
		t.Skip("real sockets")
	}
	t.Parallel()
	if options.HostKeyType == "" {
		options.HostKeyType = "ed25519"
	}
	s, err := NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	address, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var d net.Dialer
	h := &harness{T: t, Server: s, start: time.Now(), dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", address.String())
	}}
	defer h.close()
	test(h)
}

// harness is a server and the clients that a test makes of it.
type harness struct {
	*testing.T
	*Server
	start   time.Time
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	clients []io.Closer
}

func (h *harness) close() {
	for _, c := range h.clients {
		c.Close()
	}
	h.Server.Close()
}

// elapsed is what the fake clock has counted since the test began.
func (h *harness) elapsed() time.Duration { return time.Since(h.start) }

// wantElapsed fails unless exactly so much time has passed.
func (h *harness) wantElapsed(want time.Duration) {
	h.Helper()
	if got := h.elapsed(); got != want {
		h.Fatalf("%v have passed, want %v", got, want)
	}
}

// wire dials without saying anything.
func (h *harness) wire() net.Conn {
	h.Helper()
	c, err := h.dial(h.Context(), "tcp", "rds:22")
	if err != nil {
		h.Fatal(err)
	}
	h.clients = append(h.clients, c)
	return c
}

// connect logs in and fails the test if that fails.
func (h *harness) connect(auth ...ssh.AuthMethod) *client {
	h.Helper()
	c, err := h.login("admin", auth...)
	if err != nil {
		h.Fatalf("connect: %v", err)
	}
	return c
}

// login dials, makes the key exchange and logs in, all within 10 s.
func (h *harness) login(user string, auth ...ssh.AuthMethod) (*client, error) {
	if len(auth) == 0 {
		auth = []ssh.AuthMethod{ssh.Password("")}
	}
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	wire, err := h.dial(ctx, "tcp", "rds:22")
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { wire.Close() })
	defer stop()
	key := h.HostKey()
	conn, channels, requests, err := ssh.NewClientConn(wire, "rds:22", &ssh.ClientConfig{
		User:            user,
		Auth:            auth,
		HostKeyCallback: ssh.FixedHostKey(key),
	})
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	c := &client{Client: ssh.NewClient(conn, channels, requests), t: h.T}
	h.clients = append(h.clients, c)
	return c, nil
}

// client is one logged-in connection.
type client struct {
	*ssh.Client
	t *testing.T
}

// run runs a command and returns what came back.
func (c *client) run(command string) (string, error) {
	session, err := c.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	out, err := session.Output(command)
	return string(out), err
}

// want runs a command and compares its output.
func (c *client) want(command, output string) {
	c.t.Helper()
	got, err := c.run(command)
	if err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	if got != output {
		c.t.Fatalf("%s: got %q, want %q", command, got, output)
	}
}

// lost waits for the end of the connection and returns its reason.
func (c *client) lost() error { return c.Wait() }

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// settle waits until everything that can happen now has happened.
func (h *harness) settle() { synctest.Wait() }
