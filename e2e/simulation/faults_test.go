package simulation

import (
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// fault is something that goes wrong for a while. What it does is chosen when
// the plan is made, so that a seed's story does not depend on what the
// controller makes of it.
type fault struct {
	name string
	// plan returns what begins the fault and what ends it, nil where it ends
	// with what begin did. lasts is how long the plan wants it to last.
	plan func(r *rand.Rand, lasts time.Duration) (begin, end func(*world))
	cuts bool // it often needs the live connections to be cut to be noticed
	most time.Duration
}

// toggle is a fault of the emulator that is on or off.
func toggle(name string, cuts bool, set func(f *emulator.Faults, on bool)) fault {
	return fault{name: name, cuts: cuts, plan: func(*rand.Rand, time.Duration) (begin, end func(*world)) {
		return func(w *world) { w.changeFaults(func(f *emulator.Faults) { set(f, true) }) },
			func(w *world) { w.changeFaults(func(f *emulator.Faults) { set(f, false) }) }
	}}
}

// blow is a fault of a moment.
func blow(name string, do func(*world)) fault {
	return fault{name: name, plan: func(*rand.Rand, time.Duration) (begin, end func(*world)) { return do, nil }}
}

var faults = []fault{
	toggle("refuse", true, func(f *emulator.Faults, on bool) { f.Refuse = on }),
	toggle("unreachable", true, func(f *emulator.Faults, on bool) { f.Unreachable = on }),
	toggle("drop dials", true, func(f *emulator.Faults, on bool) { f.DropDials = on }),
	toggle("accept, then close", true, func(f *emulator.Faults, on bool) { f.AcceptThenClose = on }),
	toggle("no banner", true, func(f *emulator.Faults, on bool) { f.HoldBanner = on }),
	toggle("stalled key exchange", true, func(f *emulator.Faults, on bool) { f.HoldKeyExchange = on }),
	toggle("login refused", true, func(f *emulator.Faults, on bool) { f.RejectLogin = on }),
	toggle("login unanswered", true, func(f *emulator.Faults, on bool) { f.HoldLogin = on }),
	toggle("opens hang", false, func(f *emulator.Faults, on bool) { f.HangOpens = on }),
	toggle("opens lost", false, func(f *emulator.Faults, on bool) { f.LoseOpens = on }),
	toggle("opens refused", false, func(f *emulator.Faults, on bool) { f.RefuseOpens = on }),
	toggle("commands hang", false, func(f *emulator.Faults, on bool) { f.HoldExec = on }),
	toggle("black hole", false, func(f *emulator.Faults, on bool) { f.BlackHole = on }),
	toggle("loss towards the device", false, func(f *emulator.Faults, on bool) { f.HoldReceived = on }),
	toggle("loss from the device", false, func(f *emulator.Faults, on bool) { f.HoldSent = on }),
	toggle("frozen", false, func(f *emulator.Faults, on bool) { f.Frozen = on }),
	blow("FIN", func(w *world) { w.rds.DropAll() }),
	blow("RST", func(w *world) { w.rds.ResetAll() }),
	blow("SSH disconnect", func(w *world) { w.rds.DisconnectAll() }),
	blow("half-open", func(w *world) { w.rds.SetBlackHoleLive() }),
	{name: "protocol error", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		n := 1 + r.IntN(8) // more than 16 leave goroutines of x/crypto/ssh behind
		return func(w *world) { w.rds.BreakProtocolAll(n) }, nil
	}},
	{name: "slow commands", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		d := time.Duration(r.Int64N(int64(40 * time.Second)))
		return func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.SlowExec = d }) },
			func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.SlowExec = 0 }) }
	}},
	{name: "delay", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		d := time.Duration(r.Int64N(int64(time.Second))) << r.IntN(3)
		return func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.Delay = d }) },
			func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.Delay = w.profile.delay }) }
	}},
	{name: "trickle", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		d := time.Millisecond << r.IntN(14) // up to 8 s a byte
		return func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.Trickle = d }) },
			func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.Trickle = 0 }) }
	}},
	{name: "output cut", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		n := r.IntN(400)
		return func(w *world) {
				w.cuts.Store(true)
				w.changeFaults(func(f *emulator.Faults) { f.Cut, f.CutAfter = true, n })
			},
			func(w *world) { w.changeFaults(func(f *emulator.Faults) { f.Cut = false }) }
	}},
	{name: "reboot", most: 5 * time.Minute, plan: func(r *rand.Rand, lasts time.Duration) (begin, end func(*world)) {
		return func(w *world) { w.back = w.now() + lasts; w.rds.Reboot(lasts) }, nil
	}},
	{name: "power cut", most: 5 * time.Minute, plan: func(r *rand.Rand, lasts time.Duration) (begin, end func(*world)) {
		return func(w *world) { w.back = w.now() + lasts; w.rds.PowerCut(lasts) }, nil
	}},
	{name: "pool not mounted", plan: func(*rand.Rand, time.Duration) (begin, end func(*world)) {
		return func(w *world) { w.rds.Device().SetPoolMounted("pool", false) },
			func(w *world) { w.rds.Device().SetPoolMounted("pool", true) }
	}},
	{name: "files stay", plan: func(*rand.Rand, time.Duration) (begin, end func(*world)) {
		return func(w *world) { w.rds.Device().SetKeepFiles(true) }, func(w *world) { w.rds.Device().SetKeepFiles(false) }
	}},
	{name: "chatter", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		every := time.Duration(1+r.IntN(20)) * time.Second
		return func(w *world) { w.hush(); w.hush = w.rds.Chatter(every) }, func(w *world) { w.hush() }
	}},
	{name: "another host key", cuts: true, plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		pinned := r.IntN(2) == 0 // the operator accepts the new one, or the old one comes back
		return func(w *world) { w.rds.SetHostKeys(w.newHostKey()) }, func(w *world) {
			if pinned {
				w.writeHostKey(w.rds.HostKey())
			} else {
				w.rds.SetHostKeys(w.hostKey)
				w.writeHostKey(w.hostKey.PublicKey())
			}
		}
	}},
	{name: "key file unreadable", cuts: true, plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		content := []string{"", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\n"}[r.IntN(3)]
		return func(w *world) { w.write(w.keyFile, []byte(content)) }, func(w *world) { w.write(w.keyFile, w.key) }
	}},
	{name: "host key file missing", cuts: true, plan: func(*rand.Rand, time.Duration) (begin, end func(*world)) {
		return func(w *world) { _ = os.Remove(w.hostKeyFile) }, func(w *world) { w.writeHostKey(w.rds.HostKey()) }
	}},
	{name: "rotation of the key", cuts: true, plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		fileFirst := r.IntN(2) == 0
		file := func(w *world) { w.write(w.keyFile, w.key) }
		device := func(w *world) { w.rds.RevokeKeys("admin"); w.rds.AuthorizeKey("admin", w.publicKey) }
		if fileFirst {
			return func(w *world) { w.newKey(); file(w) }, device
		}
		return func(w *world) { w.newKey(); device(w) }, func(w *world) { file(w); device(w) }
	}},
	{name: "name service", cuts: true, plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		kind := []int32{namesFail, namesHang}[r.IntN(2)]
		return func(w *world) { w.network.names.Store(kind) }, func(w *world) { w.network.names.Store(0) }
	}},
	{name: "brute-force rules", plan: func(r *rand.Rand, _ time.Duration) (begin, end func(*world)) {
		rules := emulator.ClassicRules()
		if r.IntN(2) == 0 {
			rules = emulator.ManualRules()
		}
		rules.Refuse = r.IntN(3) == 0
		return func(w *world) { w.setRules(rules) }, func(w *world) { w.setRules(emulator.BruteForceRules{}) }
	}},
}

// signerOf makes a signer of a new Ed25519 key.
func signerOf(private any) ssh.Signer { return must(ssh.NewSignerFromKey(private)) }
