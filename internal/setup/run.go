package setup

import (
	"context"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// run is one pass over a device.
type run struct {
	*Options
	report *report

	hostKeys *conn.HostKeys // pinned, nil before the first use
	admin    *session
	info     routeros.SystemInfo
	boot     time.Time
	newUser  bool // nobody can have logged in as the controller yet
}

// Run prepares the device, with a line on the output for each step. The error is a [*Failure]; changed tells whether
// anything was done.
func Run(ctx context.Context, options Options) (changed bool, err error) {
	s := &run{Options: options.withDefaults(), report: &report{w: options.Output}}
	defer s.leave()
	for _, step := range []struct {
		name string
		run  func(context.Context) (outcome, error)
	}{
		{"keys", s.keys},
		{"device", s.device},
		{"host key", s.pinHostKey},
		{"rose-storage", s.roseStorage},
		{"group", s.group},
		{"user", s.user},
		{"user's key", s.userKey},
		{"pool", s.makePool},
		{"base path", s.basePath},
		{"login", s.login},
	} {
		if err := s.report.step(ctx, step.name, step.run); err != nil {
			return s.report.changed, err
		}
	}
	s.advise()
	return s.report.changed, nil
}

func (s *run) keys(context.Context) (outcome, error) {
	if _, err := s.Files.publicLine(); err != nil {
		return outcome{}, err
	}
	signer, err := s.Files.signer()
	if err != nil {
		return outcome{}, err
	}
	return there("%s %s", signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey()))
}

func (s *run) device(ctx context.Context) (outcome, error) {
	var err error
	if s.hostKeys, err = s.pinned(); err != nil {
		return outcome{}, err
	}
	if err := s.reach(ctx, nil); err != nil {
		return outcome{}, err
	}
	return there("%s", describe(s.info))
}

// reach logs in, and waits for the device as long as it takes.
func (s *run) reach(ctx context.Context, accept func(routeros.SystemInfo) error) error {
	admin, info, err := s.await(ctx, s.report, s.hostKeys, accept)
	if err != nil {
		return err
	}
	s.admin, s.info, s.boot = admin, info, time.Now().Add(-info.Uptime)
	return nil
}

// leave ends the administrator's session, if there is one.
func (s *run) leave() {
	if s.admin != nil {
		s.admin.close()
		s.admin = nil
	}
}

// pinHostKey trusts the key of the first use, now that its owner has shown to be a device that lets the administrator in.
func (s *run) pinHostKey(context.Context) (outcome, error) {
	fingerprint := ssh.FingerprintSHA256(s.admin.hostKey)
	if s.hostKeys != nil {
		return there("%s is pinned in %s", fingerprint, s.Files.HostKeys)
	}
	if err := s.pin(s.admin.hostKey); err != nil {
		return outcome{}, err
	}
	var err error
	if s.hostKeys, err = s.pinned(); err != nil {
		return outcome{}, err
	}
	return done("%s %s is trusted from now on (%s): compare it with host-key-fingerprint of /ip/ssh/print on the console",
		s.admin.hostKey.Type(), fingerprint, s.Files.HostKeys)
}

// advise names what is no part of the setup and leaves the device open.
func (s *run) advise() {
	if s.Admin.KeyFile == "" && s.Admin.Password == "" {
		s.report.row("note", "", "anybody may log in as "+s.Admin.User+", who has a blank password: give it one with /user/set")
	}
	if s.report.changed {
		s.report.row("ready", "", "the controller can use the device")
	} else {
		s.report.row("ready", "", "the controller can use the device; nothing was changed")
	}
}
