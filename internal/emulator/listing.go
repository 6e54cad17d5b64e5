package emulator

import (
	"slices"
	"strconv"
	"strings"
)

// listing describes a menu of many items.
type listing struct {
	rows    func() []record // called with the device locked
	columns []string        // of the table that a bare print shows
	flags   []rowFlag
	hidden  []string // properties that print detail shows as flags alone
	layout  Layout
}

// rowFlag is a letter before a row whose property is true.
type rowFlag struct {
	letter         byte
	name, property string
}

// list gives a menu of many items its reading verbs: print, find and get.
func list(m *menu, l listing) {
	m.verbs["print"] = &verb{
		policy:     "read",
		flags:      []string{"as-value", "detail", "terse", "count-only", "without-paging"},
		parameters: []string{"proplist"},
		condition:  true,
		run:        l.print,
	}
	m.verbs["find"] = &verb{condition: true, policy: "read", run: l.find}
	m.verbs["get"] = &verb{
		policy:     "read",
		parameters: []string{"number", "value-name"},
		positional: []string{"number", "value-name"},
		run:        l.get,
	}
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
	case c.flags["terse"]:
		l.printTerse(c.runner, rows)
	case c.flags["detail"]:
		l.printDetail(c.runner, rows)
	default:
		l.printTable(c.runner, rows)
	}
	return nil, nil
}

// asValue. RouterOS fact: without detail only the columns of the table appear.
func (l listing) asValue(c *call, rows []record) array {
	a := array{}
	wanted, all := l.columns, c.flags["detail"]
	if list, ok := c.parameters["proplist"]; ok {
		wanted, all = strings.Split(text(list), ","), false
	}
	for _, row := range rows {
		item := array{}
		for _, p := range row {
			if all || p.name == ".id" || slices.Contains(wanted, p.name) {
				item = append(item, element{p.name, plain(p.value)})
			}
		}
		a = append(a, element{"", item})
	}
	return a
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

// get returns one property of one item, named by id, slot or name, or the whole item.
func (l listing) get(c *call) (any, error) {
	number, ok := c.parameters["number"]
	if !ok {
		return nil, missingValue("number")
	}
	wanted := items(number)
	c.device.mu.Lock()
	rows := l.rows()
	c.device.mu.Unlock()
	for _, row := range rows {
		if len(wanted) != 1 || !row.isCalled(wanted[0]) {
			continue
		}
		name, ok := c.parameters["value-name"]
		if !ok {
			return row.asValue(), nil
		}
		v, ok := row.get(text(name))
		if !ok {
			return nil, noMatch("value-name")
		}
		return plain(v), nil
	}
	return nil, noSuchItem
}

// isCalled reports whether a number argument means the item.
func (r record) isCalled(name string) bool {
	for _, p := range r {
		if (p.name == ".id" || p.name == "slot" || p.name == "name") && text(p.value) == name {
			return true
		}
	}
	return false
}
