package conn

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rds-csi/internal/emulator"
)

// Promise 12: errors tell the caller what to do.

func TestErrorsTellWhatIsKnownOfTheCommand(t *testing.T) {
	tests := []struct {
		name    string
		run     func(*world) error
		kind    Kind
		outcome Outcome
	}{
		{"no connection yet", func(w *world) error { w.client.Close(); _, err := w.exec(":put ok"); return err }, KindClosed, NotSent},
		{"lost before it was sent", func(w *world) error {
			w.rds.SetHangOpens(true)
			time.AfterFunc(time.Second, w.rds.DropAll)
			_, err := w.exec(":put ok")
			return err
		}, KindClosed, NotSent},
		{"lost while it ran", func(w *world) error {
			w.rds.SetSlowExec(time.Minute)
			time.AfterFunc(time.Second, w.rds.ResetAll)
			_, err := w.exec(":put ok")
			return err
		}, KindClosed, Unknown},
		{"session refused", func(w *world) error { w.rds.SetRefuseOpens(true); _, err := w.exec(":put ok"); return err }, KindBusy, NotSent},
		{"exit status 1", func(w *world) error { _, err := w.exec("/nonsense"); return err }, KindRejected, Refused},
		{"two lines", func(w *world) error { _, err := w.exec(":put a\n:put b"); return err }, KindRejected, NotSent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) { s.device = emulator.DeviceOptions{ErrorExitStatus: 1} }, func(w *world) {
				w.connect()
				w.pass(time.Minute)
				err := fmt.Errorf("create volume: %w", tt.run(w))
				if KindOf(err) != tt.kind || OutcomeOf(err) != tt.outcome || SafeToRetry(err) != (tt.outcome == NotSent) {
					w.t.Errorf("%v: kind %q, outcome %q, want %q, %q", err, KindOf(err), OutcomeOf(err), tt.kind, tt.outcome)
				}
				for _, c := range w.rds.Stats().Commands {
					if tt.outcome == NotSent && (c == ":put ok" || c == ":put a") {
						w.t.Error("the command was sent all the same")
					}
				}
			})
		})
	}
}

func TestForeignErrorsHaveNoKind(t *testing.T) {
	for _, err := range []error{nil, errors.New("other")} {
		if KindOf(err) != "" || OutcomeOf(err) != "" || SafeToRetry(err) {
			t.Errorf("%v: kind %q, outcome %q", err, KindOf(err), OutcomeOf(err))
		}
	}
}

func TestExitStatusIsNotRelied(t *testing.T) {
	tests := []struct {
		name string
		rds  emulator.Options
		dev  emulator.DeviceOptions
	}{
		{"status 0 with an error text", emulator.Options{}, emulator.DeviceOptions{}},
		{"no status", emulator.Options{OmitExitStatus: true}, emulator.DeviceOptions{}},
		{"an EOF before the close", emulator.Options{SendEOF: true}, emulator.DeviceOptions{}},
		{"an EOF and no status", emulator.Options{SendEOF: true, OmitExitStatus: true}, emulator.DeviceOptions{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) { s.rds = tt.rds; s.rds.HostKeyType = "ed25519"; s.device = tt.dev }, func(w *world) {
				w.m.StartMonitor(w.t.Context())
				w.wantBack(time.Second)
				out, err := w.exec("/nonsense")
				if err != nil || out == "" {
					w.t.Errorf("Exec: %q, %v, want the text of the device and no error", out, err)
				}
			})
		})
	}
}

func TestIsConnectedAndSnapshotAllocateNothing(t *testing.T) {
	w := newWorld(t, nil)
	if n := testing.AllocsPerRun(100, func() { w.m.IsConnected(); w.m.Snapshot() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConfigurationFaultsAreAllNamed(t *testing.T) {
	_, err := NewConnectionManager(ConnectionManagerConfig{InitialInterval: time.Minute, Multiplier: 0.5, RandomizationFactor: 2,
		MaxElapsedTime: -1, PollInterval: -1})
	wantWords(t, err, "Client", "MaxInterval", "Multiplier", "RandomizationFactor", "MaxElapsedTime", "PollInterval")
	_, err = NewSSHClient(SSHClientConfig{Port: 70000, SessionLimit: -1, ConnectTimeout: -1, CommandTimeout: -1, MaxOutput: -1,
		DialBudget: DialBudget{Burst: -1}})
	wantWords(t, err, "Host is", "User", "Port", "KeyFile", "HostKeyFile", "Verify", "ConnectTimeout", "CommandTimeout", "SessionLimit", "MaxOutput", "DialBudget")
	_, err = NewSSHClient(SSHClientConfig{HostKeyFile: "x", InsecureSkipVerify: true})
	wantWords(t, err, "exclude one another")
}
