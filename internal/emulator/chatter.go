package emulator

import (
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Chatter has the device send a global request on every connection each interval, as an OpenSSH server does to announce
// its host keys, until stop is called: bytes flow, whatever else does not.
func (s *Server) Chatter(every time.Duration) (stop func()) {
	done := make(chan struct{})
	s.start(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.chat()
			case <-done:
				return
			case <-s.ctx.Done():
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(done) })
}

func (s *Server) chat() {
	s.mu.Lock()
	var conns []ssh.Conn
	for l := range s.links {
		if conn := l.conn.Load(); conn != nil {
			conns = append(conns, *conn)
		}
	}
	s.mu.Unlock()
	for _, conn := range conns {
		_, _, _ = conn.SendRequest("hostkeys-00@openssh.com", false, nil) // fails where the connection ended meanwhile
	}
}
