package setup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// progressEvery is how often a wait says that it goes on, though nothing changed.
const progressEvery = 15 * time.Second

// maxRefusals of the login in a row end a wait: a device that boots may refuse once, and one that goes on refusing may
// ban the address.
const maxRefusals = 3

// Ready waits until the device lets the administrator in and carries out commands. A port that accepts connections is
// not enough: the forwarded port of a virtual machine does so long before the machine listens.
func Ready(ctx context.Context, options Options) error {
	o := options.withDefaults()
	r := &report{w: o.Output}
	return r.step(ctx, "device", func(ctx context.Context) (outcome, error) {
		hostKeys, err := o.pinned()
		if err != nil {
			return outcome{}, err
		}
		if hostKeys == nil && o.Admin.Password != "" && o.Admin.KeyFile == "" {
			return outcome{}, fault("run routeros-setup setup, which waits too and pins the host key",
				"no host key is pinned in %s, so the password is not sent", o.Files.HostKeys)
		}
		s, info, err := o.await(ctx, r, hostKeys, nil)
		if err != nil {
			return outcome{}, err
		}
		defer s.close()
		return there("%s", describe(info))
	})
}

func describe(info routeros.SystemInfo) string {
	return fmt.Sprintf("RouterOS %s on %s, up %v", info.Version, info.Board, info.Uptime)
}

// await polls the device until it carries out commands, and until accept, if any, has no objection to what it says of
// itself. It returns the session it found.
func (o *Options) await(ctx context.Context, r *report, hostKeys *conn.HostKeys, accept func(routeros.SystemInfo) error) (*session, routeros.SystemInfo, error) {
	w := wait{o: o, r: r, begin: time.Now()}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
	defer cancel()
	for {
		s, info, err := o.look(ctx, hostKeys)
		if err == nil && accept != nil {
			err = accept(info)
		}
		if err == nil {
			return s, info, nil
		}
		if s != nil {
			s.close()
		}
		if err = w.failed(ctx, err); err != nil {
			return nil, routeros.SystemInfo{}, err
		}
	}
}

var errTimeout = errors.New("timeout")

// look logs in and asks twice, with a pause: a device that boots was seen to answer once and go away again. The session
// is nil exactly if there is none.
func (o *Options) look(ctx context.Context, hostKeys *conn.HostKeys) (*session, routeros.SystemInfo, error) {
	s, err := o.login(ctx, hostKeys)
	if err != nil {
		return nil, routeros.SystemInfo{}, err
	}
	var info routeros.SystemInfo
	if _, err = routeros.Verify(ctx, s); err == nil && sleep(ctx, o.Poll) {
		info, err = routeros.Verify(ctx, s)
	}
	if err == nil {
		err = ctx.Err()
	}
	return s, info, err
}

// wait is the state of an await: what was seen last, and when something was said.
type wait struct {
	o        *Options
	r        *report
	begin    time.Time
	last     string // reason
	told     string // reason, in the newest line
	said     time.Time
	refusals int
}

// failed tells of a look that found no usable device, and pauses. It returns an error if there is no point in going on.
func (w *wait) failed(ctx context.Context, err error) error {
	if mismatch, ok := errors.AsType[*conn.HostKeyError](err); ok {
		return hostKeyFault(w.o, mismatch)
	}
	if errors.Is(err, errHostKey) {
		return hostKeyFault(w.o, err)
	}
	if _, ok := errors.AsType[*Failure](err); ok {
		return err // of this side: a file
	}
	if errors.Is(err, errAuth) {
		w.refusals++
	} else {
		w.refusals = 0
	}
	if w.refusals == maxRefusals {
		return fault("check the administrator's name and password, or key: the device refuses a password where the user has a key",
			"the device refuses the login of %s", w.o.Admin.User)
	}
	if ctx.Err() == nil || w.last == "" { // later ones only say that the time is over
		w.last = short(err)
	}
	if ctx.Err() == nil {
		w.say(w.last)
		if sleep(ctx, w.o.Poll) {
			return nil
		}
	}
	if errors.Is(context.Cause(ctx), errTimeout) {
		remedy := "check address, port, power and network, /ip/service on the device, and with a virtual machine its console; " +
			"a longer --timeout gives a slow one more time"
		if w.last == errNotRebooted.Error() {
			remedy = "reboot the device by hand: /system/reboot; then " + again
		}
		return fault(remedy, "the device is not ready after %v: %s", w.o.Timeout, w.last)
	}
	return ctx.Err()
}

// say writes a line where something changed, and now and then where nothing did.
func (w *wait) say(reason string) {
	now := time.Now()
	if reason == w.told && now.Sub(w.said) < progressEvery {
		return
	}
	w.told, w.said = reason, now
	w.r.row("device", "waiting", fmt.Sprintf("%v of %v: %s", now.Sub(w.begin).Round(time.Second), w.o.Timeout, reason))
}

// short is the reason without what the network's own words add.
func short(err error) string {
	for _, known := range []error{errNoBanner, errNoLogin, errAuth, errLost, errSilent} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

func hostKeyFault(o *Options, err error) error {
	return fault("do not go on unless you know why: compare with host-key-fingerprint of /ip/ssh/print on the console; "+
		"only if they agree move "+o.Files.HostKeys+" away",
		"the device is not the one whose key is pinned in %s: %w", o.Files.HostKeys, err)
}

// sleep reports whether the time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
