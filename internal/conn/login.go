package conn

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// login is what one attempt proves itself with and expects.
type login struct {
	signer   ssh.Signer
	hostKeys *HostKeys // nil: any
}

func (l login) check() string {
	if l.hostKeys == nil {
		return "off"
	}
	return "pinned"
}

// credentials reads the files anew, so that a rotation on disk heals by itself.
func (c *SSHClient) credentials() (login, *Error) {
	signer, err := LoadKey(c.cfg.KeyFile)
	if err != nil {
		return login{}, attemptError(StageCredentials, credentialsKind(err), fmt.Errorf("private key: %w", err))
	}
	if c.cfg.InsecureSkipVerify {
		return login{signer: signer}, nil
	}
	hostKeys, err := LoadHostKeys(c.cfg.HostKeyFile, c.cfg.Host, c.cfg.Port)
	if err != nil {
		return login{}, attemptError(StageCredentials, credentialsKind(err), fmt.Errorf("host key: %w", err))
	}
	return login{signer: signer, hostKeys: hostKeys}, nil
}

// credentialsKind tells a file that somebody has to mend from one that this
// process could not open for want of file descriptors, which passes.
func credentialsKind(err error) Kind {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return KindUnreachable
	}
	return KindCredentials
}

// loginResult is what a read of the files found.
type loginResult struct {
	login   login
	failure *Error
}

// credentialsInTime gives a file system that hangs no more time than the
// attempt has. The read goes on, and the next attempt awaits it instead of
// beginning another one; only a fault that it found is looked for again.
func (c *SSHClient) credentialsInTime(ctx context.Context) (login, *Error) {
	begun := c.reading != nil // by an attempt before
	if !begun {
		c.reading = c.beginReading()
	}
	select {
	case r := <-c.reading:
		c.reading = nil
		if begun && r.failure != nil {
			return c.credentialsInTime(ctx)
		}
		return r.login, r.failure
	case <-ctx.Done():
		return login{}, orCanceled(ctx, attemptError(StageCredentials, KindCredentials,
			fmt.Errorf("the file system of the private key and the host key does not answer: %w", ctx.Err())))
	}
}

func (c *SSHClient) beginReading() chan loginResult {
	reading := make(chan loginResult, 1)
	go func() {
		found, failure := c.readFiles()
		reading <- loginResult{found, failure}
	}()
	return reading
}
