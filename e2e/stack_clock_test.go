//go:build linux && !race

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A wall clock that NTP or the host of a virtual machine sets jumps, while the
// monotonic clock goes on. Nobody may set the clock of the machine that runs the
// tests, so one process has it set: the controller is built with go build's
// -overlay, which puts other files in place of three.
const (
	// In package time the wall clock is so many seconds wrong.
	wallClockFile = `package time

import "sync/atomic"

var WallStep atomic.Int64
`
	// In package main it becomes as wrong as a line of standard input says.
	setClockFile = `package main

import (
	"bufio"
	"os"
	"time"
)

func init() {
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			d, err := time.ParseDuration(lines.Text())
			if err != nil {
				panic(err)
			}
			time.WallStep.Store(int64(d / time.Second))
		}
	}()
}
`
	// time.Now reads both clocks here, and here alone.
	readsClocks   = "\tsec, nsec, mono := runtimeNow()\n"
	readsAndSteps = readsClocks + "\tsec += WallStep.Load()\n"
)

var settable builds

// controllerWithSettableClock returns the path of a controller that differs from
// the shipped one in that alone. To compile it is to compile the standard library
// and everything above it anew, once: half a minute of two processors.
func controllerWithSettableClock(t *testing.T) string {
	t.Helper()
	timePackage := filepath.Join(strings.TrimSpace(string(must(exec.Command("go", "env", "GOROOT").Output()))), "src", "time")
	source, err := os.ReadFile(filepath.Join(timePackage, "time.go"))
	if err != nil {
		lacking(t, err.Error())
	}
	if strings.Count(string(source), readsClocks) != 1 {
		lacking(t, "time.Now of this Go is not the one that this test knows how to change")
	}
	main := must(filepath.Abs("../cmd/controller"))
	return filepath.Join(settable.use(t, func(folder string) []string {
		replace := make(map[string]string)
		for path, content := range map[string]string{
			filepath.Join(timePackage, "time.go"):      strings.Replace(string(source), readsClocks, readsAndSteps, 1),
			filepath.Join(timePackage, "wallclock.go"): wallClockFile,
			filepath.Join(main, "setclock.go"):         setClockFile,
		} {
			replace[path] = filepath.Join(folder, filepath.Base(path))
			writeFile(t, replace[path], []byte(content))
		}
		overlay := filepath.Join(folder, "overlay.json")
		writeFile(t, overlay, must(json.Marshal(map[string]any{"Replace": replace})))
		return []string{"-overlay", overlay, "../cmd/controller"}
	}), "controller")
}

// clocked is a controller whose wall clock can be set.
type clocked struct {
	*service
	rds    *emulatedDevice
	traces *traceStore
	began  time.Time
	wrong  time.Duration // what its clock shows above the true time
}

// startClocked starts one, with the clock right and the RDS connected.
func startClocked(t *testing.T) *clocked {
	t.Helper()
	c := &clocked{rds: startDevice(t), traces: newTraceStore(t)}
	path := controllerWithSettableClock(t)
	c.began = time.Now()
	c.service = startServiceAt(t, path, c.rds.device, c.traces.url, "--rds-backoff-jitter=0")
	c.shows(20*time.Second, "connected", connected)
	return c
}

// set makes the clock of the controller wrong by so much, and waits until it is.
func (c *clocked) set(wrong time.Duration) {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, wrong.String()+"\n"); err != nil {
		c.t.Fatal(err)
	}
	c.wrong = wrong
	until(c.t, atOnce, "the clock to be set", func() error {
		at, err := c.clock()
		if off := at.Sub(c.now()).Abs(); err == nil && off > atOnce {
			err = fmt.Errorf("it is off by %v", off)
		}
		return err
	})
}

// now is what the clock of the controller should show.
func (c *clocked) now() time.Time { return time.Now().Add(c.wrong) }

// clock is what it shows.
func (c *clocked) clock() (time.Time, error) {
	body, err := fetch("GET", c.page+"status.json")
	if err != nil {
		return time.Time{}, err
	}
	var page struct {
		At time.Time `json:"generated_at"`
	}
	err = json.Unmarshal([]byte(body), &page)
	return page.At, err
}

// dials are the times at which the RDS was dialled, by its own clock.
func (c *clocked) dials() (at []time.Time) {
	c.t.Helper()
	var stats struct{ Dials []struct{ At time.Time } }
	if err := json.Unmarshal([]byte(c.rds.ask("GET", "/stats")), &stats); err != nil {
		c.t.Fatal(err)
	}
	for _, d := range stats.Dials {
		at = append(at, d.At)
	}
	return at
}

// isOneConnection expects that nothing was lost so far.
func (c *clocked) isOneConnection() {
	c.t.Helper()
	v, err := c.status()
	if err != nil || !connected(v) || v.Connections != 1 || v.LastDisconnect != nil || len(c.dials()) != 1 {
		c.t.Errorf("want the first connection: %+v, %v, dials at %v", v, err, c.dials())
	}
}

// ends expects the process to end in time, and to leave nothing untrue behind.
func (c *clocked) ends() {
	c.t.Helper()
	// net/http tells by the wall clock since when a client has said nothing.
	silent, err := net.Dial("tcp", c.instance)
	if err != nil {
		c.t.Fatal(err)
	}
	defer silent.Close()
	c.set(c.wrong - 5*time.Hour)
	if took := spends(c.stop); took > 2*time.Second {
		c.t.Errorf("the stop took %v", took)
	}
	c.logIsTrue()
	c.spansAreTrue()
}

// reconnects waits for the connection after the one outage of a test.
func (c *clocked) reconnects(within time.Duration) shown {
	c.t.Helper()
	return c.shows(within, "connected again", func(v shown) bool { return connected(v) && v.LastOutage != nil && v.Connections == 2 })
}
