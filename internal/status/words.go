package status

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rds-csi/internal/conn"
)

// plain is a sentence for a person, and what that person can do about it.
type plain struct{ text, remedy string }

// reasons puts the end of a live connection in words. Kinds of a failed attempt
// bring their own words, see conn.Kind.
var reasons = map[conn.Reason]plain{
	conn.ReasonEOF: {"The RDS closed the connection.",
		"It may have restarted, or somebody ended the session; see /log on the RDS."},
	conn.ReasonReset: {"The connection was reset.",
		"The RDS may have restarted, or a firewall on the way forgot the connection."},
	conn.ReasonSilence: {"The RDS went silent: no byte came within the deadline of a probe.",
		"Check power, cabling, switch and routes between this pod and the RDS."},
	conn.ReasonUnusable: {"The RDS still sends data, but carries out no commands.",
		"Check the load of the RDS and /user/active on it."},
	conn.ReasonDisconnect: {"The RDS ended the SSH connection with a message.",
		"Read its text; see /log on the RDS."},
	conn.ReasonRequested: {"A reconnect was asked for while the connection was healthy.", ""},
	conn.ReasonOther:     {"The connection ended for a reason that is not known.", ""},
	conn.ReasonShutdown:  {"The controller closed the connection.", ""},
}

// causes puts in words what an outage turned out to be.
var causes = map[conn.Cause]plain{
	conn.CauseLink: {"The link was interrupted; the RDS itself kept running.", ""},
	conn.CauseReboot: {"The RDS rebooted.",
		"If nobody restarted it on purpose, look for power faults and crashes in /log on the RDS."},
	conn.CauseOtherDevice: {"Another device answers at the address of the RDS.",
		"Do not provision volumes until you know which device this is: compare its serial number with the one you expect, and check --rds-address."},
	conn.CauseUnknown: {"The cause is not known.", ""},
}

var (
	banWords = plain{"The RDS answered earlier in this outage and now drops every dial: its firewall may have blocked this address.",
		"On the RDS look for the address of this pod in /ip/firewall/address-list and accept it before the rules that count connections; --rds-dial-budget keeps the dials below their limit."}
	gaveUpWords = plain{"No connection within the time of --rds-backoff-max-elapsed. Attempts go on at the same pace.",
		"See the failed attempts of this outage for the reason."}
	panicWords = plain{"The callback that runs after a reconnect panicked. The connection goes on.",
		"This is a fault in the controller: report it with the stack from the log."}
	abandonedWords = plain{"An operation passed its deadline and was left behind on the connection.",
		"If this repeats, the RDS hangs or is overloaded: check its load and /user/active."}
)

// kindWords are the words of a kind, never empty.
func kindWords(k conn.Kind) plain {
	if s := k.Summary(); s != "" {
		return plain{s, k.Remedy()}
	}
	return plain{"The attempt failed.", k.Remedy()}
}

// reasonWords are the words of a reason, never empty.
func reasonWords(r conn.Reason) plain {
	if w, ok := reasons[r]; ok {
		return w
	}
	return reasons[conn.ReasonOther]
}

// causeWords are the words of a cause, never empty.
func causeWords(c conn.Cause) plain {
	if w, ok := causes[c]; ok {
		return w
	}
	return causes[conn.CauseUnknown]
}

// maxText bounds every text from outside that is kept or shown: an error text
// may hold whatever the peer sent before the handshake failed.
const maxText = 400

// clean makes a text from outside safe to show in a terminal as well as in a
// page: valid UTF-8, one line, no control or direction characters, bounded.
func clean(s string) string {
	if len(s) > 4*maxText { // no work on what will be cut anyway
		s = s[:4*maxText]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	s = strings.TrimSpace(s)
	if len(s) <= maxText {
		return s
	}
	cut := maxText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// humanDuration tells a duration in at most two units, as a person would.
func humanDuration(d time.Duration) string {
	d = max(d, 0)
	two := func(n time.Duration, unit string, m time.Duration, sub string) string {
		if m == 0 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		return fmt.Sprintf("%d %s %d %s", n, unit, m, sub)
	}
	const day = 24 * time.Hour
	switch {
	case d < 10*time.Millisecond:
		return "0 s"
	case d < 10*time.Second:
		tenths := d.Round(100 * time.Millisecond).Seconds()
		return strings.TrimSuffix(fmt.Sprintf("%.1f", max(tenths, 0.1)), ".0") + " s"
	case d < time.Minute:
		return two(d/time.Second, "s", 0, "")
	case d < time.Hour:
		return two(d/time.Minute, "min", d%time.Minute/time.Second, "s")
	case d < day:
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "min")
	}
	return two(d/day, "d", d%day/time.Hour, "h")
}

// count is "1 attempt", "2 attempts".
func count[N ~int | ~uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
