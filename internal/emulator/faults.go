package emulator

import "time"

// Faults is what is wrong with the device now. The zero value is a healthy device. Each field has a setter on [Server].
type Faults struct {
	// Refuse: nobody listens. TCP served by Listen closes its listener, so that the kernel refuses; Serve, whose
	// listener belongs to the caller, resets what it accepts.
	Refuse bool
	// Unreachable: no route to the device. In memory only.
	Unreachable bool
	// DropDials: SYNs vanish. A dial in memory made meanwhile waits until its context ends, even if the fault ends
	// before. Over TCP the kernel has accepted already: the connection stays silent.
	DropDials bool

	// AcceptThenClose: RouterOS fact: that is what a client outside "available-from" sees, before any banner.
	AcceptThenClose bool
	// HoldBanner and HoldKeyExchange: connections made meanwhile fall silent for ever, before and after the banner.
	HoldBanner, HoldKeyExchange bool

	// RejectLogin: every login is refused. HoldLogin: the key exchange completes and the login is never answered.
	RejectLogin, HoldLogin bool

	// HangOpens: session opens are not answered while it is on; they are when it goes off.
	HangOpens bool
	// LoseOpens: session opens made meanwhile are never answered, while those made before and after are.
	LoseOpens bool
	// RefuseOpens: session opens are answered with "resource shortage".
	RefuseOpens bool

	// SlowExec: each command waits so long before it runs. HoldExec: it runs only when the fault is off again.
	SlowExec time.Duration
	HoldExec bool
	// OutliveSession: a command that was received runs to its end, though its session or connection is gone meanwhile.
	OutliveSession bool
	// Cut: the output ends after CutAfter bytes, and the channel closes without an exit status.
	Cut      bool
	CutAfter int

	// Delay is the one-way delay in both directions. Order is kept; bytes on their way keep the delay they had.
	Delay time.Duration
	// BlackHole: no packet passes. Live connections are silent, and go on where they were when it ends, as TCP does;
	// dials are as under DropDials.
	BlackHole bool
	// HoldReceived: nothing that clients send arrives. HoldSent: nothing that the device sends arrives. Each is a black
	// hole in one direction; dials are as under DropDials.
	HoldReceived, HoldSent bool
	// Trickle: what the device sends arrives byte by byte, one in this time.
	Trickle time.Duration
	// Frozen: the process stands still while the kernel goes on: dials succeed, and everything happens after the thaw.
	Frozen bool
}

// SetFaults replaces all faults.
func (s *Server) SetFaults(f Faults) { s.changeFaults(func(now *Faults) { *now = f }) }

// Faults returns the faults that hold now.
func (s *Server) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func (s *Server) SetRefuse(on bool)      { s.changeFaults(func(f *Faults) { f.Refuse = on }) }
func (s *Server) SetUnreachable(on bool) { s.changeFaults(func(f *Faults) { f.Unreachable = on }) }
func (s *Server) SetDropDials(on bool)   { s.changeFaults(func(f *Faults) { f.DropDials = on }) }

func (s *Server) SetAcceptThenClose(on bool) {
	s.changeFaults(func(f *Faults) { f.AcceptThenClose = on })
}
func (s *Server) SetHoldBanner(on bool) { s.changeFaults(func(f *Faults) { f.HoldBanner = on }) }
func (s *Server) SetHoldKeyExchange(on bool) {
	s.changeFaults(func(f *Faults) { f.HoldKeyExchange = on })
}
func (s *Server) SetRejectLogin(on bool) { s.changeFaults(func(f *Faults) { f.RejectLogin = on }) }
func (s *Server) SetHoldLogin(on bool)   { s.changeFaults(func(f *Faults) { f.HoldLogin = on }) }
func (s *Server) SetHangOpens(on bool)   { s.changeFaults(func(f *Faults) { f.HangOpens = on }) }
func (s *Server) SetLoseOpens(on bool)   { s.changeFaults(func(f *Faults) { f.LoseOpens = on }) }
func (s *Server) SetRefuseOpens(on bool) { s.changeFaults(func(f *Faults) { f.RefuseOpens = on }) }
func (s *Server) SetHoldExec(on bool)    { s.changeFaults(func(f *Faults) { f.HoldExec = on }) }
func (s *Server) SetBlackHole(on bool)   { s.changeFaults(func(f *Faults) { f.BlackHole = on }) }
func (s *Server) SetHoldReceived(on bool) {
	s.changeFaults(func(f *Faults) { f.HoldReceived = on })
}
func (s *Server) SetHoldSent(on bool) { s.changeFaults(func(f *Faults) { f.HoldSent = on }) }
func (s *Server) SetFrozen(on bool)   { s.changeFaults(func(f *Faults) { f.Frozen = on }) }

func (s *Server) SetOutliveSession(on bool) {
	s.changeFaults(func(f *Faults) { f.OutliveSession = on })
}
func (s *Server) SetSlowExec(d time.Duration) { s.changeFaults(func(f *Faults) { f.SlowExec = d }) }
func (s *Server) SetTrickle(d time.Duration)  { s.changeFaults(func(f *Faults) { f.Trickle = d }) }
func (s *Server) SetDelay(d time.Duration)    { s.changeFaults(func(f *Faults) { f.Delay = d }) }

// SetCutOutput cuts the output of commands after n bytes; n < 0 turns the fault off.
func (s *Server) SetCutOutput(n int) {
	s.changeFaults(func(f *Faults) { f.Cut, f.CutAfter = n >= 0, max(n, 0) })
}

// SetBlackHoleLive makes the connections live now silent for ever, while new dials work: a half-open link.
func (s *Server) SetBlackHoleLive() {
	s.changeFaults(func(*Faults) {
		for l := range s.links {
			l.kill()
		}
	})
}

// DropAll ends every live connection with a FIN.
func (s *Server) DropAll() { s.eachLink((*link).drop) }

// ResetAll ends every live connection with a reset.
func (s *Server) ResetAll() { s.eachLink((*link).reset) }

// DisconnectAll ends every live connection with an SSH disconnect message and a FIN. One on which the message cannot
// be made (see [wiretap]) gets the FIN alone.
func (s *Server) DisconnectAll() { s.eachLink((*link).disconnect) }

// BreakProtocolAll sends n packets that no SSH client expects on every live connection, and leaves each open in silence.
// One on which the packets cannot be made gets a FIN.
func (s *Server) BreakProtocolAll(n int) { s.eachLink(func(l *link) { l.breakProtocol(n) }) }

func (s *Server) eachLink(f func(*link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		f(l)
	}
}

// changeFaults is the only place where faults change: it hands them to the live connections, opens or closes the
// listeners, and wakes what waits for a fault to end.
func (s *Server) changeFaults(change func(*Faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
	for l := range s.links {
		l.tune(s.faults)
	}
	s.tuneListenersLocked()
	close(s.changed)
	s.changed = make(chan struct{})
}

// waitWhile waits until the fault is off and reports true, or false when done is closed first.
func (s *Server) waitWhile(done <-chan struct{}, on func(Faults) bool) bool {
	for {
		s.mu.Lock()
		active, changed := on(s.faults), s.changed
		s.mu.Unlock()
		if !active {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
