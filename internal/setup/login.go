package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

// Why there is no session.
var (
	errNothingListens = errors.New("nothing answers on the port")
	errNoBanner       = errors.New("the port accepts connections, but no SSH server speaks")
	errNoLogin        = errors.New("the SSH server does not complete the login")
	errAuth           = errors.New("the device refuses the login")
	errSilent         = errors.New("the device does not answer")
	errLost           = errors.New("the connection to the device was lost")
)

// countingConn tells whether anything was ever received.
type countingConn struct {
	net.Conn
	received atomic.Int64
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// login makes a session. hostKeys nil: any host key will do, and the caller looks at the one that was shown.
func (o *Options) login(ctx context.Context, hostKeys *conn.HostKeys) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	auth, err := o.auth()
	if err != nil {
		return nil, err
	}
	raw, err := o.Dial(ctx, "tcp", o.address())
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNothingListens, err)
	}
	wire := &countingConn{Conn: raw}
	stop := context.AfterFunc(ctx, func() { wire.Close() })
	defer stop()

	var shown ssh.PublicKey
	var refused error
	config := conn.ClientConfig(o.Admin.User, hostKeys, auth...)
	check := config.HostKeyCallback
	config.HostKeyCallback = func(host string, remote net.Addr, key ssh.PublicKey) error {
		shown, refused = key, check(host, remote, key)
		return refused
	}
	c, channels, requests, err := ssh.NewClientConn(wire, o.address(), config)
	if err != nil {
		wire.Close()
		return nil, loginError(ctx, err, wire.received.Load() > 0, shown != nil, refused)
	}
	s := &session{client: ssh.NewClient(c, channels, requests), wire: wire, hostKey: shown, ended: make(chan struct{})}
	go func() {
		s.client.Wait()
		close(s.ended)
	}()
	return s, nil
}

func (o *Options) auth() ([]ssh.AuthMethod, error) {
	if o.Admin.KeyFile != "" {
		signer, err := conn.LoadKey(o.Admin.KeyFile)
		if err != nil {
			return nil, fault("give the private key of "+o.Admin.User, "%w", err)
		}
		return []ssh.AuthMethod{ssh.PublicKeys(signer)}, nil
	}
	return []ssh.AuthMethod{
		ssh.Password(o.Admin.Password),
		ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = o.Admin.Password
			}
			return answers, nil
		}),
	}, nil
}

// loginError says how far it got. A refused login has no type in x/crypto/ssh: it is what is left when the host key was
// accepted and the transport held.
func loginError(ctx context.Context, err error, spoke, keyShown bool, refused error) error {
	var transport net.Error
	var mismatch *ssh.AlgorithmNegotiationError
	switch {
	case refused != nil:
		return refused
	case errors.As(err, &mismatch) && mismatch.What == "host key":
		return fmt.Errorf("%w: the device has no host key of a pinned type", errHostKey)
	case !spoke:
		return errNoBanner
	case !keyShown, ctx.Err() != nil, errors.Is(err, io.EOF), errors.As(err, &transport), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w (%w)", errNoLogin, err)
	}
	return errAuth
}

var errHostKey = errors.New("another host key")
