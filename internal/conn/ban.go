package conn

// suspectAfter is how many dials in a row must time out.
const suspectAfter = 3

// banWatch suspects that a firewall blocks this host: within one outage the
// device had answered a dial, and then dials time out. A device that is gone
// does not answer first.
type banWatch struct {
	answered bool
	timeouts int
}

// failed notes the end of an attempt and reports whether a ban is suspected.
func (b *banWatch) failed(kind Kind) bool {
	switch kind {
	case KindTimeout:
		if b.answered {
			b.timeouts++
		}
	case KindRefused, KindClosed, KindHandshake, KindHostKey, KindAuth, KindUnusable:
		*b = banWatch{answered: true}
	case KindUnreachable:
		b.timeouts = 0
	}
	// Without a dial (resolve, credentials) nothing is learned.
	return b.timeouts >= suspectAfter
}

// connected ends the suspicion.
func (b *banWatch) connected() bool {
	*b = banWatch{}
	return false
}
