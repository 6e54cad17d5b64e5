package emulator

import (
	"slices"
	"strings"
	"time"
)

// global is a command that begins with ":". It gets its arguments unevaluated.
type global struct {
	parameters []string
	positional int // how many values without a name it takes
	run        func(r *runner, a *arguments) (any, error)
}

// arguments of a global command.
type arguments struct {
	menu       *menu
	positional []expression
	named      map[string]expression
}

var globals map[string]global

func init() { // not in the declaration: the commands refer to the table
	globals = map[string]global{
		"put":       {positional: 1, parameters: []string{"message"}, run: (*runner).put},
		"serialize": {positional: 1, parameters: []string{"to", "value", "options"}, run: (*runner).serialize},
		"onerror":   {positional: 1, parameters: []string{"in", "do"}, run: (*runner).onError},
		"do":        {positional: 1, parameters: []string{"on-error", "command"}, run: (*runner).do},
		"if":        {positional: 1, parameters: []string{"do", "else"}, run: (*runner).ifElse},
		"execute":   {positional: 1, parameters: []string{"script"}, run: (*runner).execute},
		"error":     {positional: 1, parameters: []string{"message"}, run: (*runner).raise},
		"len":       {positional: 1, parameters: []string{"value"}, run: (*runner).length},
		"pick":      {positional: 3, parameters: []string{"value", "begin", "end"}, run: (*runner).pick},
		"typeof":    {positional: 1, parameters: []string{"value"}, run: (*runner).typeOf},
		"tostr":     {positional: 1, parameters: []string{"value"}, run: (*runner).toString},
		"delay":     {positional: 1, parameters: []string{"delay-time"}, run: (*runner).delay},
		"local":     {positional: 2, parameters: []string{"name", "value"}, run: (*runner).setVariable},
		"global":    {positional: 2, parameters: []string{"name", "value"}, run: (*runner).setVariable},
		"set":       {positional: 2, parameters: []string{"name", "value"}, run: (*runner).setVariable},
		"nothing":   {run: func(*runner, *arguments) (any, error) { return nil, nil }},
	}
}

func (r *runner) global(c *command, w bareWord, m *menu) (any, error) {
	name, ambiguous := lookup(globals, w.text[1:])
	switch {
	case ambiguous:
		return nil, errorAt(w.pos, "ambiguous command name %s", w.text[1:])
	case name == "":
		return nil, errorAt(w.pos+1, "bad command name %s", w.text[1:])
	}
	g := globals[name]
	a := &arguments{menu: m, named: map[string]expression{}}
	for _, arg := range c.args[1:] {
		switch {
		case arg.name == "" && len(a.positional) < g.positional:
			a.positional = append(a.positional, arg.value)
		case arg.name != "" && slices.Contains(g.parameters, arg.name):
			a.named[arg.name] = arg.value
		default:
			return nil, errorAt(arg.pos, "expected end of command")
		}
	}
	return g.run(r, a)
}

// value evaluates the argument that may be given by name or by place.
func (r *runner) value(a *arguments, name string, place int) (any, error) {
	e, ok := a.named[name]
	if !ok && place < len(a.positional) {
		e, ok = a.positional[place], true
	}
	if !ok {
		return nil, scriptError("missing value(s) of argument(s) " + name)
	}
	return r.eval(e, a.menu)
}

// body runs the commands of an argument in braces; without the argument it does nothing.
func (r *runner) body(a *arguments, e expression) (any, error) {
	switch e := e.(type) {
	case nil:
		return nil, nil
	case block:
		return r.block(e, a.menu)
	}
	v, err := r.eval(e, a.menu)
	if err != nil {
		return nil, err
	}
	s, err := parse(text(v))
	if err != nil {
		return nil, err
	}
	return r.script(s, a.menu)
}

func (r *runner) put(a *arguments) (any, error) {
	v, err := r.value(a, "message", 0)
	if err == nil {
		r.printLine(text(v))
	}
	return nil, err
}

