package conn

import (
	"bytes"
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

// closeGrace is how long the end of a session is awaited after its last word:
// the channel's close after an exit status, and news of the connection's own
// end where there was none.
const closeGrace = 100 * time.Millisecond

// What stands for an exit status where there is none.
const (
	noStatus = -1 // none was sent
	signaled = -2 // a signal ended the command
)

var (
	errExecRefused = errors.New("the device refused to run a command")
	errEnded       = errors.New("the device ended the command")
)

// converse sends the command on an open session and reads all of the answer.
func (op *operation) converse(ch ssh.Channel, statuses <-chan int) *Error {
	payload := struct{ Command string }{op.command}
	accepted, err := ch.SendRequest("exec", true, ssh.Marshal(&payload))
	switch {
	case err != nil && op.connectionOver():
		return op.link.lost(Unknown)
	case err != nil:
		return execError(KindRejected, Unknown, errEnded)
	case !accepted:
		return execError(KindRejected, Refused, errExecRefused)
	}
	var stdout, stderr bytes.Buffer
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		if !op.take(&stderr, ch.Stderr()) {
			ch.Close() // ends the other stream too
		}
	}()
	all := op.take(&stdout, ch)
	if all {
		<-rest
	}
	if !all || stdout.Len()+stderr.Len() > op.link.maxOutput {
		return execError(KindTooLarge, Unknown, ErrOutputTooLarge)
	}
	// Nothing useful was ever seen on RouterOS's stderr; it is merged anyway.
	op.output = stdout.String() + stderr.String()
	return op.judgeStatus(awaitStatus(statuses))
}

// serve takes the requests of a session (RFC 4254, 6.10), passes the exit status
// on, and calls closed when the device has closed it. x/crypto/ssh reads nothing
// more of the connection, and never ends, while 16 requests of one session wait.
func serve(requests <-chan *ssh.Request, closed func()) (statuses <-chan int) {
	found := make(chan int, 1)
	go func() {
		defer close(found)
		defer closed()
		for request := range requests {
			if code, ok := statusCode(request); ok {
				select {
				case found <- code:
				default: // there was one
				}
			}
			if request.WantReply {
				_ = request.Reply(false, nil) // fails only with the connection
			}
		}
	}()
	return found
}

// take reads a stream, and not more than one byte past the limit. It reports
// whether the stream kept to it.
func (op *operation) take(to *bytes.Buffer, stream io.Reader) bool {
	// The only error is the end of the stream; the status tells the rest.
	_, _ = io.Copy(to, io.LimitReader(stream, int64(op.link.maxOutput)+1))
	return to.Len() <= op.link.maxOutput
}

// awaitStatus waits until the device closed the session, and returns the exit
// status. The device frees the session with its close: opening the next one
// before could meet its limit.
func awaitStatus(statuses <-chan int) int {
	status := noStatus
	var grace <-chan time.Time
	for {
		select {
		case code, ok := <-statuses:
			if !ok {
				return status
			}
			if status == noStatus {
				status = code
				grace = time.After(closeGrace)
			}
		case <-grace:
			return status
		}
	}
}

// judgeStatus makes an error of the exit status. RouterOS sends 0 even for
// errors and is not bound to send one at all, so that its absence is no
// failure, unless it was the connection that ended.
func (op *operation) judgeStatus(status int) *Error {
	switch status {
	case 0:
		return nil
	case signaled:
		return execError(KindRejected, Unknown, errEnded)
	case noStatus:
		if op.connectionOver() {
			return op.link.lost(Unknown)
		}
		return nil
	}
	failure := execError(KindRejected, Refused, nil)
	failure.Status = status
	return failure
}

// connectionOver tells the end of the connection from that of a session, which
// x/crypto/ssh shows alike: news of the former may be a moment away.
func (op *operation) connectionOver() bool {
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-op.link.done:
		return true
	case <-grace.C:
		return op.link.wire.isOver()
	}
}

// statusCode reads the exit status.
func statusCode(request *ssh.Request) (code int, ok bool) {
	switch request.Type {
	case "exit-status":
		var payload struct{ Code uint32 }
		err := ssh.Unmarshal(request.Payload, &payload)
		return int(payload.Code), err == nil
	case "exit-signal":
		return signaled, true
	}
	return 0, false
}
