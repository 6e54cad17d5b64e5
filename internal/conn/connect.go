package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// Connect makes a connection: credentials, addresses, TCP, handshake and
// login, Verify, all within ConnectTimeout. The old connection is closed
// first. One Connect runs at a time; another waits for it.
func (c *SSHClient) Connect(ctx context.Context) error {
	select {
	case c.connecting <- struct{}{}:
		defer func() { <-c.connecting }()
	case <-ctx.Done():
		return attemptError("", KindCanceled, context.Cause(ctx))
	}
	if old := c.live.Swap(nil); old != nil {
		old.end(ReasonRequested, nil)
	}

	attempt, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	closed := c.closed
	c.mu.Unlock()

	timed, cancelTimed := context.WithTimeout(attempt, c.cfg.ConnectTimeout)
	defer cancelTimed()
	l, failure := c.establish(timed)
	if failure != nil {
		return c.explain(attempt, timed, failure)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != closed {
		l.end(ReasonRequested, nil)
		return attemptError("", KindCanceled, ErrStopped)
	}
	c.generation = l.report.Generation
	c.newest.Store(l)
	c.live.Store(l)
	return nil
}

// explain turns a failure that only says that its context ended into one that
// says which limit that was.
func (c *SSHClient) explain(attempt, timed context.Context, failure *Error) *Error {
	if attempt.Err() != nil {
		return attemptError(failure.Stage, KindCanceled, context.Cause(attempt))
	}
	// The deadline of a socket may come just before the context's own timer.
	if deadline, _ := timed.Deadline(); !time.Now().Before(deadline) {
		late := *failure // the link's end may have it, for others to read
		late.Err = fmt.Errorf("the attempt took longer than %v; on a slow link raise --rds-connect-timeout (%w)",
			c.cfg.ConnectTimeout, failure.Err)
		return &late
	}
	return failure
}

// establish goes through the stages. It leaves nothing open on failure.
func (c *SSHClient) establish(ctx context.Context) (*link, *Error) {
	login, failure := c.credentialsInTime(ctx)
	if failure != nil {
		return nil, failure
	}
	addrs, failure := stage(ctx, c, StageResolve, c.resolve)
	if failure != nil {
		return nil, failure
	}
	raw, failure := c.dial(ctx, addrs)
	if failure != nil {
		return nil, failure
	}
	w := newWire(raw)
	l, failure := stage(ctx, c, StageHandshake, func(ctx context.Context) (*link, *Error) { return c.handshake(ctx, w, login) })
	if failure != nil {
		c.passOver(failure)
		return nil, failure
	}
	l.report.PeerAddress = raw.RemoteAddr().String()
	l.report.HostKeyCheck = login.check()
	if _, failure = stage(ctx, c, StageVerify, func(ctx context.Context) (any, *Error) { return nil, c.verify(ctx, l) }); failure != nil {
		l.end(ReasonUnusable, failure)
		c.passOver(failure)
		return nil, failure
	}
	return l, nil
}

// passOver has the next attempt begin with the address after the one that
// answered and turned out not to be of use.
func (c *SSHClient) passOver(failure *Error) {
	if failure.Kind != KindCanceled {
		c.nextAddr++
	}
}

// stage runs one stage and tells the observer.
func stage[T any](ctx context.Context, c *SSHClient, s Stage, run func(context.Context) (T, *Error)) (T, *Error) {
	info := StageInfo{Stage: s, Address: c.address}
	start := time.Now()
	ctx = c.cfg.Observer.StageStarted(ctx, info)
	result, failure := run(ctx)
	failure = orCanceled(ctx, failure)
	c.cfg.Observer.StageEnded(ctx, StageResult{StageInfo: info, Err: failure, Duration: time.Since(start)})
	return result, failure
}

// orCanceled keeps a shutdown from looking like a failure of the device.
func orCanceled(ctx context.Context, failure *Error) *Error {
	if failure != nil && errors.Is(ctx.Err(), context.Canceled) {
		return attemptError(failure.Stage, KindCanceled, context.Cause(ctx))
	}
	return failure
}

// handshakeResult is what the goroutine of a handshake returns.
type handshakeResult struct {
	ssh      ssh.Conn
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request
	err      error
	verified bool  // the host key was accepted
	refused  error // the host key was not
}

// handshake runs version exchange, key exchange, host key check and login.
// When ctx ends the connection is closed under it, and what the goroutine
// still does is of no interest.
func (c *SSHClient) handshake(ctx context.Context, w *wire, login login) (*link, *Error) {
	done := make(chan handshakeResult, 1)
	go func() {
		var r handshakeResult
		config := c.sshConfig(login, &r)
		r.ssh, r.channels, r.requests, r.err = ssh.NewClientConn(w, c.address, config)
		done <- r
	}()
	select {
	case r := <-done:
		if r.err != nil {
			ended, _ := w.ending()
			w.end(ReasonOther, r.err)
			return nil, handshakeError(r, login.hostKeys != nil, ended)
		}
		return newLink(context.WithoutCancel(ctx), w, r, c), nil
	case <-ctx.Done():
		w.end(ReasonSilence, ctx.Err())
		return nil, attemptError(StageHandshake, KindHandshake, ctx.Err())
	}
}

// ClientConfig is how this package speaks SSH: with these algorithms alone,
// and, unless hostKeys is nil, with the pinned host keys alone.
func ClientConfig(user string, hostKeys *HostKeys, auth ...ssh.AuthMethod) *ssh.ClientConfig {
	config := &ssh.ClientConfig{User: user, Auth: auth, HostKeyAlgorithms: secureHostKeyAlgorithms}
	config.KeyExchanges, config.Ciphers, config.MACs = secureKeyExchanges, secureCiphers, secureMACs
	check := func(ssh.PublicKey) error { return nil }
	if hostKeys != nil {
		config.HostKeyAlgorithms = hostKeys.algorithms()
		check = hostKeys.check
	}
	config.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error { return check(key) }
	return config
}

// sshConfig notes in r what became of the host key.
func (c *SSHClient) sshConfig(login login, r *handshakeResult) *ssh.ClientConfig {
	config := ClientConfig(c.cfg.User, login.hostKeys, ssh.PublicKeys(login.signer)) // nil: InsecureSkipVerify
	check := config.HostKeyCallback
	config.HostKeyCallback = func(host string, remote net.Addr, key ssh.PublicKey) error {
		err := check(host, remote, key)
		if !r.verified { // a key re-exchange comes here too, while others read r
			r.refused, r.verified = err, err == nil
		}
		return err
	}
	return config
}

// handshakeError finds the kind of a failed handshake; ended is why the
// transport itself failed, if it did. A refused login has no type in
// x/crypto/ssh: it is what is left when the host key was accepted, the transport
// held and the device gave no other reason.
func handshakeError(r handshakeResult, pinned bool, ended Reason) *Error {
	kind := KindHandshake
	var mismatch *ssh.AlgorithmNegotiationError
	code, disconnected := disconnectCode(r.err)
	switch {
	case r.refused != nil:
		return attemptError(StageHandshake, KindHostKey, r.refused)
	case pinned && errors.As(r.err, &mismatch) && mismatch.What == "host key":
		// Only the types of the pinned keys are asked for.
		return attemptError(StageHandshake, KindHostKey, fmt.Errorf("the device has no host key of a pinned type: %w", r.err))
	case ended == ReasonEOF, ended == ReasonReset,
		disconnected && code != disconnectProtocolError && code != disconnectNoMoreAuthMethods:
		kind = KindClosed
	case r.verified && ended == "":
		kind = KindAuth
	}
	return attemptError(StageHandshake, kind, r.err)
}

// verify runs the command that proves the connection usable.
func (c *SSHClient) verify(ctx context.Context, l *link) *Error {
	var sent time.Time
	exec := func(ctx context.Context, command string) (string, error) {
		info := Command{Purpose: PurposeVerify, Text: command}
		sent = time.Now()
		ctx = c.cfg.Observer.CommandStarted(ctx, info)
		output, failure := l.execAs(ctx, PurposeVerify, command)
		c.cfg.Observer.CommandEnded(ctx, CommandResult{Command: info, Err: failure, Duration: time.Since(sent)})
		if failure != nil {
			return output, failure
		}
		return output, nil
	}
	identity, err := c.cfg.Verify(ctx, exec)
	if err != nil {
		if reason, cause := l.wire.ending(); reason != "" {
			err = errors.Join(err, cause)
		}
		return attemptError(StageVerify, KindUnusable, err)
	}
	l.report.setIdentity(identity, sent, time.Now())
	return nil
}
