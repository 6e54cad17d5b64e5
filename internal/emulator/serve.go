package emulator

import (
	"golang.org/x/crypto/ssh"
)

// serve is the life of one connection on the device's side.
func (s *Server) serve(l *link) {
	f := s.Faults()
	switch {
	case f.AcceptThenClose, s.full():
		return
	case f.HoldBanner:
		<-l.gone
		return
	case f.HoldKeyExchange:
		l.Write([]byte(s.options.Version + "\r\n"))
		<-l.gone
		return
	}
	tap := newWiretap(l)
	conn, channels, requests, err := ssh.NewServerConn(tap, s.config(tap))
	if err != nil {
		return
	}
	l.loggedIn(func(packets [][]byte, hangUp bool) { tap.finish(conn.Conn, packets, hangUp) })
	l.conn.Store(&conn.Conn)
	s.tasks.Go(func() {
		for r := range requests {
			if s.options.AnswerGlobalRequests {
				r.Reply(false, nil)
			}
		}
	})
	sessions := &sessions{server: s, user: userName(conn.User()), gone: l.gone}
	for channel := range channels {
		s.tasks.Go(func() { sessions.serve(channel) })
	}
}

// full reports whether the service has as many connections as it takes, this one not counted.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for l := range s.links {
		if l.isServed() {
			n++
		}
	}
	return n > s.options.MaxSessions
}
