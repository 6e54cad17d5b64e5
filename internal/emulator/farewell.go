package emulator

import "golang.org/x/crypto/ssh"

// loggedIn gives the link the means to send packets of its own.
func (l *link) loggedIn(finish func(packets [][]byte, hangUp bool)) {
	l.setState(func() { l.farewell = finish })
}

// finishWith ends the link with the packets, and with a FIN alone before login.
func (l *link) finishWith(packets [][]byte, hangUp bool) {
	l.mu.Lock()
	finish := l.farewell
	l.mu.Unlock()
	if finish == nil {
		l.drop()
		return
	}
	finish(packets, hangUp)
}

// disconnectByApplication is the reason code of a device that ends a session on purpose.
const disconnectByApplication = 11

// disconnect ends the link with an SSH disconnect message (RFC 4253, section 11.1) and a FIN.
func (l *link) disconnect() {
	l.finishWith([][]byte{ssh.Marshal(struct {
		Reason   uint32 `sshtype:"1"`
		Message  string
		Language string
	}{Reason: disconnectByApplication})}, true)
}

// breakProtocol sends n data packets of a channel that was never opened (RFC 4254, section 5.2), and then nothing more:
// the TCP connection stays.
func (l *link) breakProtocol(n int) {
	data := ssh.Marshal(struct {
		Channel uint32 `sshtype:"94"`
		Data    string
	}{Channel: 1 << 20, Data: "x"})
	packets := make([][]byte, n)
	for i := range packets {
		packets[i] = data
	}
	l.finishWith(packets, false)
}
