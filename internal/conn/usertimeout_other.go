//go:build !linux

package conn

import "syscall"

// setUserTimeout does nothing where TCP_USER_TIMEOUT is not known: the probe
// finds silence anyway.
func setUserTimeout(_, _ string, _ syscall.RawConn) error { return nil }
