//go:build linux && !race

package e2e

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var wakeUps = flag.String("wakeups", "", "file for the execution trace of BenchmarkWakeUps")

// BenchmarkWakeUps records which of its goroutines wake a controller that is as
// idle as that of BenchmarkIdle: an execution trace of a minute, for
// tools/performance to read. The program is the shipped one but for the file
// that switches the trace on.
func BenchmarkWakeUps(b *testing.B) {
	if *wakeUps == "" {
		b.Skip("no -wakeups names the file for its trace")
	}
	const watched = time.Minute
	binary := tracedController(b)
	b.ResetTimer()
	for range b.N {
		p := startController(b, binary, emulatedRDS(b).flags(b)...)
		page := p.wait("status page", msgConnected)
		<-time.After(idle)
		p.signal(syscall.SIGUSR1)
		for range watched / scrapeInterval {
			<-time.After(scrapeInterval)
			p.fetch(page + "metrics")
		}
		p.signal(syscall.SIGUSR1)
		p.wait("trace written")
		p.stop()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(watched.Minutes(), "min")
}

// tracedController builds the controller with testdata/trace.go in it.
func tracedController(b *testing.B) string {
	b.Helper()
	folder := b.TempDir()
	overlay := must(json.Marshal(map[string]any{"Replace": map[string]string{
		must(filepath.Abs("../cmd/controller/trace.go")): must(filepath.Abs("testdata/trace.go")),
	}}))
	file := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(folder, "controller")
	if out, err := exec.Command("go", "build", "-overlay", file, "-o", program, "../cmd/controller").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
