package status

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rds-csi/internal/conn"
)

func TestEveryReasonAndCauseHasWords(t *testing.T) {
	for _, r := range append(conn.DisconnectReasons(), conn.ReasonShutdown) {
		if reasons[r].text == "" {
			t.Errorf("reason %q has no words", r)
		}
	}
	for _, c := range conn.Causes() {
		if causes[c].text == "" {
			t.Errorf("cause %q has no words", c)
		}
	}
	if kindWords("new_kind").text == "" || reasonWords("new_reason").text == "" || causeWords("new_cause").text == "" {
		t.Error("an unknown word leaves the reader without any")
	}
}

func TestCleanMakesForeignTextSafeToShow(t *testing.T) {
	for in, want := range map[string]string{
		"7.21.3 (stable)":         "7.21.3 (stable)",
		"two\nlines\r\n":          "two lines",
		"\x1b[31mred\x1b[0m":      "\ufffd[31mred\ufffd[0m",
		"abc\u202etxt.exe":        "abc\ufffdtxt.exe",
		"bad \xff\xfe utf-8":      "bad \ufffd utf-8",
		"line\u2028separator":     "line separator",
		"<script>":                "<script>", // escaping is the page's work
		strings.Repeat("ä", 1000): strings.Repeat("ä", maxText/2) + "…",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%.40q) is %.40q, want %.40q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add(strings.Repeat("\xff", 5000))
	f.Add("a\u202eb\x00c")
	f.Fuzz(func(t *testing.T, in string) {
		got := clean(in)
		if !utf8.ValidString(got) || len(got) > maxText+len("…") || strings.ContainsAny(got, "\n\r\x00\x1b\u202e") {
			t.Errorf("clean(%q) is %q", in, got)
		}
	})
}

func TestHumanDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                          "0 s",
		0:                                     "0 s",
		9 * time.Millisecond:                  "0 s",
		20 * time.Millisecond:                 "0.1 s",
		1240 * time.Millisecond:               "1.2 s",
		7 * time.Second:                       "7 s",
		59*time.Second + 999*time.Millisecond: "59 s",
		time.Minute:                           "1 min",
		5*time.Minute + 3*time.Second:         "5 min 3 s",
		3*time.Hour + 59*time.Minute + 59*time.Second: "3 h 59 min",
		24 * time.Hour: "1 d",
		50 * time.Hour: "2 d 2 h",
	} {
		if got := humanDuration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestAHundredPercentIsSaidOnlyOfADayWithoutALoss(t *testing.T) {
	for ratio, want := range map[float64]string{1: "100 %", 0.9999999: "99.99 %", 0.5: "50 %", 0: "0 %"} {
		if got := percent(ratio); got != want {
			t.Errorf("%v is %q, want %q", ratio, got, want)
		}
	}
}

func TestFlagsAndPathsAreSetApart(t *testing.T) {
	var b strings.Builder
	for _, w := range splitWords("Check --rds-port, and /ip/service/print where. A / or -- is none.") {
		if w.Code {
			b.WriteString("[" + w.Text + "]")
		} else {
			b.WriteString(w.Text)
		}
	}
	if got, want := b.String(), "Check [--rds-port], and [/ip/service/print] where. A / or -- is none."; got != want {
		t.Errorf("got %q", got)
	}
}
