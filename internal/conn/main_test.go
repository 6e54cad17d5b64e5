package conn

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the test binary when a goroutine is left behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