func (r *runner) serialize(a *arguments) (any, error) {
	v, err := r.value(a, "value", 0)
	if err != nil {
		return nil, err
	}
	to, err := r.value(a, "to", 1)
	if err != nil {
		return nil, err
	}
	if to != "json" {
		return nil, scriptError("input does not match any value of to")
	}
	return toJSON(v), nil
}

// onError: ":onerror e in={...} do={...}", with the error's text in $e.
func (r *runner) onError(a *arguments) (any, error) {
	v, err := r.body(a, a.named["in"])
	if err == nil || r.ctx.Err() != nil {
		return v, err
	}
	if len(a.positional) > 0 {
		if w, ok := a.positional[0].(bareWord); ok {
			r.vars[w.text] = err.Error()
		}
	}
	return r.body(a, a.named["do"])
}

// do: ":do {...} on-error={...}".
func (r *runner) do(a *arguments) (any, error) {
	body := a.named["command"]
	if len(a.positional) > 0 {
		body = a.positional[0]
	}
	v, err := r.body(a, body)
	if handler, ok := a.named["on-error"]; err != nil && ok && r.ctx.Err() == nil {
		return r.body(a, handler)
	}
	return v, err
}

func (r *runner) ifElse(a *arguments) (any, error) {
	if len(a.positional) == 0 {
		return nil, scriptError("missing value(s) of argument(s) condition")
	}
	yes, err := r.condition(a.positional[0], a.menu)
	if err != nil {
		return nil, err
	}
	if yes {
		return r.body(a, a.named["do"])
	}
	return r.body(a, a.named["else"])
}

// execute runs a script in the background; here it has run when the line goes on. Its output is not seen. RouterOS fact:
// scripts reboot with ":execute {/system reboot}", since that asks no question.
func (r *runner) execute(a *arguments) (any, error) {
	body := a.named["script"]
	if len(a.positional) > 0 {
		body = a.positional[0]
	}
	background := &runner{device: r.device, ctx: r.ctx, user: r.user, background: true, vars: map[string]any{}}
	background.body(a, body) // an error goes to the device's log, which nobody reads here
	return "*1", nil
}

// raise: ":error text". RouterOS fact: the text is followed by "(:error; line N)".
func (r *runner) raise(a *arguments) (any, error) {
	v, err := r.value(a, "message", 0)
	if err != nil {
		return nil, err
	}
	return nil, scriptError(text(v) + " (:error; line 1)")
}

func (r *runner) length(a *arguments) (any, error) {
	v, err := r.value(a, "value", 0)
	if list, ok := v.(array); ok {
		return int64(len(list)), err
	}
	return int64(len(text(v))), err
}

func (r *runner) typeOf(a *arguments) (any, error) {
	v, err := r.value(a, "value", 0)
	switch plain(v).(type) {
	case nil:
		return "nothing", err
	case bool:
		return "bool", err
	case int64:
		return "num", err
	case time.Duration:
		return "time", err
	case array:
		return "array", err
	}
	return "str", err
}

func (r *runner) toString(a *arguments) (any, error) {
	v, err := r.value(a, "value", 0)
	return text(v), err
}

// delay waits: a number is seconds, "100ms" and the like are understood.
func (r *runner) delay(a *arguments) (any, error) {
	v, err := r.value(a, "delay-time", 0)
	if err != nil {
		return nil, err
	}
	wait, err := time.ParseDuration(text(v))
	if n, ok := number(v); ok {
		wait, err = time.Duration(n)*time.Second, nil
	}
	if err != nil {
		return nil, scriptError("invalid value for argument delay-time")
	}
	if !sleep(r.ctx, wait) {
		return nil, scriptError("interrupted")
	}
	return nil, nil
}

// setVariable serves :local, :global and :set: one line has one scope.
func (r *runner) setVariable(a *arguments) (any, error) {
	name, err := r.value(a, "name", 0)
	if err != nil {
		return nil, err
	}
	if _, named := a.named["value"]; !named && len(a.positional) < 2 {
		r.vars[text(name)] = nil
		return nil, nil
	}
	r.vars[strings.TrimSpace(text(name))], err = r.value(a, "value", 1)
	return nil, err
}
