package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

const (
	loginTimeout   = 10 * time.Second // from TCP to the login
	commandTimeout = 30 * time.Second // RouterOS fact: stalls of seconds are normal
	uploadTimeout  = 5 * time.Minute
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

// session is one login of the administrator. It is used by one goroutine; whatever does not end in time closes it.
type session struct {
	client  *ssh.Client
	wire    net.Conn
	hostKey ssh.PublicKey
	ended   chan struct{} // closed when the connection is
}

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

func (s *session) close() {
	s.wire.Close()
	<-s.ended
}

// Exec runs one command line, as routeros.Executor wants it: whatever exit status the device gives is no error.
func (s *session) Exec(ctx context.Context, command string) (output string, err error) {
	err = s.within(ctx, commandTimeout, func() error {
		one, err := s.client.NewSession()
		if err != nil {
			return err
		}
		defer one.Close()
		text, err := one.CombinedOutput(command)
		output = string(text)
		if _, ok := errors.AsType[*ssh.ExitError](err); ok {
			return nil
		}
		if _, ok := errors.AsType[*ssh.ExitMissingError](err); ok && !s.lost() {
			return nil
		}
		return err
	})
	return output, err
}

// lost tells a device that gives no exit status from a connection that ended: the end is seen a moment after that of the
// channel.
func (s *session) lost() bool {
	select {
	case <-s.ended:
		return true
	case <-time.After(100 * time.Millisecond):
		return false
	}
}

// files runs something over SFTP.
func (s *session) files(ctx context.Context, use func(*sftp.Client) error) error {
	return s.within(ctx, uploadTimeout, func() error {
		c, err := sftp.NewClient(s.client)
		if err != nil {
			return err
		}
		defer c.Close()
		return use(c)
	})
}

// within bounds what x/crypto/ssh would wait for without end, by closing the connection under it.
func (s *session) within(ctx context.Context, bound time.Duration, run func() error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.wire.Close() })
	defer stop()
	err := run()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w within %v", errSilent, bound)
	case ctx.Err() != nil:
		return ctx.Err()
	case s.lost():
		return errLost
	}
	return err
}

// upload writes a file in the root of the device, in the place of one of that name. The error is a [*Failure].
func (s *session) upload(ctx context.Context, name string, content io.Reader) error {
	err := s.files(ctx, func(c *sftp.Client) error {
		f, err := c.OpenFile("/"+name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errLost), errors.Is(err, errSilent):
		return fault(again, "the upload of %s: %w", name, err)
	}
	return fault("check that the administrator's group has the policy ftp, and that the device has space: /system/resource/print; then "+again,
		"the upload of %s: %w", name, err)
}
