//go:build linux && !race

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStartup measures from the start of the process to its first answer
// at /metrics, which is when Prometheus, and a person, can begin to watch.
func BenchmarkStartup(b *testing.B) {
	binary := shippedProgram(b, "controller")
	b.ResetTimer()
	var took []time.Duration
	for range b.N {
		began := time.Now()
		p := startController(b, binary, "--embedded-rds", "--metrics-address=127.0.0.1:0")
		p.fetch(p.wait("status page") + "metrics")
		took = append(took, time.Since(began))
		b.StopTimer()
		p.stop()
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "ms/median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1e3, "ms/slowest")
}

// scrapeInterval is Prometheus' usual one, and that of deploy/prometheus.yml.
const scrapeInterval = 15 * time.Second

// BenchmarkIdle reads what a controller costs that is connected and has nothing
// to do but to be scraped every 15 s: processor time, and how often it wakes up.
func BenchmarkIdle(b *testing.B) {
	const watched = 3 * time.Minute
	binary := shippedProgram(b, "controller")
	b.ResetTimer()
	args := emulatedRDS(b).flags(b)
	var cpu time.Duration
	var woken int
	for range b.N {
		p := startController(b, binary, args...)
		page := p.wait("status page", msgConnected)
		<-time.After(idle)
		cpuBefore, wokenBefore := p.cpu(), p.wakeUps()
		for range watched / scrapeInterval {
			<-time.After(scrapeInterval)
			p.fetch(page + "metrics")
		}
		cpu += p.cpu() - cpuBefore
		woken += p.wakeUps() - wokenBefore
		p.stop()
	}
	minutes := float64(b.N) * watched.Minutes()
	b.ReportMetric(float64(cpu.Milliseconds())/minutes, "cpu-ms/min")
	b.ReportMetric(float64(woken)/minutes, "wake-ups/min")
}

// BenchmarkBinary tells the size of the program as it is shipped.
func BenchmarkBinary(b *testing.B) {
	info, err := os.Stat(shippedProgram(b, "controller"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
}

// idle is how long a process settles before its memory is read.
const idle = 5 * time.Second

// BenchmarkIdleMemory reads the resident memory of a controller that is
// connected, has been looked at once, and has nothing to do. The RDS is in this
// process, not in that one.
func BenchmarkIdleMemory(b *testing.B) {
	binary := shippedProgram(b, "controller")
	b.ResetTimer()
	args := emulatedRDS(b).flags(b)
	var most, heap float64
	for range b.N {
		p := startController(b, binary, args...)
		page := p.wait("status page", msgConnected)
		p.fetch(page + "metrics")
		p.fetch(page)
		<-time.After(idle)
		most = max(most, p.memory("VmRSS"))
		heap = max(heap, p.memory("RssAnon"))
		p.stop()
	}
	b.ReportMetric(most, "MiB")
	b.ReportMetric(heap, "anonymous-MiB")
}

// controller is a running process.
type controller struct {
	b   *testing.B
	cmd *exec.Cmd
	log *bufio.Scanner
}

func startController(b *testing.B, binary string, args ...string) *controller {
	b.Helper()
	p := &controller{b: b, cmd: exec.Command(binary, append(args, "--log-format=json")...)}
	p.cmd.Env = []string{"TMPDIR=" + b.TempDir(), "EXECUTION_TRACE=" + *wakeUps}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	p.log = bufio.NewScanner(log)
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return p
}

// wait reads the log until each message was in it, in any order, and returns
// the url that one of them has. The lines of a start are few, and they come.
func (p *controller) wait(messages ...string) (url string) {
	p.b.Helper()
	for p.log.Scan() {
		var line struct{ Msg, URL string }
		if json.Unmarshal(p.log.Bytes(), &line) != nil || !slices.Contains(messages, line.Msg) {
			continue
		}
		messages = slices.DeleteFunc(messages, func(m string) bool { return m == line.Msg })
		if line.URL != "" {
			url = line.URL
		}
		if len(messages) == 0 {
			return url
		}
	}
	p.b.Fatalf("the process ended without a line %q: %v", messages, p.cmd.Wait())
	return ""
}

func (p *controller) fetch(url string) {
	p.b.Helper()
	if _, err := fetch("GET", url); err != nil {
		p.b.Fatal(err)
	}
}

// memory reads a figure of the process in MiB.
func (p *controller) memory(figure string) float64 {
	p.b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == figure+":" {
			if kib, err := strconv.Atoi(fields[1]); err == nil {
				return float64(kib) / 1024
			}
		}
	}
	p.b.Fatalf("/proc does not tell %s", figure)
	return 0
}

// cpu is the processor time that the process has used.
func (p *controller) cpu() time.Duration {
	return time.Duration(p.sum("schedstat", func(stat string) int { return must(strconv.Atoi(strings.Fields(stat)[0])) }))
}

// wakeUps is how often its threads have gone to sleep, and so been woken.
func (p *controller) wakeUps() int {
	return p.sum("status", func(status string) int {
		_, after, _ := strings.Cut(status, "\nvoluntary_ctxt_switches:")
		return must(strconv.Atoi(strings.Fields(after)[0]))
	})
}

// sum adds up a figure of the threads.
func (p *controller) sum(file string, figure func(string) int) (sum int) {
	p.b.Helper()
	for _, path := range must(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", p.cmd.Process.Pid, file))) {
		text, err := os.ReadFile(path)
		if err != nil {
			p.b.Fatal(err)
		}
		sum += figure(string(text))
	}
	return sum
}

// stop ends the process in order.
func (p *controller) stop() {
	p.b.Helper()
	p.signal(syscall.SIGTERM)
	for p.log.Scan() { // until it closes its end
	}
	if err := p.cmd.Wait(); err != nil {
		p.b.Error(err)
	}
}

func (p *controller) signal(s os.Signal) {
	p.b.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.b.Fatal(err)
	}
}
