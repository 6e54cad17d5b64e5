package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const (
	loginTimeout   = 10 * time.Second // from TCP to the login
	commandTimeout = 30 * time.Second // RouterOS fact: stalls of seconds are normal
	uploadTimeout  = 5 * time.Minute
)

// session is one login of the administrator. It is used by one goroutine; whatever does not end in time closes it.
type session struct {
	client  *ssh.Client
	wire    net.Conn
	hostKey ssh.PublicKey
	ended   chan struct{} // closed when the connection is
}

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
