package emulator

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
)

func TestDeviceSocketSharesOneDevice(t *testing.T) {
	if testing.Short() {
		t.Skip("real sockets")
	}
	path := filepath.Join(t.TempDir(), "device.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDevice(DeviceOptions{ErrorExitStatus: 1})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ServeDevice(ctx, l, d) }()

	if r, err := RunOverSocket(t.Context(), path, "admin", "/system identity set name=shared"); err != nil || r.Output != "" {
		t.Errorf("got %+v, %v", r, err)
	}
	if got := d.Run(t.Context(), "admin", ":put [/system identity get name]").Output; got != "shared\r\n" {
		t.Errorf("got %q", got)
	}
	r, err := RunOverSocket(t.Context(), path, "admin", "foo")
	if want := (Result{"bad command name foo (line 1 column 1)\r\n", 1, true}); err != nil || r != want {
		t.Errorf("got %+v, %v", r, err)
	}

	waiting := make(chan error, 1)
	go func() {
		r, err := RunOverSocket(t.Context(), path, "admin", ":delay 1h")
		if err == nil && !r.Failed {
			err = errors.New("the command came to its end")
		} else {
			err = nil
		}
		waiting <- err
	}()
	cancel()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Errorf("ServeDevice: %v", err)
	}
	if _, err := RunOverSocket(t.Context(), path, "admin", ":put x"); err == nil {
		t.Error("the socket still answers")
	}
}
