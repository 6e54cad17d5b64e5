package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// socketMode lets the sidecars of the same pod in, whatever user they run as
// as long as they share a group; nobody else.
const socketMode = 0o660

// listenCSI opens the CSI endpoint. A unix socket that a dead process left
// behind is removed; one that is in use is not. Closing the listener removes
// its file.
func listenCSI(e endpoint) (net.Listener, error) {
	if e.network == "unix" {
		if err := removeStaleSocket(e.address); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen(e.network, e.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: the address is taken; choose another one with --endpoint", e)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: %w; let uid %d write there, or choose another --endpoint", e, err, os.Getuid())
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w; see --endpoint", e, err)
	}
	if e.network == "unix" {
		if err := os.Chmod(e.address, socketMode); err != nil {
			l.Close()
			return nil, fmt.Errorf("cannot set the mode of %s: %w; see --endpoint", e, err)
		}
	}
	return l, nil
}

func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w; let uid %d read the directory, or choose another --endpoint", path, err, os.Getuid())
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is there and is no socket; move it away, or choose another --endpoint", path)
	}
	// A socket without a listener refuses; anything else means that somebody
	// may still be using it.
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("another process serves %s; stop it, or choose another --endpoint", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("cannot tell whether %s is in use: %w; remove it, or choose another --endpoint", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("cannot remove the stale socket: %w; see --endpoint", err)
	}
	return nil
}
