//go:build linux

package netns

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rds-csi/internal/testkit"
)

// service is the near host: an agent, and what it told.
type service struct {
	t           *testing.T
	in          io.WriteCloser
	pid         int
	addressFile string

	ended atomic.Bool // the agent

	mu   sync.Mutex
	told []happening
	log  testkit.Log
}

// startService starts an agent in the namespace that is to be connected to
// the host.
func startService(t *testing.T, ns namespace, h *host) *service {
	t.Helper()
	s := &service{t: t, addressFile: h.path("address")}
	s.resolve(farIP)
	settings, err := json.Marshal(agentSettings{User: username(t), KeyFile: h.userKey, HostKeyFile: h.path("known"), AddressFile: s.addressFile})
	noError(t, err)
	writeFile(t, h.path("agent"), string(settings))
	self, err := os.Executable()
	noError(t, err)
	cmd := exec.Command("ip", "netns", "exec", string(ns), self)
	cmd.Env = append(os.Environ(), agentEnv+"="+h.path("agent"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = &s.log
	s.in, err = cmd.StdinPipe()
	noError(t, err)
	out, err := cmd.StdoutPipe()
	noError(t, err)
	noError(t, cmd.Start())
	s.pid = cmd.Process.Pid
	var heard sync.WaitGroup
	heard.Go(func() { s.listen(out) })
	t.Cleanup(func() {
		s.in.Close()
		stuck := time.AfterFunc(5*time.Second, func() { t.Error("Stop took 5 s"); _ = cmd.Process.Kill() })
		heard.Wait()
		_ = cmd.Wait()
		stuck.Stop()
		if t.Failed() {
			t.Logf("agent:\n%s", s.log.String())
		}
	})
	return s
}

// resolve sets what the name of the device resolves to.
func (s *service) resolve(address string) {
	s.t.Helper()
	writeFile(s.t, s.addressFile+".new", address)
	noError(s.t, os.Rename(s.addressFile+".new", s.addressFile))
}

func (s *service) listen(out io.Reader) {
	defer s.ended.Store(true)
	for lines := json.NewDecoder(out); ; {
		var h happening
		if lines.Decode(&h) != nil {
			return
		}
		s.mu.Lock()
		s.told = append(s.told, h)
		s.mu.Unlock()
	}
}

// exec has the agent run a command; its end comes as a happening.
func (s *service) exec(command string) {
	s.t.Helper()
	_, err := io.WriteString(s.in, command+"\n")
	noError(s.t, err)
}

// all returns the happenings of a sort.
func (s *service) all(what string) (list []happening) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.told {
		if h.What == what {
			list = append(list, h)
		}
	}
	return list
}

// await waits for the n-th happening of a sort.
func (s *service) await(what string, n int) happening {
	s.t.Helper()
	waitFor(s.t, what, func() bool { return s.ended.Load() || len(s.all(what)) >= n })
	if len(s.all(what)) < n {
		s.t.Fatalf("the agent ended before %s", what)
	}
	return s.all(what)[n-1]
}
