package emulator

import (
	"testing"
)

func TestLineRunsOverSSHInMemory(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.want(`:put "OK-42"`, "OK-42\r\n")
		c.want(`:put [/system identity get name]; foo; :put no`, "MikroTik\r\nbad command name foo (line 1 column 35)\r\n")
		h.wantElapsed(0)
	})
}

func TestDisconnectIsARealMessage(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.want(`:put a`, "a\r\n")
		h.DisconnectAll()
		if err := c.lost(); err == nil || err.Error() != `ssh: disconnect, reason 11: ""` {
			h.Fatalf("got %v", err)
		}
	})
}
