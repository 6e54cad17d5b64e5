package conn

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// openSSH is what a driver does that starts the OpenSSH client for each
// command.
type openSSH struct {
	b    *testing.B
	args []string
}

func newOpenSSH(b *testing.B, w *world, options ...string) openSSH {
	b.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		b.Skip("ssh is missing: apt-get install openssh-client")
	}
	known := filepath.Join(b.TempDir(), "known_hosts")
	writeFile(b, known, knownhosts.Line([]string{w.client.Address()}, w.rds.HostKey())+"\n")
	args := []string{"-F", "none", "-l", "admin", "-p", strconv.Itoa(w.client.cfg.Port), "-i", w.keyFile,
		"-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + known,
		"-o", "HostKeyAlgorithms=" + ssh.KeyAlgoED25519}
	return openSSH{b: b, args: append(args, options...)}
}

func (o openSSH) run(command string) error {
	out, err := exec.Command("ssh", append(o.args, "127.0.0.1", command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh: %w: %s", err, out)
	}
	return nil
}

// master keeps one connection open that the others share.
func (o openSSH) master() (shared openSSH, end func()) {
	o.b.Helper()
	path := filepath.Join(o.b.TempDir(), "m")
	master := exec.Command("ssh", append(o.args, "-M", "-S", path, "-N", "127.0.0.1")...)
	if err := master.Start(); err != nil {
		o.b.Fatal(err)
	}
	shared = openSSH{b: o.b, args: append(o.args, "-S", path)}
	deadline := time.Now().Add(patience)
	for exec.Command("ssh", append(shared.args, "-O", "check", "127.0.0.1")...).Run() != nil {
		if time.Now().After(deadline) {
			o.b.Fatal("the master does not come up")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return shared, func() {
		_ = exec.Command("ssh", append(shared.args, "-O", "exit", "127.0.0.1")...).Run()
		_ = master.Wait() // its status is that of the connection it has closed
	}
}

// BenchmarkExecOpenSSH compares Exec with the OpenSSH client and ControlMaster:
// one connection too, and a process for each command.
func BenchmarkExecOpenSSH(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			w := newTCPWorld(b, func(s *settings) { s.client.SessionLimit = callers })
			if err := w.client.Connect(b.Context()); err != nil {
				b.Fatal(err)
			}
			shared, end := newOpenSSH(b, w).master()
			defer end()
			const command = `:put "OK"`
			const batch = 128
			var our, their time.Duration
			rounds := 0
			for b.Loop() {
				our += timed(b, callers, batch, func() error { _, err := w.client.Exec(b.Context(), command); return err })
				their += timed(b, callers, batch, func() error { return shared.run(command) })
				rounds++
			}
			n := float64(rounds * batch)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(n/our.Seconds(), "ours-cmd/s")
			b.ReportMetric(n/their.Seconds(), "openssh-cmd/s")
			b.ReportMetric(their.Seconds()/our.Seconds(), "throughput-ratio")
			b.ReportMetric(our.Seconds()*1000*float64(callers)/n, "ours-ms")
			b.ReportMetric(their.Seconds()*1000*float64(callers)/n, "openssh-ms")
		})
	}
}

// BenchmarkReconnectOpenSSH compares Connect, the command that verifies
// included, with the OpenSSH client that runs one short command.
func BenchmarkReconnectOpenSSH(b *testing.B) {
	w := newTCPWorld(b, nil)
	client := newOpenSSH(b, w)
	var our, their time.Duration
	n := 0
	for b.Loop() {
		begin := time.Now()
		if err := w.client.Connect(b.Context()); err != nil {
			b.Fatal(err)
		}
		our += time.Since(begin)
		w.client.Close()
		begin = time.Now()
		if err := client.run(`:put "true"`); err != nil {
			b.Fatal(err)
		}
		their += time.Since(begin)
		n++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(our.Microseconds())/1000/float64(n), "ours-ms")
	b.ReportMetric(float64(their.Microseconds())/1000/float64(n), "openssh-ms")
	b.ReportMetric(our.Seconds()/their.Seconds(), "cost-ratio")
}
