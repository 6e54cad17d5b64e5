package emulator

import (
	"cmp"
	"context"
	"regexp"
	"strconv"
	"strings"
)

// runner runs one line.
type runner struct {
	device     *Device
	ctx        context.Context
	user       string
	background bool            // nobody sees the output or could answer a question
	out        strings.Builder // lines end in LF here, in CRLF on the wire
	vars       map[string]any
	row        record // the item that a condition is looking at
}

func (r *runner) printLine(line string) {
	r.out.WriteString(line)
	r.out.WriteByte('\n')
}

// line runs one line. RouterOS fact: commands of several lines fail through exec; ";" chains, and the chain stops at the
// first error.
func (r *runner) line(line string) error {
	line = strings.TrimRight(line, "\r\n")
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		return syntaxError(i)
	}
	s, err := parse(line)
	if err != nil {
		return err
	}
	_, err = r.script(s, r.device.table())
	return err
}

// script runs commands, beginning in a menu, and returns the value of the last.
func (r *runner) script(s script, m *menu) (value any, err error) {
	for _, c := range s {
		if value, m, err = r.command(c, m); err != nil {
			return nil, err
		}
	}
	return value, nil
}

// command runs one command and returns its value and the menu that the next command begins in.
func (r *runner) command(c *command, m *menu) (any, *menu, error) {
	first := c.args[0]
	if b, ok := first.value.(block); ok && len(c.args) == 1 {
		value, err := r.block(b, m)
		return value, m, err
	}
	if w, ok := first.value.(bareWord); ok && first.name == "" && strings.HasPrefix(w.text, ":") {
		value, err := r.global(c, w, m)
		return value, m, err
	}
	at, v, used, err := m.resolve(r.device.table(), c.args)
	if err != nil {
		return nil, m, err
	}
	if v == nil {
		return nil, at, nil
	}
	if !r.device.permits(r.user, v.policy) {
		return nil, m, notPermitted
	}
	call, err := v.bind(r, at, c.args[used:], c.where)
	if err != nil {
		return nil, m, err
	}
	value, err := v.run(call)
	return value, m, err
}

func (r *runner) block(b block, m *menu) (any, error) {
	s, err := b.commands()
	if err != nil {
		return nil, err
	}
	return r.script(s, m)
}

// eval evaluates an expression; commands in it begin in menu m.
func (r *runner) eval(e expression, m *menu) (any, error) {
	switch e := e.(type) {
	case literal:
		return e.value, nil
	case bareWord:
		return e.text, nil
	case variable:
		return r.vars[e.name], nil
	case substitution:
		return r.script(e.run, m)
	case concatenation:
		var b strings.Builder
		for _, part := range e {
			v, err := r.eval(part, m)
			if err != nil {
				return nil, err
			}
			b.WriteString(text(v))
		}
		return b.String(), nil
	case block:
		return r.array(e, m)
	case unary:
		v, err := r.condition(e.operand, m)
		return !v, err
	case operation:
		return r.operation(e, m)
	}
	return nil, scriptError("expected input value")
}

func (r *runner) array(b block, m *menu) (any, error) {
	elements, err := b.elements()
	if err != nil {
		return nil, err
	}
	a := array{}
	for _, e := range elements {
		v, err := r.eval(e.value, m)
		if err != nil {
			return nil, err
		}
		a = append(a, element{e.name, v})
	}
	return a, nil
}

func (r *runner) operation(e operation, m *menu) (any, error) {
	if e.operator == "and" || e.operator == "or" {
		left, err := r.condition(e.left, m)
		if err != nil || left == (e.operator == "or") {
			return left, err
		}
		return r.condition(e.right, m)
	}
	left, err := r.operand(e.left, m)
	if err != nil {
		return nil, err
	}
	right, err := r.eval(e.right, m)
	if err != nil {
		return nil, err
	}
	switch e.operator {
	case ".":
		return text(left) + text(right), nil
	case "+", "-":
		a, okA := number(left)
		b, okB := number(right)
		if !okA || !okB {
			return nil, scriptError("cannot add or subtract " + text(left) + " and " + text(right))
		}
		if e.operator == "-" {
			b = -b
		}
		return a + b, nil
	case "~":
		re, err := regexp.CompilePOSIX(text(right))
		return err == nil && re.MatchString(text(left)), nil
	}
	return compare(e.operator, left, right), nil
}

// operand is the left side of a comparison: in a condition, a word names a property of the item.
func (r *runner) operand(e expression, m *menu) (any, error) {
	if w, ok := e.(bareWord); ok && r.row != nil {
		v, _ := r.row.get(w.text)
		return plain(v), nil
	}
	return r.eval(e, m)
}

// condition evaluates to a truth. RouterOS fact: "where x" asks whether x is set.
func (r *runner) condition(e expression, m *menu) (bool, error) {
	v, err := r.operand(e, m)
	if err != nil {
		return false, err
	}
	switch v := v.(type) {
	case bool:
		return v, nil
	case nil:
		return false, nil
	default:
		s := text(v)
		return s != "" && s != "no" && s != "false", nil
	}
}

// compare compares numbers as numbers and everything else as text, where booleans are yes and no as well.
func compare(operator string, left, right any) bool {
	order := cmp.Compare(comparisonText(left), comparisonText(right))
	if a, ok := number(left); ok {
		if b, ok := number(right); ok {
			order = cmp.Compare(a, b)
		}
	}
	switch operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func comparisonText(v any) string {
	switch s := text(v); s {
	case "yes":
		return "true"
	case "no":
		return "false"
	default:
		return s
	}
}

func number(v any) (int64, bool) {
	switch v := plain(v).(type) {
	case int64:
		return v, true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}
