package conn

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/emulator"
)

// herd is how many managers lose one device at once.
const herd = 200

// herdOutage is how long the device is away: long enough for waits to grow.
const herdOutage = 45 * time.Second

// herdResult is what the device saw after its return.
type herdResult struct {
	peak    int           // most connections in one second
	allBack time.Duration // from the return until every manager is connected
	dials   float64       // of one manager, over the outage
}

// TestHerdComesBackSpreadOut has many managers lose one device that reboots,
// and prints what the default jitter is chosen by, one line for each setting in
// the format of benchmarks: the clock is fake, so that a figure is exact but
// for the jitter's own chance.
func TestHerdComesBackSpreadOut(t *testing.T) {
	if testing.Short() {
		t.Skip("a second of computing for each setting: not with -short")
	}
	results := map[string]herdResult{}
	for _, jitter := range []float64{-1, DefaultRandomizationFactor, 0.5} {
		for _, budget := range []DialBudget{{}, {Burst: 3, Gap: 61 * time.Second}} {
			name := fmt.Sprintf("jitter=%g/budget=%d", max(jitter, 0), budget.Burst)
			synctest.Test(t, func(t *testing.T) { results[name] = runHerd(t, jitter, budget) })
			r := results[name]
			fmt.Printf("BenchmarkHerd/%s 1 %d peak-conn/s %.1f s-all-back %.1f dials\n", name, r.peak, r.allBack.Seconds(), r.dials)
		}
	}
	none, usual := results["jitter=0/budget=0"], results["jitter=0.1/budget=0"]
	if none.peak < herd {
		t.Errorf("without jitter %d of %d come in one second: the test measures something else", none.peak, herd)
	}
	// Without jitter it is the whole herd; with it, by chance, 130 to 142.
	if bound := results["jitter=0.1/budget=3"]; bound.peak > none.peak*17/20 {
		t.Errorf("with a dial budget %d come in one second: it has undone the jitter", bound.peak)
	}
	if usual.peak > none.peak*3/4 {
		t.Errorf("with the default jitter %d come in one second, without any %d", usual.peak, none.peak)
	}
}

func runHerd(t *testing.T, jitter float64, budget DialBudget) herdResult {
	rds := must(emulator.NewServer(emulator.Options{HostKeyType: "ed25519", MaxSessions: 2 * herd}))
	defer rds.Close()
	dir := t.TempDir()
	key, hostKey := filepath.Join(dir, "key"), filepath.Join(dir, "host")
	rds.AuthorizeKey("admin", writeKey(t, key))
	writeHostKeys(t, hostKey, rds.HostKey())
	var managers []*ConnectionManager
	for range herd {
		client := must(NewSSHClient(SSHClientConfig{Host: "192.168.88.1", User: "admin", KeyFile: key, HostKeyFile: hostKey,
			Verify: verifyRouterOS, Dial: rds.Dial, DialBudget: budget}))
		m := must(NewConnectionManager(ConnectionManagerConfig{Client: client, RandomizationFactor: jitter,
			Logger: slog.New(slog.DiscardHandler)}))
		m.StartMonitor(t.Context())
		defer m.Stop()
		managers = append(managers, m)
	}
	time.Sleep(time.Minute)
	before := len(rds.Stats().Dials)
	rds.Reboot(herdOutage)
	time.Sleep(herdOutage)
	back := time.Now()
	away := func(m *ConnectionManager) bool { return !m.IsConnected() }
	for slices.ContainsFunc(managers, away) {
		if time.Since(back) > 2*time.Minute {
			t.Fatal("not all came back in two minutes")
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
	}
	dials := rds.Stats().Dials[before:]
	result := herdResult{allBack: time.Since(back), dials: float64(len(dials)) / herd}
	var after []time.Time
	for _, d := range dials {
		if !d.At.Before(back) {
			after = append(after, d.At)
		}
	}
	slices.SortFunc(after, time.Time.Compare)
	for first, last := 0, 0; last < len(after); last++ {
		for after[last].Sub(after[first]) >= time.Second {
			first++
		}
		result.peak = max(result.peak, last-first+1)
	}
	return result
}
