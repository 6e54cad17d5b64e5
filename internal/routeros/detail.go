package routeros

import (
	"fmt"
	"regexp"
	"strings"
)

// The text of print detail was seen in three shapes: a record on one line, wrapped between properties, and wrapped in
// the middle of a value. Rows begin with a number and flags close to the left margin, or without either; continuation
// lines are indented by six or fifteen spaces.
var (
	rowStart     = regexp.MustCompile(`^ {0,4}\d+ +((?:[A-Za-z]+ +)*)([a-z.][a-z0-9-]*=.*|;;;.*)$`)
	propertyName = regexp.MustCompile(`^[a-z.][a-z0-9-]*=`)
	halfName     = regexp.MustCompile(`^[a-z0-9-]+$`)
	digitGroup   = regexp.MustCompile(`^\d{3}$`)
	digits       = regexp.MustCompile(`^\d+$`)
)

const continuation = "     "

// flagProperties are the flags whose property is needed here; print shows some states as a flag only.
var flagProperties = map[rune]string{'M': "mounted", 't': "nvme-tcp-export"}

// parseDetail reads the output of print detail. On some devices a legend of flags comes even when there is no row.
func parseDetail(text string) ([]record, error) {
	var rows []record
	var row *detailRow
	for line := range strings.Lines(text) {
		line = strings.TrimRight(withoutControls(line), " ")
		start := rowStart.FindStringSubmatch(line)
		switch {
		case row != nil && row.long:
			return nil, row.end()
		case line == "", strings.HasPrefix(line, "Flags:") && row == nil:
		case row != nil && row.quoted && start == nil: // within a quoted value a line may look like anything
			row.add(line)
		case strings.HasPrefix(line, "Columns:"):
			return nil, fmt.Errorf("a table, not print detail")
		case start != nil || propertyName.MatchString(line):
			if err := row.end(); err != nil {
				return nil, err
			}
			row = newDetailRow(start, line)
			rows = append(rows, row.record)
		case !strings.HasPrefix(line, continuation):
			return nil, fmt.Errorf("neither a row nor the continuation of one: %q", oneLine(line))
		case row != nil:
			row.add(line)
		}
	}
	if err := row.end(); err != nil {
		return nil, err
	}
	return rows, nil
}

// detailRow is a row that is being read.
type detailRow struct {
	record record
	key    string // of the property that was read last; "" before the first
	half   string // the last word of the line before: a property name that was cut, or a word of the value
	quoted bool   // the value goes on to a closing quote
	closed bool   // the value ended with one
	long   bool   // a value is longer than any can be
}

// maxDetail is longer than any value; reading longer ones piece by piece would take for ever.
const maxDetail = 4 << 10

// newDetailRow begins a row at its first line; start is what rowStart found there.
func newDetailRow(start []string, line string) *detailRow {
	row := &detailRow{record: record{}}
	if start == nil {
		row.add(line)
		return row
	}
	for _, flag := range start[1] {
		if name := flagProperties[flag]; name != "" {
			row.record[name] = "yes"
		}
	}
	if comment, ok := strings.CutPrefix(start[2], ";;;"); ok {
		row.record["comment"] = strings.TrimSpace(comment)
		return row
	}
	row.add(start[2])
	return row
}

// end checks that the row is whole.
func (row *detailRow) end() error {
	if row == nil {
		return nil
	}
	if row.long {
		return fmt.Errorf("a value of more than %d bytes", maxDetail)
	}
	if row.quoted {
		return fmt.Errorf("the value of %s does not end", row.key)
	}
	if row.half != "" {
		row.extend(" " + row.half)
	}
	return nil
}

// add reads a line of the row. It may begin with the rest of what the line before it cut.
func (row *detailRow) add(line string) {
	line = strings.TrimLeft(line, " ")
	cut := row.key != "" && !row.closed
	if row.half != "" {
		line, row.half, cut = row.half+line, "", false
	}
	for ; line != "" && !row.long; cut = false {
		switch {
		case row.quoted:
			line = row.readQuoted(line)
		case propertyName.MatchString(line):
			line = row.readProperty(line)
		case cut && row.record.text(row.key) == "" && line[0] == '"':
			row.quoted = true
			line = row.readQuoted(line[1:])
		default:
			line = row.readRest(line, cut)
		}
		line = strings.TrimLeft(line, " ")
	}
}

// readProperty reads name=value, or as much of it as the line has.
func (row *detailRow) readProperty(line string) (rest string) {
	name, line, _ := strings.Cut(line, "=")
	row.key, row.closed = name, false
	row.record[name] = ""
	if strings.HasPrefix(line, `"`) {
		row.quoted = true
		return row.readQuoted(line[1:])
	}
	word, rest, _ := strings.Cut(line, " ")
	row.record[name] = word
	return rest
}

// readRest reads a word that belongs to the value before it.
func (row *detailRow) readRest(line string, cut bool) (rest string) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case cut: // in the middle of the value
		row.extend(word)
	case digitGroup.MatchString(word) && digits.MatchString(row.record.text(row.key)):
		row.extend(word) // 1 099 511 627 776
	case rest == "" && halfName.MatchString(word):
		row.half = word
	default:
		row.extend(" " + word)
	}
	return rest
}

// readQuoted reads up to the closing quote. A quote or backslash within the value has a backslash before it.
func (row *detailRow) readQuoted(line string) (rest string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			row.quoted, row.closed = false, true
			row.extend(unescape(line[:i]))
			return line[i+1:]
		}
	}
	row.extend(unescape(line))
	return ""
}

func (row *detailRow) extend(text string) {
	value := row.record.text(row.key)
	if row.long = row.long || len(value)+len(text) > maxDetail; !row.long {
		row.record[row.key] = value + text
	}
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`).Replace
