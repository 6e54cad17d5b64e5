package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rds-csi/internal/routeros"
)

const roseStorage = "rose-storage"

// roseStorage installs the package by an upload and a reboot, which is what works without Internet on the device.
func (s *run) roseStorage(ctx context.Context) (outcome, error) {
	state, version, err := readPackageState(ctx, s.admin)
	switch {
	case err != nil:
		return outcome{}, err
	case state == packageInstalled:
		return there("%s", version)
	case state == packageDisabled:
		return outcome{}, fault("on the device: /system/package/enable rose-storage, then /system/package/apply-changes",
			"the package is there, and disabled")
	}
	name := s.packageName()
	if s.Package == "" {
		return outcome{}, fault(fmt.Sprintf("give %s with --package (it is in all_packages of the same version); "+
			"or on a device with Internet: /system/package/enable rose-storage after update/check-for-updates, then apply-changes", name),
			"the package is not installed")
	}
	if filepath.Base(s.Package) != name {
		return outcome{}, fault("give "+name+": package and system must be of the same version and architecture",
			"%s is not for RouterOS %s on %s", filepath.Base(s.Package), s.info.Version, s.info.Architecture)
	}
	began := time.Now()
	if err := s.uploadPackage(ctx, name); err != nil {
		return outcome{}, err
	}
	if err := s.reboot(ctx); err != nil {
		return outcome{}, err
	}
	state, version, err = readPackageState(ctx, s.admin)
	if err == nil && state != packageInstalled {
		err = s.packageRefused(ctx, name)
	}
	if err != nil {
		return outcome{}, err
	}
	return done("%s, installed by a reboot, %v in all", version, time.Since(began).Round(time.Second))
}

type packageState int

const (
	packageAbsent packageState = iota
	packageDisabled
	packageInstalled
)

// readPackageState. RouterOS fact: since 7.18 the list also has packages that could be fetched.
func readPackageState(ctx context.Context, x routeros.Executor) (packageState, string, error) {
	rows, err := routeros.Items(ctx, x, "/system/package", `name="rose-storage"`)
	switch {
	case err != nil:
		return 0, "", err
	case len(rows) == 0 || rows[0].True("available"):
		return packageAbsent, "", nil
	case rows[0].True("disabled"):
		return packageDisabled, "", nil
	}
	return packageInstalled, rows[0].Text("version"), nil
}

// packageName is the file of the package for this device. RouterOS fact: the version must be the system's, and all but
// x86 have the architecture in the name.
func (s *run) packageName() string {
	version, _, _ := strings.Cut(s.info.Version, " ")
	if s.info.Architecture == "x86_64" || s.info.Architecture == "x86" {
		return roseStorage + "-" + version + ".npk"
	}
	return roseStorage + "-" + version + "-" + s.info.Architecture + ".npk"
}

func (s *run) uploadPackage(ctx context.Context, name string) error {
	f, err := os.Open(s.Package)
	if err != nil {
		return fault("check --package", "%w", err)
	}
	defer f.Close()
	return s.admin.upload(ctx, name, f)
}

// packageRefused tells what became of a package that no boot installed. RouterOS fact: what does not fit stays a file.
func (s *run) packageRefused(ctx context.Context, name string) error {
	quoted, err := routeros.Quote(name)
	if err != nil {
		return err
	}
	left, err := routeros.Items(ctx, s.admin, "/file", "name="+quoted)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fault("take the file from the vendor's all_packages of this very version and architecture; /log/print on the device tells more",
			"the device rebooted and did not install %s: it is damaged or of another version", name)
	}
	return fault("see /log/print on the device", "the device rebooted, and %s is neither installed nor among its files", name)
}

// reboot restarts the device and waits until it is back. RouterOS fact: a script in the background is not asked whether
// it is sure.
func (s *run) reboot(ctx context.Context) error {
	const command = ":execute {/system reboot}"
	before, known := s.boot, s.info.Uptime > 0
	accept := func(info routeros.SystemInfo) error {
		if known && info.Uptime > 0 && time.Now().Add(-info.Uptime).Sub(before) < bootSlack {
			return errNotRebooted
		}
		return nil
	}
	_, err := s.admin.Exec(ctx, command)
	if err != nil && ctx.Err() == nil { // it may have been the reboot itself, or the command never arrived
		s.leave()
		if err := s.reach(ctx, nil); err != nil || accept(s.info) == nil {
			return err
		}
		_, err = s.admin.Exec(ctx, command)
	}
	if err != nil {
		return err
	}
	s.report.row(roseStorage, "waiting", "the device reboots")
	select {
	case <-s.admin.ended:
	case <-time.After(rebootStart):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.leave()
	return s.reach(ctx, accept)
}

var errNotRebooted = errors.New("it has not rebooted yet")

// rebootStart bounds the wait for the end of the connection, which a device may also leave without a farewell.
const rebootStart = 30 * time.Second

// bootSlack: an uptime is in whole seconds and takes a moment to arrive, and no device boots so fast.
const bootSlack = 2 * time.Second
