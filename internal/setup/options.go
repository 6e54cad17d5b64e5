package setup

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options says which device, who logs in, and what there shall be. Fields without a default are required.
type Options struct {
	Host string // IPv4, IPv6 without brackets, or name
	Port int

	Admin Admin
	Files Files

	User  string // the controller's
	Group string // of that user; made with Policies
	// AllowFrom is where the user may log in from, such as 192.0.2.0/24; empty: anywhere.
	AllowFrom string

	// BasePath is the controller's directory for volumes, such as /pool/csi. Its first part is the pool.
	BasePath string
	// PoolDisk is the disk that becomes the pool if there is none, and the only one that is ever formatted.
	PoolDisk string
	// Package is the file rose-storage-<version>.npk, for a device without that package; empty: none is installed.
	Package string

	// Timeout bounds each wait for the device: at the start, and after a reboot.
	Timeout time.Duration
	// Poll is the wait between two looks; 2 s by default.
	Poll time.Duration

	Output io.Writer // a line for each step
	// Dial replaces the network, for tests; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Admin is who prepares the device. A fresh one has admin, with a blank password.
type Admin struct {
	User     string
	Password string
	KeyFile  string // empty: the password
}

// Policies are what the controller needs: to log in over SSH, to read, to change disks and files, and to ask for
// figures of a disk once.
var Policies = []string{"ssh", "read", "write", "test"}

// maxValue keeps command lines short: RouterOS is said to have a small buffer for them.
const maxValue = 200

var (
	slotName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	pathName = regexp.MustCompile(`^/?[A-Za-z][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
)

// Check finds what is wrong with what an operator chose: every fault.
func (o *Options) Check() []error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	for _, value := range []string{o.Admin.User, o.User, o.Group, o.BasePath, o.PoolDisk, o.AllowFrom} {
		require(len(value) <= maxValue, "a value of %d characters, at most %d fit", len(value), maxValue)
	}
	for _, name := range []string{o.Admin.User, o.User, o.Group} {
		require(validName(name), "%q is no name of a user or group: letters, digits and _.#-@, and neither a dot nor a hyphen first", name)
	}
	require(o.User != o.Admin.User, "the controller's user is %s, who prepares the device: choose another one", o.User)
	require(pathName.MatchString(o.BasePath), "the base path %q is no directory on a pool, such as /pool/csi", o.BasePath)
	require(o.PoolDisk == "" || slotName.MatchString(o.PoolDisk), "the pool's disk %q is no slot, such as virtio1", o.PoolDisk)
	require(o.AllowFrom == "" || validNetworks(o.AllowFrom), "%q is no list of addresses or networks, such as 192.0.2.0/24", o.AllowFrom)
	return faults
}

// validName. RouterOS fact: letters, digits and "_.#-@", and neither "." nor "-" first.
func validName(name string) bool {
	valid := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("_.#-@", r)
	}
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !valid(r) }) && name[0] != '.' && name[0] != '-'
}

func validNetworks(list string) bool {
	return !slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
		_, _, err := net.ParseCIDR(one)
		return err != nil && net.ParseIP(one) == nil
	})
}

// base is the base path as /file names it, pool its first part.
func (o *Options) base() string { return strings.Trim(o.BasePath, "/") }

func (o *Options) pool() string {
	pool, _, _ := strings.Cut(o.base(), "/")
	return pool
}

func (o *Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

func (o *Options) withDefaults() *Options {
	filled := *o
	if filled.Poll == 0 {
		filled.Poll = 2 * time.Second
	}
	if filled.Dial == nil {
		filled.Dial = new(net.Dialer).DialContext
	}
	return &filled
}
