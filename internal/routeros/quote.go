package routeros

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxValueLength is the longest value in bytes that Quote accepts. A command line should stay below 1 KiB, and no slot,
// path or NQN comes near this.
const MaxValueLength = 512

// escapes of a double-quoted RouterOS string, the only kind there is: \ escapes and $ substitutes. A Replacer passes
// over the value once, which comes to the same as escaping \ first.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`)

// Quote gives value as a double-quoted RouterOS string. Every value that comes from outside passes it, so that no name,
// path or NQN can add a command. It refuses what cannot be one string on one line: control characters, invalid UTF-8
// and more than [MaxValueLength] bytes.
func Quote(value string) (string, error) {
	if len(value) > MaxValueLength {
		return "", &Error{Kind: ErrInvalid, Text: fmt.Sprintf("value of %d bytes, at most %d fit", len(value), MaxValueLength)}
	}
	if !utf8.ValidString(value) {
		return "", &Error{Kind: ErrInvalid, Text: fmt.Sprintf("value %q is not valid UTF-8", value)}
	}
	for _, r := range value {
		// Line and paragraph separators are no control characters to Unicode, but end a line for some readers.
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return "", &Error{Kind: ErrInvalid, Text: fmt.Sprintf("value %q has a control character", value)}
		}
	}
	return `"` + escapes.Replace(value) + `"`, nil
}
