package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rds-csi/internal/testkit"
)

func TestAStaleSocketIsReplacedAndRemovedAtTheEnd(t *testing.T) {
	path := staleSocket(t)
	l, err := listenCSI(endpoint{"unix", path})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("mode of the socket: %v, %v", info.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// staleSocket is what a process leaves behind that was killed.
func staleSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "csi.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnEndpointThatCannotBeHadSaysWhyAndNamesItsFlag(t *testing.T) {
	dir := t.TempDir()
	live, file := filepath.Join(dir, "live.sock"), filepath.Join(dir, "file")
	for network, address := range map[string]string{"unix": live, "tcp": testkit.FreeAddress(t)} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if network == "tcp" {
			checkListenFault(t, endpoint{network, address}, "the address is taken")
		}
	}
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkListenFault(t, endpoint{"unix", live}, "another process serves "+live)
	checkListenFault(t, endpoint{"unix", file}, "is no socket")
	checkListenFault(t, endpoint{"unix", filepath.Join(dir, "none", "csi.sock")}, "no such file or directory")
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Errorf("the file that was in the way is %q, %v", data, err)
	}
	// It was only asked, and still works.
	c, err := net.Dial("unix", live)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func checkListenFault(t *testing.T, e endpoint, want string) {
	t.Helper()
	l, err := listenCSI(e)
	if err == nil {
		l.Close()
		t.Errorf("%s: no fault", e)
		return
	}
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--endpoint") {
		t.Errorf("%s: got %q, want %q and the flag", e, err, want)
	}
}
