// Package e2e holds the tests of the service as a whole: its parts wired as the
// controller wires them, and the controller itself as a process.
package e2e

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the test binary when a goroutine is left behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
