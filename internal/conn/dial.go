package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// minDialTime is the least part of an attempt that one address gets, as long
// as there is time left: with many addresses a fair share would be too short
// for any of them.
const minDialTime = 2 * time.Second

// errDialBudget: the remaining addresses wait for the next attempt.
var errDialBudget = errors.New("the dial budget is used up; the other addresses come next time")

// resolve finds the addresses of the device.
func (c *SSHClient) resolve(ctx context.Context) ([]netip.Addr, *Error) {
	if addr, err := netip.ParseAddr(c.cfg.Host); err == nil {
		return []netip.Addr{addr}, nil
	}
	addrs, err := c.cfg.LookupIP(ctx, c.cfg.Host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("no address")
	}
	if err != nil {
		return nil, attemptError(StageResolve, KindResolve, err)
	}
	return addrs, nil
}

// dial tries the addresses one after the other, never two at once: a race
// would open a second connection to the device. The first that answers wins.
func (c *SSHClient) dial(ctx context.Context, addrs []netip.Addr) (net.Conn, *Error) {
	kind := KindUnreachable // of the last dial; nothing left this host before the first
	var tried []error
	for i := range addrs {
		addr := addrs[(c.nextAddr+i)%len(addrs)]
		if !c.budget.take(time.Now()) {
			c.nextAddr += i // the others come first next time
			tried = append(tried, errDialBudget)
			break
		}
		target := net.JoinHostPort(addr.Unmap().String(), strconv.Itoa(c.cfg.Port))
		raw, err := c.dialOne(ctx, target, len(addrs)-i)
		if err == nil {
			c.nextAddr += i
			return raw, nil
		}
		kind = err.Kind
		tried = append(tried, err.Err)
		if ctx.Err() != nil {
			c.nextAddr += i + 1
			break
		}
	}
	return nil, attemptError(StageTCP, kind, errors.Join(tried...))
}

// dialOne dials one of the left addresses within its share of the time.
func (c *SSHClient) dialOne(ctx context.Context, target string, left int) (net.Conn, *Error) {
	info := StageInfo{Stage: StageTCP, Address: target}
	start := time.Now()
	ctx = c.cfg.Observer.StageStarted(ctx, info)
	share := c.cfg.ConnectTimeout
	if deadline, ok := ctx.Deadline(); ok {
		share = max(minDialTime, time.Until(deadline)/time.Duration(left))
	}
	dialCtx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	raw, err := c.cfg.Dial(dialCtx, "tcp", target)
	var failure *Error
	if err != nil {
		var named *net.OpError // names the address itself
		kind := dialKind(dialCtx, err)
		if !errors.As(err, &named) {
			err = fmt.Errorf("dial %s: %w", target, err)
		}
		failure = orCanceled(ctx, attemptError(StageTCP, kind, err))
	}
	c.cfg.Observer.StageEnded(ctx, StageResult{StageInfo: info, Err: failure, Duration: time.Since(start)})
	return raw, failure
}

// dialKind classifies the error of a TCP dial by its type.
func dialKind(ctx context.Context, err error) Kind {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED):
		return KindClosed
	case errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &timeout) && timeout.Timeout(), ctx.Err() != nil:
		return KindTimeout
	}
	// EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL, and local
	// shortages such as EMFILE: the packet never left, or nobody carried it.
	return KindUnreachable
}

// Backstops of the kernel, longer than the probe's deadlines so that these
// decide: a probe knows more than a timer of the kernel.
const (
	tcpUserTimeout   = 20 * time.Second
	tcpKeepAliveIdle = 15 * time.Second
)

func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		// One address at a time is given: no happy-eyeballs race can start.
		FallbackDelay: -1,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: tcpKeepAliveIdle, Interval: 5 * time.Second, Count: 3,
		},
		Control: setUserTimeout,
	}
	return d.DialContext(ctx, network, address)
}

func lookupIP(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
