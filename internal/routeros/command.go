package routeros

import "strings"

// Menus and verbs that a span or a metric may name. The lists are closed: whatever else stands in a command, a value
// above all, is not named.
var (
	knownMenus = set("disk", "file", "system", "resource", "license", "routerboard", "identity", "package", "user",
		"active", "ip", "ssh", "service", "log")
	knownVerbs = set("add", "set", "remove", "print", "find", "get", "format", "enable", "disable", "reboot")
	knownWords = set("put", "if", "execute", "onerror", "local", "delay", "error", "log")

	commandNames = set("disk_add", "disk_set", "disk_remove", "disk_print", "file_remove", "file_print")
)

func set(words ...string) map[string]bool {
	s := make(map[string]bool, len(words))
	for _, word := range words {
		s[word] = true
	}
	return s
}

// CommandName classifies a command line for metrics: disk_add, disk_set, disk_remove, disk_print, file_remove,
// file_print, or other. The first menu command of the line decides, inside :put [...] and behind the condition of :if
// too.
func CommandName(command string) string {
	name := strings.ReplaceAll(strings.TrimPrefix(VerbAndMenu(command), "/"), " ", "_")
	if commandNames[name] {
		return name
	}
	return "other"
}

// VerbAndMenu gives the first menu command of a line without its values, for span names: "/disk add",
// "/system resource print". What a line finds out first, in :if, does not count where it then changes something. A line
// without one gives its first word, ":put"; anything unknown is "other".
func VerbAndMenu(command string) string {
	outside := withoutQuoted(command)
	first := ""
	for at := 0; at < len(outside); at++ {
		if outside[at] != '/' || at > 0 && !strings.ContainsRune(" [{(;\t", rune(outside[at-1])) {
			continue
		}
		switch name := menuCommand(outside[at+1:]); {
		case name == "":
		case !strings.HasSuffix(name, " find") || !strings.HasPrefix(outside, ":if "):
			return name
		case first == "":
			first = name
		}
	}
	if first != "" {
		return first
	}
	word, isWord := strings.CutPrefix(strings.TrimSpace(outside), ":")
	if end := strings.IndexFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }); end >= 0 {
		word = word[:end]
	}
	if isWord && knownWords[word] {
		return ":" + word
	}
	return "other"
}

// menuCommand reads known menus up to the first known verb, separated by slashes or spaces; "" if there is no verb.
func menuCommand(text string) string {
	name := ""
	for {
		end := strings.IndexFunc(text, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') })
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		switch {
		case name == "" && knownMenus[word]:
			name = "/" + word
		case name != "" && knownVerbs[word]:
			return name + " " + word
		case name != "" && knownMenus[word]:
			name += " " + word
		default:
			return ""
		}
		if end == len(text) || text[end] != '/' && text[end] != ' ' {
			return ""
		}
		text = text[end+1:]
	}
}

// withoutQuoted blanks out double-quoted strings.
func withoutQuoted(command string) string {
	out := []byte(command)
	quoted := false
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			quoted = !quoted
			out[i] = '_'
		case quoted && out[i] == '\\' && i+1 < len(out):
			out[i], out[i+1] = '_', '_'
			i++
		case quoted:
			out[i] = '_'
		}
	}
	return string(out)
}
