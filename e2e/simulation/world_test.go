package simulation

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// world is a device, the network before it, and one controller after another.
type world struct {
	t       *testing.T
	story   *story
	r       *mathrand.Rand // of the plan alone
	profile profile
	rds     *emulator.Server
	network *network
	volumes *ledger
	logger  *slog.Logger
	process atomic.Pointer[process]

	keyFile, hostKeyFile string
	key                  []byte // what belongs into keyFile
	publicKey            ssh.PublicKey
	hostKey              ssh.Signer
	hush                 func()        // ends the device's chatter
	back                 time.Duration // when the device is up again after its newest reboot
	cuts                 atomic.Bool   // output is cut, or was in this episode
	trouble              atomic.Bool   // faults have begun, and not all is well yet

	workers    sync.WaitGroup
	endWorkers context.CancelFunc

	mu     sync.Mutex
	broken map[string]int // promises
}

// newWorld makes everything and starts nothing.
func newWorld(t *testing.T, seed uint64, s *story) *world {
	r := mathrand.New(mathrand.NewPCG(seed, 0))
	w := &world{t: t, story: s, r: r, profile: newProfile(r), broken: make(map[string]int), hush: func() {}}
	w.story.tell("profile %+v", w.profile)
	w.network = &network{w: w, open: make(map[*tap]struct{})}
	w.volumes = newLedger(w)
	w.logger = slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{ReplaceAttr: sinceStart}))
	options := emulator.Options{HostKeyType: "ed25519", SessionsPerConnection: w.profile.limit, HangOverLimit: w.profile.hang}
	if w.profile.guarded {
		options.BruteForce = emulator.ClassicRules()
		if w.profile.manual {
			options.BruteForce = emulator.ManualRules()
		}
	}
	w.hostKey = w.newHostKey()
	options.HostKeys = []ssh.Signer{w.hostKey}
	w.rds = must(emulator.NewServer(options))
	w.rds.SetDelay(w.profile.delay)
	dir := t.TempDir()
	w.keyFile, w.hostKeyFile = filepath.Join(dir, "key"), filepath.Join(dir, "host")
	w.newKey()
	w.write(w.keyFile, w.key)
	w.rds.AuthorizeKey("admin", w.publicKey)
	w.writeHostKey(w.rds.HostKey())
	return w
}

// sinceStart writes times of the log as the story does.
func sinceStart(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Duration(slog.TimeKey, a.Value.Time().Sub(bubbleStart))
	}
	return a
}

// liveFor lives through episodes for so long, and stops as soon as a promise is
// broken. after is called after each.
func (w *world) liveFor(length time.Duration, after func()) {
	var end time.Duration
	if !w.profile.downFirst {
		w.start(false)
	}
	w.work()
	for end < length && !w.failed() {
		e := newEpisode(w.r, w.profile, end)
		end = w.pass(e)
		after()
	}
	w.close()
}

// pass lives through one episode and tells when it is over.
func (w *world) pass(e episode) (end time.Duration) {
	for _, s := range e.steps {
		w.until(s.at)
		if w.failed() {
			return e.end
		}
		w.trouble.Store(true)
		w.story.tell("%s", s.name)
		s.do(w)
		if w.process.Load() == nil {
			w.start(w.r.IntN(4) == 0)
		}
		w.settled()
		w.withProcess((*process).checkScrape)
	}
	w.until(max(e.healed, w.back))
	late := max(0, w.now()-e.healed) // what was done may have taken its time, and what came after it began late
	e.healed, e.end = e.healed+late, e.end+late
	w.rds.SetFaults(emulator.Faults{Delay: w.profile.delay})
	w.network.names.Store(0)
	w.story.tell("all faults are over")
	w.wantRecovered(e.healed)
	w.until(e.healed + residue + w.profile.recovery())
	w.wantWell()
	w.trouble.Store(false)
	for !w.failed() && w.now() < e.end {
		w.until(min(e.end, w.now()+7*time.Second))
		if p := w.process.Load(); p == nil || !p.manager.IsConnected() {
			w.violate("recovery", "not connected %v after the last fault", w.now()-e.healed)
		}
	}
	return e.end
}

// until lets time pass and looks at everything: often while there is trouble.
func (w *world) until(at time.Duration) {
	for !w.failed() && w.now() < at {
		look := 7 * time.Second
		if w.trouble.Load() {
			look = 1300 * time.Millisecond
		}
		time.Sleep(min(at-w.now(), look))
		w.settled()
	}
}

func (w *world) now() time.Duration { return time.Since(bubbleStart) }

// violate notes a broken promise, with the first words of each kind.
func (w *world) violate(promise, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[promise]++
	if w.broken[promise] > 3 {
		return
	}
	text := fmt.Sprintf(format, args...)
	w.story.tell("!!! %s: %s", promise, text)
	w.t.Errorf("at %v: %s: %s", w.now(), promise, text)
}

func (w *world) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.broken) > 0
}

// work starts the workers.
func (w *world) work() {
	ctx, cancel := context.WithCancel(context.Background())
	w.endWorkers = cancel
	for i := range w.profile.workers {
		k := &worker{w: w, ctx: ctx, r: mathrand.New(mathrand.NewPCG(w.story.seed, uint64(i+1))), number: i, pace: w.profile.pace}
		w.workers.Go(k.run)
	}
}

// close ends everything; nothing may be left.
func (w *world) close() {
	w.endWorkers()
	w.stop()
	w.workers.Wait()
	w.hush()
	if most, open := w.rds.Stats().MaxOpen, w.rds.Stats().Open; most > 1 || open != 0 {
		w.violate("one connection, one dial", "the device saw %d connections at once, and has %d now", most, open)
	}
	if stats := w.rds.Stats(); w.profile.guarded && stats.Banned > 0 {
		w.violate("dial budget", "%d dials were banned", stats.Banned)
	}
	w.rds.Close()
	synctest.Wait()
	w.story.tell("%d dials, %d reboots", w.network.dials, w.rds.Stats().Reboots)
}

// ask runs a command on the device, past everything.
func (w *world) ask(command string) string {
	result := w.rds.Device().Run(context.Background(), "admin", command)
	if result.Failed {
		w.violate("simulation", "%s: %s", command, result.Output)
	}
	return strings.TrimSpace(result.Output)
}

func (w *world) changeFaults(change func(*emulator.Faults)) {
	f := w.rds.Faults()
	change(&f)
	w.rds.SetFaults(f)
}

func (w *world) setRules(rules emulator.BruteForceRules) { w.rds.SetBruteForce(rules) }

func (w *world) newHostKey() ssh.Signer {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return signerOf(must(private, err))
}

// newKey makes the key that belongs into the key file and on the device.
func (w *world) newKey() {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	w.key = pem.EncodeToMemory(must(ssh.MarshalPrivateKey(must(private, err), "")))
	w.publicKey = signerOf(private).PublicKey()
}

func (w *world) writeHostKey(key ssh.PublicKey) {
	w.write(w.hostKeyFile, ssh.MarshalAuthorizedKey(key))
}

// write replaces a file at once, as a Secret's is.
func (w *world) write(path string, content []byte) {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
