//go:build linux

// Package netns tests the connection service against the faults of a real
// network, kernel included: the manager and OpenSSH in network namespaces of
// their own, with a switch between them.
package netns

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the main of the agent: see there.
func TestMain(m *testing.M) {
	if file := os.Getenv(agentEnv); file != "" {
		os.Exit(agentMain(file))
	}
	flag.Parse()
	// The faults wait most of the time: all of them can do so at once.
	_ = flag.Set("test.parallel", "64")
	goleak.VerifyTestMain(m)
}
