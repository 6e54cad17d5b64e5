package emulator

import (
	"strconv"
	"strings"
)

// single gives a menu of one item its verbs: print and get.
func single(m *menu, item func() record) {
	snapshot := func(c *call) record {
		c.device.mu.Lock()
		defer c.device.mu.Unlock()
		return item()
	}
	m.verbs["print"] = &verb{
		flags: []string{"as-value", "detail", "without-paging"},
		run: func(c *call) (any, error) {
			r := snapshot(c)
			if c.flags["as-value"] {
				return r.asValue(), nil
			}
			c.printPairs(r)
			return nil, nil
		},
	}
	m.verbs["get"] = &verb{
		parameters: []string{"value-name"},
		positional: []string{"value-name"},
		run: func(c *call) (any, error) {
			r := snapshot(c)
			name, ok := c.parameters["value-name"]
			if !ok {
				return r.asValue(), nil
			}
			v, ok := r.get(text(name))
			if !ok {
				return nil, scriptError("input does not match any value of value-name")
			}
			return plain(v), nil
		},
	}
}

// printPairs prints an item as right-aligned "name: value" lines.
func (r *runner) printPairs(item record) {
	width := 0
	for _, p := range item {
		width = max(width, len(p.name))
	}
	for _, p := range item {
		r.printLine(strings.Repeat(" ", 2+width-len(p.name)) + p.name + ": " + printText(p.value))
	}
}

// listing describes a menu of many items.
type listing struct {
	rows    func() []record // called with the device locked
	columns []string        // of the table that a bare print shows
}

// list gives a menu of many items its reading verbs: print, find and get.
func list(m *menu, l listing) {
	m.verbs["print"] = &verb{
		flags:      []string{"as-value", "detail", "terse", "count-only", "without-paging"},
		parameters: []string{"proplist"},
		condition:  true,
		run:        l.print,
	}
	m.verbs["find"] = &verb{condition: true, run: l.find}
}

// matching returns the rows that the call's condition holds for.
func (l listing) matching(c *call) ([]record, error) {
	c.device.mu.Lock()
	rows := l.rows()
	c.device.mu.Unlock()
	if c.where == nil {
		return rows, nil
	}
	defer func(row record) { c.row = row }(c.row)
	var matching []record
	for _, row := range rows {
		c.row = row
		ok, err := c.condition(c.where, c.menu)
		if err != nil {
			return nil, err
		}
		if ok {
			matching = append(matching, row)
		}
	}
	return matching, nil
}

func (l listing) print(c *call) (any, error) {
	rows, err := l.matching(c)
	if err != nil {
		return nil, err
	}
	switch {
	case c.flags["count-only"]:
		// RouterOS fact: inside :put the number appears twice, once by print and once by put.
		c.printLine(strconv.Itoa(len(rows)))
		return int64(len(rows)), nil
	case c.flags["as-value"]:
		return l.asValue(c, rows), nil
	case c.flags["terse"], c.flags["detail"]:
		for i, row := range rows {
			c.printLine(" " + strconv.Itoa(i) + " " + strings.Join(assignments(row), " "))
		}
	default:
		l.printTable(c, rows)
	}
	return nil, nil
}

// asValue. RouterOS fact: without detail only the columns of the table appear.
func (l listing) asValue(c *call, rows []record) array {
	a := array{}
	wanted := l.columns
	if list, ok := c.parameters["proplist"]; ok {
		wanted = strings.Split(text(list), ",")
	}
	for _, row := range rows {
		item := array{}
		for _, p := range row {
			if c.flags["detail"] || p.name == ".id" || contains(wanted, p.name) {
				item = append(item, element{p.name, plain(p.value)})
			}
		}
		a = append(a, element{"", item})
	}
	return a
}

func assignments(row record) []string {
	var fields []string
	for _, p := range row {
		if !strings.HasPrefix(p.name, ".") {
			fields = append(fields, p.name+"="+quoteForPrint(p.value))
		}
	}
	return fields
}

// quoteForPrint. RouterOS fact: strings are quoted in a print, everything else is not.
func quoteForPrint(v any) string {
	if s, ok := v.(string); ok {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
	}
	return printText(v)
}

// printTable prints the columns, padded with spaces to the end of the line.
func (l listing) printTable(c *call, rows []record) {
	if len(rows) == 0 {
		return
	}
	table := [][]string{{"#"}}
	for _, name := range l.columns {
		table[0] = append(table[0], strings.ToUpper(name))
	}
	for i, row := range rows {
		line := []string{strconv.Itoa(i)}
		for _, name := range l.columns {
			v, _ := row.get(name)
			line = append(line, printText(v))
		}
		table = append(table, line)
	}
	c.printLine("Columns: " + strings.Join(table[0][1:], ", "))
	for _, line := range table {
		var b strings.Builder
		for column, cell := range line {
			width := 0
			for _, other := range table {
				width = max(width, len(other[column]))
			}
			b.WriteString(cell + strings.Repeat(" ", width-len(cell)+2))
		}
		c.printLine(strings.TrimSuffix(b.String(), "  ") + "  ")
	}
}

// find returns the ids of the items that match.
func (l listing) find(c *call) (any, error) {
	rows, err := l.matching(c)
	if err != nil {
		return nil, err
	}
	ids := array{}
	for _, row := range rows {
		id, _ := row.get(".id")
		ids = append(ids, element{"", id})
	}
	return ids, nil
}
