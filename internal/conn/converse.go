package conn

import (
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

// closeGrace is how long the end of a session is awaited after its last word:
// the channel's close after an exit status, and news of the connection's own
// end where there was none, which x/crypto/ssh shows alike.
const closeGrace = 100 * time.Millisecond

var errExecRefused = errors.New("the device refused to run a command")

// converse sends the command on an open session and reads all of the answer.
func (op *operation) converse(ch ssh.Channel, requests <-chan *ssh.Request) *Error {
	status := make(chan int, 1)
	go readStatus(requests, status)
	payload := struct{ Command string }{op.command}
	accepted, err := ch.SendRequest("exec", true, ssh.Marshal(&payload))
	switch {
	case err != nil && op.link.ended():
		return op.link.lost(Unknown)
	case err != nil:
		return execError(KindClosed, Unknown, err)
	case !accepted:
		return execError(KindRejected, Refused, errExecRefused)
	}
	limit := op.link.maxOutput + 1
	// Nothing useful was ever seen on RouterOS's stderr; it is merged anyway.
	for _, stream := range []io.Reader{ch, ch.Stderr()} {
		// The only error is the end of the stream; the status tells the rest.
		_, _ = io.Copy(&op.output, io.LimitReader(stream, int64(limit-op.output.Len())))
	}
	if op.output.Len() == limit {
		op.output.Reset()
		return execError(KindTooLarge, Unknown, ErrOutputTooLarge)
	}
	return op.judgeStatus(status)
}

// judgeStatus waits for the end of the session. RouterOS sends status 0 even
// for errors and is not bound to send one at all, so that its absence is no
// failure, unless it was the connection that ended.
func (op *operation) judgeStatus(status <-chan int) *Error {
	code, sent := <-status
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	if !sent {
		select {
		case <-op.link.done:
			return op.link.lost(Unknown)
		case <-grace.C:
			return nil
		}
	}
	// The device frees the session with its close; opening the next one before
	// could meet its limit.
	select {
	case <-status:
	case <-grace.C:
	}
	if code != 0 {
		failure := execError(KindRejected, Refused, nil)
		failure.Status = code
		return failure
	}
	return nil
}

// readStatus serves the session's requests (RFC 4254, 6.10) until the channel
// is closed, which closes status; the first status is the one.
func readStatus(requests <-chan *ssh.Request, status chan<- int) {
	defer close(status)
	seen := false
	for request := range requests {
		code, ok := statusCode(request)
		if ok && !seen {
			seen = true
			status <- code
		}
		if request.WantReply {
			_ = request.Reply(false, nil) // fails only with the connection
		}
	}
}

// statusCode reads the exit status; a signal counts as 128, a shell's custom.
func statusCode(request *ssh.Request) (code int, ok bool) {
	switch request.Type {
	case "exit-status":
		var payload struct{ Code uint32 }
		err := ssh.Unmarshal(request.Payload, &payload)
		return int(payload.Code), err == nil
	case "exit-signal":
		return 128, true
	}
	return 0, false
}
