package emulator

import (
	"context"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// sessions are the channels of one connection.
type sessions struct {
	server *Server
	user   string
	gone   <-chan struct{}

	mu    sync.Mutex
	open  int
	freed chan struct{} // closed, and replaced by nil, when a session ends
}

// serve is the life of one channel.
func (c *sessions) serve(offer ssh.NewChannel) {
	s := c.server
	if offer.ChannelType() != "session" {
		offer.Reject(ssh.UnknownChannelType, "unknown channel type")
		return
	}
	s.count(func(st *Stats) { st.Opens++ })
	if !s.waitWhile(c.gone, func(f Faults) bool { return f.HangOpens }) {
		return
	}
	if s.Faults().LoseOpens {
		<-c.gone
		return
	}
	if s.Faults().RefuseOpens || !c.acquire() {
		offer.Reject(ssh.ResourceShortage, "open failed")
		return
	}
	release := sync.OnceFunc(c.release)
	defer release()
	channel, requests, err := offer.Accept()
	if err != nil {
		return
	}
	c.serveRequests(channel, requests, release)
}

// acquire takes one of the connection's sessions. It reports false when there is none.
func (c *sessions) acquire() bool {
	for {
		c.mu.Lock()
		limit := c.server.options.SessionsPerConnection
		if limit == 0 || c.open < limit {
			c.open++
			c.mu.Unlock()
			c.server.count(func(st *Stats) { st.Sessions++; st.MaxSessions = max(st.MaxSessions, st.Sessions) })
			return true
		}
		if c.freed == nil {
			c.freed = make(chan struct{})
		}
		freed := c.freed
		c.mu.Unlock()
		if !c.server.options.HangOverLimit {
			return false
		}
		select {
		case <-freed:
		case <-c.gone:
			return false
		}
	}
}

func (c *sessions) release() {
	c.server.count(func(st *Stats) { st.Sessions-- })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.freed != nil {
		close(c.freed)
		c.freed = nil
	}
}

// serveRequests answers the channel's requests until the client closes it. One command runs in a channel's life.
func (c *sessions) serveRequests(channel ssh.Channel, requests <-chan *ssh.Request, release func()) {
	ctx, cancel := context.WithCancel(c.server.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer channel.Close()
	defer cancel()
	started := false
	for r := range requests {
		var exec struct{ Command string }
		var subsystem struct{ Name string }
		switch {
		case r.Type == "exec" && !started && ssh.Unmarshal(r.Payload, &exec) == nil:
			started = true
			reply(r, true)
			running.Go(func() { c.exec(ctx, channel, exec.Command, release) })
		case r.Type == "subsystem" && !started && ssh.Unmarshal(r.Payload, &subsystem) == nil && subsystem.Name == "sftp" &&
			c.server.device.permits(c.user, "ftp"):
			started = true
			reply(r, true)
			running.Go(func() {
				defer channel.Close()
				defer release()
				c.server.device.serveFiles(channel)
			})
		case r.Type == "pty-req":
			reply(r, true)
		default: // other subsystems, shells, environment
			reply(r, false)
		}
	}
}

func reply(r *ssh.Request, ok bool) {
	if r.WantReply {
		r.Reply(ok, nil)
	}
}

// exec runs the command and closes the channel. RouterOS fact: data, exit status, close, and no EOF.
func (c *sessions) exec(ctx context.Context, channel ssh.Channel, command string, release func()) {
	s := c.server
	defer channel.Close()
	defer release() // before the close, so that a client that opens its next session at once finds it free
	s.count(func(st *Stats) { st.Commands = append(st.Commands, command) })
	if s.Faults().OutliveSession {
		ctx = s.ctx
	}
	if !sleep(ctx, s.Faults().SlowExec) || !s.waitWhile(ctx.Done(), func(f Faults) bool { return f.HoldExec }) {
		return
	}
	result := s.device.Run(ctx, c.user, command)
	output := result.Output
	f := s.Faults()
	cut := f.Cut && len(output) > f.CutAfter
	if cut {
		output = output[:f.CutAfter]
	}
	if _, err := channel.Write([]byte(output)); err != nil || cut {
		return
	}
	if s.options.SendEOF {
		channel.CloseWrite()
	}
	if !s.options.OmitExitStatus {
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(result.ExitStatus)}))
	}
}

// sleep reports whether the time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
