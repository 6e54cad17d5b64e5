package emulator

import "time"

// BruteForceRules are firewall rules in front of the service that count new connections per source, whatever becomes
// of them. RouterOS fact: add-src-to-address-list lets the packet go on to the next rule, and the stages are listed in
// reverse order, so every connection moves its source one stage on.
type BruteForceRules struct {
	Stages []time.Duration // how long a source stays in each stage's list; none: no rules
	Ban    time.Duration
	// DropAtOnce drops the connection that leads to the ban as well.
	DropAtOnce bool
	// Renew starts the ban anew at each attempt made under it.
	Renew bool
	// Refuse refuses banned sources instead of dropping their packets.
	Refuse bool
}

// ClassicRules are those of the vendor's old wiki, found in countless configurations.
func ClassicRules() BruteForceRules {
	minute := time.Minute
	return BruteForceRules{Stages: []time.Duration{minute, minute, minute}, Ban: 10 * 24 * time.Hour}
}

// ManualRules are those of the current manual.
func ManualRules() BruteForceRules {
	return BruteForceRules{
		Stages:     []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour},
		Ban:        24 * time.Hour,
		DropAtOnce: true,
		Renew:      true,
	}
}

// guard applies the rules.
type guard struct {
	rules   BruteForceRules
	sources map[string]*suspect
}

// suspect is what the address lists hold on one source.
type suspect struct {
	stages []time.Time // when it leaves each list
	banned time.Time
}

func newGuard(rules BruteForceRules) guard {
	return guard{rules: rules, sources: make(map[string]*suspect)}
}

// admits counts a new connection and reports whether it may pass.
func (g *guard) admits(source string, now time.Time) bool {
	stages := g.rules.Stages
	if len(stages) == 0 {
		return true
	}
	who := g.sources[source]
	if who == nil {
		who = &suspect{stages: make([]time.Time, len(stages))}
		g.sources[source] = who
	}
	if now.Before(who.banned) {
		if g.rules.Renew {
			who.banned = now.Add(g.rules.Ban)
		}
		return false
	}
	last := len(stages) - 1
	leadsToBan := now.Before(who.stages[last])
	if leadsToBan {
		who.banned = now.Add(g.rules.Ban)
	}
	for i := last; i > 0; i-- {
		if now.Before(who.stages[i-1]) {
			who.stages[i] = now.Add(stages[i])
		}
	}
	who.stages[0] = now.Add(stages[0])
	return !leadsToBan || !g.rules.DropAtOnce
}

// SetBruteForce replaces the rules and empties their lists.
func (s *Server) SetBruteForce(rules BruteForceRules) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guard = newGuard(rules)
	s.stats.BannedUntil = time.Time{}
}

// passesGuardLocked counts a new connection in rules and statistics.
func (s *Server) passesGuardLocked(source string) bool {
	ok := s.guard.admits(source, time.Now())
	if who := s.guard.sources[source]; who != nil {
		s.stats.BannedUntil = who.banned
	}
	if !ok {
		s.stats.Banned++
	}
	return ok
}
