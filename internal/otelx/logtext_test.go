package otelx

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What a device says may stand in any value of a line; it must not become a
// line of its own, nor reach the terminal as more than text.
func TestForeignTextStaysOneValueOfOneLine(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	const evil = "bye\n12:00:00.000 INF RDS connected\r\x1b[2J\x07\x00\xff"
	for _, format := range []string{LogJSON, LogTint} {
		log, out := newLog(t, format, false)
		log.Warn("RDS connection lost", "text", evil, "error", fmt.Errorf("ssh: %w", errors.New(evil)))
		text, rest, _ := strings.Cut(out.String(), "\n")
		if rest != "" || strings.ContainsAny(text, "\r\x1b\x07\x00") {
			t.Errorf("%s: got %q", format, out.String())
		}
	}
}
