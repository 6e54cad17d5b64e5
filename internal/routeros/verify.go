package routeros

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// SystemInfo is what a device says of itself. What it did not say is empty or zero: unknown, never different.
type SystemInfo struct {
	Uptime       time.Duration // at the time of the answer
	Version      string        // "7.24.5 (stable)"; always there
	Board        string        // "RDS2216", "CHR QEMU Standard PC (i440FX + PIIX, 1996)"
	Architecture string        // "arm64", "x86_64"
	SerialNumber string        // of the hardware; a CHR has none
	SoftwareID   string        // of the licence; hardware
	SystemID     string        // of the licence; CHR
	LicenseLevel string        // "free", "p1", "6"
}

// The menus are written with spaces on purpose. RouterOS resolves a name that follows a space when it gets there, so
// :onerror (7.13 and later) can catch its absence; a name that follows a slash is resolved when the line is read, and
// an absent one, as /system/routerboard on a CHR, would make it refuse the whole line.
const (
	resourceCommand = `:put [:serialize to=json [/system resource print as-value]]`
	identityCommand = resourceCommand +
		`; :onerror e in={:put [:serialize to=json [/system license print as-value]]} do={:put ("ERR " . $e)}` +
		`; :onerror e in={:put [:serialize to=json [/system routerboard print as-value]]} do={:put ("ERR " . $e)}`
)

// Verify asks the device what it is, in one command line that needs nothing but the read policy. Licence and
// routerboard may be absent or forbidden; the version must be there. An error is an [*Error], or the Executor's own.
func Verify(ctx context.Context, x Executor) (SystemInfo, error) {
	info, err := askIdentity(ctx, x, identityCommand)
	switch KindOf(err) {
	case "", ErrTruncated, ErrMalformed:
	default:
		// The line was refused after all, maybe for the sake of a part that is not needed.
		info, err = askIdentity(ctx, x, resourceCommand)
	}
	return info, withOp("verify", err)
}

func askIdentity(ctx context.Context, x Executor, command string) (SystemInfo, error) {
	nonce := newNonce()
	line, err := withSentinel(command, nonce)
	if err != nil {
		return SystemInfo{}, err
	}
	output, err := x.Exec(ctx, line)
	if err != nil {
		return SystemInfo{}, err
	}
	return parseIdentity(output, nonce, line)
}

// maxIdentity bounds the reply to Verify, which has less than 2 KiB.
const maxIdentity = 64 << 10

// parseIdentity reads the reply to line. The three objects are told apart by their properties, not by their place, as
// two of them may be missing. Words between them, such as a notice to all users, do no harm once the version is known.
func parseIdentity(output, nonce, line string) (SystemInfo, error) {
	if err := tooLong(output, maxIdentity); err != nil {
		return SystemInfo{}, err
	}
	text, complete := beforeSentinel(output, nonce)
	records, rest := scanRecords(text)
	var info SystemInfo
	for _, r := range records {
		info.add(r)
	}
	switch {
	case looksRefused(rest) && (!complete || info.Version == ""):
		return SystemInfo{}, refusal(rest, line)
	case !complete:
		return SystemInfo{}, &Error{Kind: ErrTruncated, Text: truncation(output), Remedy: remedies[ErrTruncated]}
	case info.Version == "":
		return SystemInfo{}, &Error{Kind: ErrMalformed, Text: "no version in the answer: " + oneLine(text),
			Remedy: "check that the address is that of a device with RouterOS 7.21 or later"}
	}
	return info, nil
}

// add takes over what a record has. Board names also occur in the routerboard record, with another meaning.
func (info *SystemInfo) add(r record) {
	switch {
	case r.has("version"):
		// An uptime in a form of some later RouterOS must not keep the device out of use: it stays unknown. RouterOS tells
		// whole seconds, so that one of 0 s is known, and somewhere within the first second.
		if uptime, err := ParseDuration(r.text("uptime")); err == nil {
			info.Uptime = max(uptime, time.Second/2)
		}
		info.Version, info.Board, info.Architecture = r.text("version"), r.text("board-name"), r.text("architecture-name")
	case r.has("software-id") || r.has("system-id"):
		info.SoftwareID, info.SystemID = r.text("software-id"), r.text("system-id")
		info.LicenseLevel = r.text("level")
		if info.LicenseLevel == "" {
			info.LicenseLevel = r.text("nlevel") // its name on hardware
		}
	case r.has("serial-number"):
		info.SerialNumber = r.text("serial-number")
	}
}

// scanRecords finds the JSON values in text; rest is what stands between them, without the answers of :onerror handlers.
func scanRecords(text string) (records []record, rest string) {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "ERR ") {
			kept.WriteString(line)
		}
	}
	text = withoutControls(kept.String())
	var between strings.Builder
	for {
		start := strings.IndexAny(text, "{[")
		if start < 0 {
			between.WriteString(text)
			return records, between.String()
		}
		between.WriteString(text[:start] + " ")
		decoder := json.NewDecoder(strings.NewReader(text[start:]))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return records, between.String()
		}
		if list, ok := recordsOf(value); ok {
			records = append(records, list...)
		}
		text = text[start+int(decoder.InputOffset()):]
	}
}

// truncation describes a reply without its sentinel.
func truncation(output string) string {
	if strings.TrimSpace(printable(output)) == "" {
		return "the device printed nothing"
	}
	return "the reply ends early, after " + oneLine(output[max(0, len(output)-80):])
}
