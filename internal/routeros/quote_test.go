package routeros

import (
	"errors"
	"strings"
	"testing"
)

func TestQuoteEscapesWhatRouterOSInterprets(t *testing.T) {
	for value, want := range map[string]string{
		"":                                `""`,
		"pvc-1":                           `"pvc-1"`,
		"a b":                             `"a b"`,
		`a"; /system reset-configuration`: `"a\"; /system reset-configuration"`,
		`$x`:                              `"\$x"`,
		`\`:                               `"\\"`,
		`\"`:                              `"\\\""`,
		`\$`:                              `"\\\$"`,
		"[:put 1]":                        `"[:put 1]"`,
		"größe":                           `"größe"`,
	} {
		if got, err := Quote(value); err != nil || got != want {
			t.Errorf("%q: got %s, %v; want %s", value, got, err, want)
		}
	}
}

func TestQuoteRefusesWhatOneStringCannotHold(t *testing.T) {
	for _, value := range []string{"a\nb", "a\rb", "a\x00b", "a\x1bb", "\x7f", "\u0085", "\u2028", "a\xffb", "\xc3",
		strings.Repeat("x", MaxValueLength+1)} {
		if got, err := Quote(value); !errors.Is(err, ErrInvalid) || got != "" {
			t.Errorf("%.20q: got %s, %v; want invalid", value, got, err)
		}
	}
}

// unquote reads the first RouterOS string of a line and returns what follows it: the reverse of Quote, written
// apart from it.
func unquote(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '$':
			return "", "", false // would substitute
		case '\\':
			i++
			if i == len(text) || !strings.ContainsRune(`\"$`, rune(text[i])) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

func FuzzQuotedValueStaysOneValue(f *testing.F) {
	for _, value := range []string{`a"; /file remove [find] ; :put "`, `\`, `\\"`, `$[/system reboot]`, `\$`, "x\ny", "\x00", "ä\xff"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		quoted, err := Quote(value)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || quoted != "" {
				t.Errorf("%q: got %q, %v", value, quoted, err)
			}
			return
		}
		if strings.ContainsAny(quoted, "\r\n\x00") {
			t.Errorf("%q became more than one line: %q", value, quoted)
		}
		if got, rest, ok := unquote(quoted); !ok || rest != "" || got != value {
			t.Errorf("%q reads back as %q, then %q (%v)", value, got, rest, ok)
		}
	})
}
