package emulator

import "strings"

// single gives a menu of one item its verbs: print and get.
func single(m *menu, item func() record) {
	snapshot := func(c *call) record {
		c.device.mu.Lock()
		defer c.device.mu.Unlock()
		return item()
	}
	m.verbs["print"] = &verb{
		policy: "read",
		flags:  []string{"as-value", "detail", "without-paging"},
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
		policy:     "read",
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
