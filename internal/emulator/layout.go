package emulator

import (
	"slices"
	"strconv"
	"strings"
)

// Layout is how print detail breaks its lines. RouterOS fact: without a pty some devices were seen not to wrap at all,
// others to wrap between properties, and even in the middle of a value.
type Layout struct {
	Width      int  // of a line; 0: one line per item
	Indent     int  // of a continuation line; default 6, 15 was seen as well
	SplitWords bool // break at the width, inside a value if need be
}

// legend lists the flags in use. RouterOS fact: the line is there even when no item matches.
func (l listing) legend(rows []record) string {
	var used []string
	for _, f := range l.flags {
		for _, row := range rows {
			if row.has(f) {
				used = append(used, string(f.letter)+" - "+f.name)
				break
			}
		}
	}
	if len(used) == 0 {
		used = []string{"X - DISABLED"}
	}
	return "Flags: " + strings.Join(used, "; ")
}

func (r record) has(f rowFlag) bool {
	v, _ := r.get(f.property)
	return v == true
}

// letters are the flags of a row, and blanks for those that other rows have.
func (l listing) letters(row record, rows []record) string {
	var b strings.Builder
	for _, f := range l.flags {
		switch {
		case row.has(f):
			b.WriteByte(f.letter)
		case l.anyHas(rows, f):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func (l listing) anyHas(rows []record, f rowFlag) bool {
	for _, row := range rows {
		if row.has(f) {
			return true
		}
	}
	return false
}

// printDetail prints name=value pairs, items separated by a line that holds one space.
func (l listing) printDetail(r *runner, rows []record) {
	if len(l.flags) > 0 {
		r.printLine(l.legend(rows))
	}
	for i, row := range rows {
		if i > 0 {
			r.printLine(" ")
		}
		head := padLeft(strconv.Itoa(i), 2) + " "
		if len(l.flags) > 0 {
			head += l.letters(row, rows) + " "
		}
		l.layout.print(r, head, l.assignments(row, quoteForPrint))
	}
}

func (w Layout) print(r *runner, head string, fields []string) {
	if w.Width <= 0 {
		r.printLine(head + strings.Join(fields, " "))
		return
	}
	setDefault(&w.Indent, 6)
	indent := strings.Repeat(" ", w.Indent)
	if w.SplitWords {
		rest := head + strings.Join(fields, " ")
		for len(rest) > w.Width && w.Width > len(indent) {
			r.printLine(rest[:w.Width])
			rest = indent + rest[w.Width:]
		}
		r.printLine(rest)
		return
	}
	line := head
	for i, field := range fields {
		if i > 0 && len(line)+len(field) > w.Width {
			r.printLine(strings.TrimRight(line, " "))
			line = indent
		}
		line += field + " "
	}
	r.printLine(strings.TrimRight(line, " "))
}

// printTerse prints one line per item.
func (l listing) printTerse(r *runner, rows []record) {
	for i, row := range rows {
		r.printLine(strings.Join(append([]string{strconv.Itoa(i), l.letters(row, rows)}, l.assignments(row, printText)...), " "))
	}
}

// assignments are the properties that a print shows as name=value.
func (l listing) assignments(row record, show func(any) string) []string {
	var fields []string
	for _, p := range row {
		if !strings.HasPrefix(p.name, ".") && !slices.Contains(l.hidden, p.name) {
			fields = append(fields, p.name+"="+show(p.value))
		}
	}
	return fields
}

// quoteForPrint. RouterOS fact: texts are quoted in print detail; numbers, names from a fixed set and paths are not.
func quoteForPrint(v any) string {
	if s, ok := v.(string); ok {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
	}
	return printText(v)
}

// printTable prints the columns, padded with spaces to the end of the line.
func (l listing) printTable(r *runner, rows []record) {
	if len(l.flags) > 0 {
		r.printLine(l.legend(rows))
	}
	if len(rows) == 0 {
		return
	}
	table := [][]string{{"#"}}
	if len(l.flags) > 0 {
		table[0] = append(table[0], "")
	}
	for _, name := range l.columns {
		table[0] = append(table[0], strings.ToUpper(name))
	}
	for i, row := range rows {
		line := []string{strconv.Itoa(i)}
		if len(l.flags) > 0 {
			line = append(line, l.letters(row, rows))
		}
		for _, name := range l.columns {
			v, _ := row.get(name)
			line = append(line, printText(v))
		}
		table = append(table, line)
	}
	r.printLine("Columns: " + strings.ToUpper(strings.Join(l.columns, ", ")))
	for _, line := range table {
		padded := make([]string, len(line))
		for column, cell := range line {
			width := 0
			for _, other := range table {
				width = max(width, len(other[column]))
			}
			padded[column] = cell + strings.Repeat(" ", width-len(cell))
		}
		r.printLine(strings.Join(padded, "  ") + "  ")
	}
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(width-len(s), 0)) + s
}
