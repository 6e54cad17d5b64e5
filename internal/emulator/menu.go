package emulator

import (
	"maps"
	"slices"
	"strings"
)

// menu is a node of the command table: a path such as /system/resource, the menus below it and its verbs.
type menu struct {
	name  string
	menus map[string]*menu
	verbs map[string]*verb
}

// verb is a command of a menu, and what may follow it. What is not listed is answered as RouterOS answers an unknown
// word.
type verb struct {
	run        func(*call) (any, error)
	policy     string   // that the user needs
	parameters []string // name=value
	flags      []string // bare words
	positional []string // the parameters that values without a name go to, in order
	condition  bool     // where ...
}

// call is one use of a verb.
type call struct {
	*runner
	menu       *menu
	parameters map[string]any
	flags      map[string]bool
	where      expression
}

func newMenu(name string) *menu {
	return &menu{name: name, menus: map[string]*menu{}, verbs: map[string]*verb{}}
}

// at returns the menu of a path below m, made as needed.
func (m *menu) at(path string) *menu {
	for name := range strings.SplitSeq(path, "/") {
		if m.menus[name] == nil {
			m.menus[name] = newMenu(name)
		}
		m = m.menus[name]
	}
	return m
}

// lookup finds a name in a table, or the one name it abbreviates. RouterOS fact: any unique beginning will do.
func lookup[T any](table map[string]T, name string) (full string, ambiguous bool) {
	if _, ok := table[name]; ok {
		return name, false
	}
	for candidate := range table {
		if name != "" && strings.HasPrefix(candidate, name) {
			if full != "" {
				return "", true
			}
			full = candidate
		}
	}
	return full, false
}

// segment is one name of a command path, with its place in the line.
type segment struct {
	pos  int
	name string
}

// segments splits a word such as /system/resource/print; absolute reports whether it begins at the root.
func segments(w bareWord) (names []segment, absolute bool) {
	pos := w.pos
	for name := range strings.SplitSeq(w.text, "/") {
		if name != "" {
			names = append(names, segment{pos, name})
		}
		pos += len(name) + 1
	}
	return names, strings.HasPrefix(w.text, "/")
}

// resolve walks the table along the words that begin a command. It returns the menu they lead to, the verb if they name
// one, and how many arguments they are.
func (m *menu) resolve(root *menu, args []argument) (*menu, *verb, int, error) {
	for i, a := range args {
		w, ok := a.value.(bareWord)
		if !ok || a.name != "" {
			return nil, nil, 0, errorAt(a.pos, "expected command name")
		}
		names, absolute := segments(w)
		if absolute && i == 0 {
			m = root
		}
		for j, s := range names {
			next, v, err := m.step(s)
			switch {
			case err != nil:
				return nil, nil, 0, err
			case v != nil && j < len(names)-1:
				return nil, nil, 0, errorAt(names[j+1].pos, "expected end of command")
			case v != nil:
				return m, v, i + 1, nil
			}
			m = next
		}
	}
	return m, nil, len(args), nil
}

// step follows one name: to a menu below, or to a verb.
func (m *menu) step(s segment) (*menu, *verb, error) {
	if next := m.menus[s.name]; next != nil {
		return next, nil, nil
	}
	if v := m.verbs[s.name]; v != nil {
		return m, v, nil
	}
	inMenus, ambiguous := lookup(m.menus, s.name)
	inVerbs, ambiguousToo := lookup(m.verbs, s.name)
	switch {
	case ambiguous || ambiguousToo || inMenus != "" && inVerbs != "":
		return nil, nil, errorAt(s.pos, "ambiguous command name %s", s.name)
	case inMenus != "":
		return m.menus[inMenus], nil, nil
	case inVerbs != "":
		return m, m.verbs[inVerbs], nil
	}
	return nil, nil, errorAt(s.pos, "bad command name %s", s.name)
}

// bind checks the arguments against what the verb takes.
func (v *verb) bind(r *runner, m *menu, args []argument, where expression) (*call, error) {
	c := &call{runner: r, menu: m, parameters: map[string]any{}, flags: map[string]bool{}, where: where}
	positional := v.positional
	for _, a := range args {
		w, bare := a.value.(bareWord)
		name := a.name
		switch {
		case name == "" && bare && v.condition && (w.text == "where"):
			continue
		case name == "" && bare && slices.Contains(v.flags, w.text):
			c.flags[w.text] = true
			continue
		case name == "" && len(positional) > 0:
			name, positional = positional[0], positional[1:]
		case name == "" || !slices.Contains(v.parameters, name):
			return nil, errorAt(a.pos, "expected end of command")
		}
		value, err := r.eval(a.value, m)
		if err != nil {
			return nil, err
		}
		c.parameters[name] = value
	}
	if where != nil && !v.condition {
		return nil, errorAt(args[len(args)-1].pos, "expected end of command")
	}
	return c, nil
}

// names lists what a parameter map holds, in order.
func names(parameters map[string]any) []string { return slices.Sorted(maps.Keys(parameters)) }
