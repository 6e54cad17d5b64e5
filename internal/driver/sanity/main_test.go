package sanity

import (
	"testing"

	"go.uber.org/goleak"
)

// The suite's runner leaves its handler of interrupts behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"))
}
