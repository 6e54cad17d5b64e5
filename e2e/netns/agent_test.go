//go:build linux

package netns

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// agentEnv names the settings file of an agent. A test binary that finds it in
// its environment is one: the manager and the client as the controller uses
// them, in the namespace that it was started in. It runs each line of its
// input as a command, tells what happens as JSON lines, and ends with its
// input.
const agentEnv = "RDS_NETNS_AGENT"

type agentSettings struct {
	User, KeyFile, HostKeyFile string
	// AddressFile holds the address of the device: what the name resolves to.
	AddressFile string
}

// happening is what an agent tells.
type happening struct {
	What    string // "dial", "connected", "failed", "lost", "answer" to a command, "probe" answered
	At      time.Time
	Open    int          // of a dial: connections that are open before it
	Reason  conn.Reason  // of a loss
	Kind    conn.Kind    // of a failed attempt, or of a command's error
	Outcome conn.Outcome // of a command's error
	Cause   conn.Cause   // of the outage that a connection ended
	Text    string       // the error, or the command's output
}

func agentMain(file string) int {
	if err := agent(file, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func agent(file string, in io.Reader, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var s agentSettings
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	tell := &teller{out: json.NewEncoder(out)}
	client, err := conn.NewSSHClient(conn.SSHClientConfig{
		Host: "rds.test", Port: port, User: s.User, KeyFile: s.KeyFile, HostKeyFile: s.HostKeyFile,
		Verify: verifyRouterOS, Observer: tell,
		LookupIP: func(context.Context, string) ([]netip.Addr, error) {
			text, err := os.ReadFile(s.AddressFile)
			if err != nil {
				return nil, err
			}
			address, err := netip.ParseAddr(strings.TrimSpace(string(text)))
			return []netip.Addr{address}, err
		},
	})
	if err != nil {
		return err
	}
	manager, err := conn.NewConnectionManager(conn.ConnectionManagerConfig{
		Client: client, Observer: tell,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		return err
	}
	manager.StartMonitor(context.Background())
	defer manager.Stop()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		command := lines.Text()
		go func() {
			output, err := client.Exec(context.Background(), command)
			if err != nil {
				output = err.Error()
			}
			tell.tell(happening{What: "answer", At: time.Now(), Kind: conn.KindOf(err), Outcome: conn.OutcomeOf(err), Text: output})
		}()
	}
	return nil
}

// verifyRouterOS is what the service uses, but for the conversion of types.
func verifyRouterOS(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return conn.Identity{
		SerialNumber: info.SerialNumber, SoftwareID: info.SoftwareID, SystemID: info.SystemID,
		Version: info.Version, Board: info.Board, Uptime: info.Uptime,
	}, err
}

// teller is the observer of an agent.
type teller struct {
	conn.NopObserver
	mu  sync.Mutex
	out *json.Encoder
}

func (t *teller) tell(h happening) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.out.Encode(h) // nobody listens any more: the agent is about to end
}

func (t *teller) Disconnected(_ context.Context, e conn.Disconnect) {
	t.tell(happening{What: "lost", At: e.Snapshot.DisconnectedAt, Reason: e.Reason, Text: fmt.Sprint(e.Err)})
}

func (t *teller) AttemptEnded(_ context.Context, r conn.AttemptResult) {
	h := happening{What: "connected", At: time.Now()}
	if r.Err != nil {
		h.What, h.Kind, h.Text = "failed", r.Err.Kind, r.Err.Error()
	} else if r.Snapshot.LastOutage != nil {
		h.Cause = r.Snapshot.LastOutage.Cause
	}
	t.tell(h)
}

// StageStarted comes right before a dial, the one way to a connection: that
// none is open then is the proof that two never are.
func (t *teller) StageStarted(ctx context.Context, s conn.StageInfo) context.Context {
	if s.Stage == conn.StageTCP {
		t.tell(happening{What: "dial", At: time.Now(), Open: openFromHere(os.Getpid())})
	}
	return ctx
}

func (t *teller) CommandEnded(_ context.Context, r conn.CommandResult) {
	if r.Purpose == conn.PurposeProbe && r.Err == nil {
		t.tell(happening{What: "probe", At: time.Now()})
	}
}
