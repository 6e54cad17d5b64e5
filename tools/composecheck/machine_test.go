package composecheck_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// machine runs our programs as the stack does, with folders for its volumes and
// ports of its own for those of the containers.
type machine struct {
	t        *testing.T
	stack    stack
	folder   string
	programs string
	changes  *strings.Replacer // of arguments and variables
	spans    atomic.Int64      // posts to the address of Tempo
}

// newMachine has an RDS where device is 127.0.0.1, and none where it is a name
// that nobody has.
func newMachine(t *testing.T, device string) *machine {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the programs")
	}
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "stack-") // short: a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	m := &machine{t: t, stack: everything(t), folder: folder, programs: programs}
	tempo := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/v1/traces" {
			m.spans.Add(1)
		}
	}))
	t.Cleanup(tempo.Close)
	ssh, control, page := freePort(t), freePort(t), freePort(t)
	m.changes = strings.NewReplacer("-address=rds:2222", "-address="+device+":"+ssh, "=:2222", "=127.0.0.1:"+ssh, "-address=rds", "-address="+device,
		"-port=2222", "-port="+ssh, "=:2280", "=127.0.0.1:"+control, "//127.0.0.1:2280", "//127.0.0.1:"+control,
		"=:9809", "=127.0.0.1:"+page, "http://tempo:4318", tempo.URL)
	return m
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return portOf(l.Addr().String())
}

// command is a command line of a service on this machine. A path below a mount
// is one below the folder of its volume.
func (m *machine) command(s types.ServiceConfig, line []string) *exec.Cmd {
	m.t.Helper()
	var args []string
	for _, arg := range line[1:] {
		arg = m.changes.Replace(arg)
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume {
				at := filepath.Join(m.folder, v.Source)
				if err := os.MkdirAll(at, 0o755); err != nil {
					m.t.Fatal(err)
				}
				for _, before := range []string{"=", "://"} {
					arg = strings.ReplaceAll(arg, before+v.Target+"/", before+at+"/")
				}
			}
		}
		arg = strings.Replace(arg, "=/packages/", "="+m.folder+"/", 1) // of the image
		args = append(args, arg)
	}
	c := exec.Command(filepath.Join(m.programs, filepath.Base(line[0])), args...)
	c.Env = []string{"PATH=/nonexistent"} // the image has nothing else
	for name, value := range s.Environment {
		if value != nil {
			c.Env = append(c.Env, m.changes.Replace(name+"="+*value))
		}
	}
	// A test that is killed leaves nothing running.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// once runs a service that ends by itself.
func (m *machine) once(name string) {
	m.t.Helper()
	s := m.stack.Services[name]
	if out, err := m.command(s, commandLines(s)[0]).CombinedOutput(); err != nil {
		m.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start runs a service until the test ends, and waits until its healthcheck is
// content.
func (m *machine) start(name string) {
	m.t.Helper()
	s := m.stack.Services[name]
	lines := commandLines(s)
	m.background(m.command(s, lines[0]))
	m.until(name+" is healthy", func() error {
		out, err := m.command(s, lines[1]).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// background runs a program until the test ends.
func (m *machine) background(c *exec.Cmd) {
	m.t.Helper()
	log, err := os.Create(filepath.Join(m.folder, filepath.Base(c.Path)+".log"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil || m.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			m.t.Errorf("%s ended with %v; its log:\n%s", c.Path, err, text)
		}
	})
}

func (m *machine) until(what string, check func() error) {
	m.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("waited in vain until %s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// listens waits until somebody does.
func (m *machine) listens(address string) {
	m.t.Helper()
	m.until("somebody listens on "+address, func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err
	})
}

// ready asks the controller for /readyz.
func (m *machine) ready() (status int, answer string, err error) {
	url := "http://" + strings.TrimPrefix(m.changes.Replace("=:9809"), "=") + "/readyz"
	r, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, string(text), err
}

// files returns what is in a volume, by name.
func (m *machine) files(volume string) map[string]string {
	m.t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(m.folder, volume))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(m.folder, volume, e.Name()))
		if err != nil {
			m.t.Fatal(err)
		}
		found[e.Name()] = string(text)
	}
	return found
}
