package routeros

import (
	"regexp"
	"strconv"
	"strings"
)

// A rule gives a kind to device text that holds all of its words. RouterOS words errors differently from version to
// version and from menu to menu, so the match is loose and ignores case.
type rule struct {
	words []string
	kind  Kind
}

// rules are tried in order. The texts for a full pool, for a slot that is taken and for a slot that is too long have not
// been seen on a device; the words here are those of other menus and of the file systems below.
var rules = []rule{
	{[]string{"not enough permissions"}, ErrNotAllowed},
	{[]string{"not allowed"}, ErrNotAllowed}, // "by device-mode" and REST's "(9)"
	{[]string{"no such item"}, ErrNotFound},
	{[]string{"already"}, ErrAlreadyExists}, // "already have such entry"
	{[]string{"duplicate"}, ErrAlreadyExists},
	{[]string{"not enough", "space"}, ErrNoSpace},
	{[]string{"no space"}, ErrNoSpace},
	{[]string{"no free space"}, ErrNoSpace},
	{[]string{"disk full"}, ErrNoSpace},
	{[]string{"not mounted"}, ErrPoolUnavailable},
	{[]string{"stop using it first"}, ErrInUse},
	{[]string{"busy"}, ErrInUse},
	{[]string{"in use"}, ErrInUse},
	{[]string{"timed out"}, ErrOutcomeUnknown}, // "action timed out - try again, ..."
	{[]string{"bad command name"}, ErrUnsupported},
	{[]string{"expected end of command"}, ErrUnsupported}, // an unknown parameter name
	{[]string{"bad parameter"}, ErrUnsupported},
	{[]string{"unknown parameter"}, ErrUnsupported},
	{[]string{"no such command"}, ErrUnsupported},
	{[]string{"match any value of value-name"}, ErrUnsupported}, // an unknown property in proplist
	{[]string{"syntax error"}, ErrInvalid},
	{[]string{"does not match any value"}, ErrInvalid},
	{[]string{"invalid"}, ErrInvalid},
	{[]string{"out of range"}, ErrInvalid},
	{[]string{"too long"}, ErrInvalid},
	{[]string{"missing value"}, ErrInvalid},
	{[]string{"ambiguous"}, ErrInvalid},
	{[]string{"expected command name"}, ErrInvalid},
	{[]string{"expected input value"}, ErrInvalid},
	{[]string{"expected item id"}, ErrNotFound}, // what an empty [find] gives to some commands
}

// remedies say what an operator can do about a kind.
var remedies = map[Kind]string{
	ErrNotAllowed: "give the user's group the policies ssh, read, write and test: /user/group/set; " +
		"where the text says device-mode, change it with /system/device-mode/update",
	ErrUnsupported:        "RouterOS 7.21 or later is needed: /system/package/update",
	ErrRoseStorageMissing: "install the rose-storage package of the same version as RouterOS and reboot",
	ErrNoSpace:            "free space on the pool or enlarge it",
	ErrTruncated:          "ask again; if it persists, the device ends the channel early: see its log",
	ErrOutcomeUnknown:     "read the item back before repeating the command",
}

// refusal is the error for text that the device printed where there should have been none. The command is the line
// that was sent: where the text gives a column, the word found there tells which property was not known.
func refusal(text, command string) *Error {
	kind := classify(text)
	if kind == ErrUnsupported && namesRoseStorage(text, command) {
		kind = ErrRoseStorageMissing
	}
	return &Error{Kind: kind, Text: oneLine(text), Remedy: remedies[kind]}
}

// classify gives the kind of a device's refusal; text that no rule knows is an ErrFailure.
func classify(text string) Kind {
	text = strings.ToLower(text)
	for _, r := range rules {
		if containsAll(text, r.words) {
			return r.kind
		}
	}
	return ErrFailure
}

// looksRefused reports whether text is known to be a refusal, as opposed to a reply that was cut.
func looksRefused(text string) bool {
	return classify(text) != ErrFailure || strings.Contains(strings.ToLower(text), "failure:")
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

var columnOf = regexp.MustCompile(`line 1 column (\d{1,5})`)

var nvmeProperty = regexp.MustCompile(`nvme-tcp[a-z-]*`)

// namesRoseStorage reports whether an unknown property is one that only the rose-storage package has: without it /disk
// still has type=file, but nothing that starts with nvme-tcp. The server's NQN came with 7.21, so where that one alone
// is unknown, RouterOS is too old.
func namesRoseStorage(text, command string) bool {
	property := nvmeProperty.FindString(text)
	if m := columnOf.FindStringSubmatch(text); property == "" && m != nil {
		column, _ := strconv.Atoi(m[1])
		if word := wordAt(command, column); strings.HasPrefix(strings.TrimLeft(word, "!"), "nvme-tcp") {
			property = nvmeProperty.FindString(word)
		}
	}
	if strings.Contains(text, "value-name") {
		property = nvmeProperty.FindString(command) // the text does not say which one of the list
	}
	return property != "" && property != "nvme-tcp-server-nqn"
}

// wordAt is the word of the line at the 1-based byte column. RouterOS points at the first byte of an unknown parameter
// or just behind its name.
func wordAt(line string, column int) string {
	at := min(max(column-1, 0), len(line))
	from := strings.LastIndexByte(line[:at], ' ') + 1
	word, _, _ := strings.Cut(line[from:], " ")
	return word
}
