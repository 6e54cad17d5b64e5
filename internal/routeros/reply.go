package routeros

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	// maxLine keeps command lines short: a small command buffer was reported, its size unknown.
	maxLine = 1023
	// maxReply bounds what is parsed. No command here asks for that much; RouterOS is known to cut such output.
	maxReply = 2 << 20
	// sentinelRoom is what withSentinel adds to a line, and a little more.
	sentinelRoom = 40
)

// newNonce makes the part of a sentinel that no earlier reply and no stored value can hold.
func newNonce() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func sentinel(nonce string) string { return "OK-" + nonce }

// withSentinel ends a command line with the :put that proves that everything before it ran and was received.
func withSentinel(command, nonce string) (string, error) {
	line := command + `; :put "` + sentinel(nonce) + `"`
	if len(line) > maxLine {
		return "", &Error{Kind: ErrInvalid, Text: fmt.Sprintf("the command line is %d bytes long, at most %d are safe", len(line), maxLine),
			Remedy: "shorten the base path"}
	}
	return line, nil
}

// beforeSentinel is what the device printed before the sentinel. complete is false when the sentinel is not the last
// line, whole and alone.
func beforeSentinel(output, nonce string) (text string, complete bool) {
	trimmed := strings.TrimRight(output, " \r\n\t\x00")
	start := strings.LastIndexAny(trimmed, "\r\n") + 1
	switch last := trimmed[start:]; {
	case last == sentinel(nonce):
		return trimmed[:start], true
	case last != "" && strings.HasPrefix(sentinel(nonce), last):
		return trimmed[:start], false // cut in the middle of it
	}
	return output, false
}

// hasSentinel reports whether the sentinel is one of the lines. A notice to all users may come after it.
func hasSentinel(output, nonce string) bool {
	for line := range strings.Lines(output) {
		if strings.Trim(line, " \r\n\t\x00") == sentinel(nonce) {
			return true
		}
	}
	return false
}

// tooLong refuses a reply that is larger than any that was asked for.
func tooLong(output string, limit int) error {
	if len(output) <= limit {
		return nil
	}
	return &Error{Kind: ErrMalformed, Text: fmt.Sprintf("a reply of %d bytes, at most %d were expected", len(output), limit)}
}

// withoutControls removes raw control characters. RouterOS ends lines in CRLF, and a terminal in between was seen to
// break a long JSON line with a line feed; within JSON none of them can be data.
func withoutControls(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}
