// Package testkit holds what the tests of several packages share. No program
// is made of it.
package testkit

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// Log is where goroutines, or a process, write what a test reads.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// FreeAddress is one on loopback that nobody listens on, as host:port. Another
// process may take it before the test does.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
