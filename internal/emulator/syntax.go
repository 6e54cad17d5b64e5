package emulator

import (
	"fmt"
	"strconv"
	"strings"
)

// The syntax tree of the script language. Positions are 0-based byte offsets into the line.

// script is commands separated by ";".
type script []*command

// command is words and arguments; where the words of a menu path end, only the command table knows.
type command struct {
	pos   int
	args  []argument
	where expression // what follows "where" or "find"; nil: nothing
}

// argument is name=value, or a value alone.
type argument struct {
	pos   int
	name  string
	value expression
}

type expression interface{}

type (
	literal  struct{ value any } // a quoted string or a number
	bareWord struct {            // a word: a flag, a name, a value without quotes
		pos  int
		text string
	}
	concatenation []expression         // "text $variable text"
	substitution  struct{ run script } // [command]
	variable      struct{ name string }
	block         struct { // {...}: commands or an array, as its user takes it
		parser   *parser
		from, to int
	}
	unary     struct{ operand expression } // !
	operation struct {
		operator    string
		left, right expression
	}
)

// scriptError is an error text of the device.
type scriptError string

func (e scriptError) Error() string { return string(e) }

// errorAt appends the place. RouterOS fact: the column is a 1-based byte offset into the line.
func errorAt(pos int, format string, args ...any) error {
	return scriptError(fmt.Sprintf(format, args...) + fmt.Sprintf(" (line 1 column %d)", pos+1))
}

func syntaxError(pos int) error { return errorAt(pos, "syntax error") }

// parser reads src[pos:end].
type parser struct {
	src      string
	pos, end int
}

func parse(line string) (script, error) {
	p := &parser{src: line, end: len(line)}
	s, err := p.script()
	if err == nil && p.pos < p.end { // a closing bracket too many
		err = syntaxError(p.pos)
	}
	return s, err
}

func (p *parser) peek() byte {
	if p.pos < p.end {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) space() {
	for c := p.peek(); c == ' ' || c == '\t'; c = p.peek() {
		p.pos++
	}
}

func isOneOf(c byte, set string) bool { return c != 0 && strings.IndexByte(set, c) >= 0 }

// atEnd reports whether a command ends here.
func (p *parser) atEnd() bool { return p.pos >= p.end || isOneOf(p.src[p.pos], ";])}") }

// script reads commands up to a closing bracket or the end.
func (p *parser) script() (script, error) {
	var s script
	for {
		p.space()
		for p.peek() == ';' {
			p.pos++
			p.space()
		}
		if p.atEnd() {
			return s, nil
		}
		c, err := p.command()
		if err != nil {
			return nil, err
		}
		s = append(s, c)
	}
}

func (p *parser) command() (*command, error) {
	c := &command{pos: p.pos}
	for !p.atEnd() {
		a, err := p.argument()
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, a)
		p.space()
		if w, ok := a.value.(bareWord); ok && a.name == "" && startsCondition(w.text) {
			if c.where, err = p.condition(); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// startsCondition: "find", "/disk/find" and "where" are followed by a condition.
func startsCondition(word string) bool {
	last := word[strings.LastIndexByte(word, '/')+1:]
	return last == "find" || last == "where"
}

// condition reads what follows "find" or "where"; conditions side by side must all hold.
func (p *parser) condition() (expression, error) {
	if rest := p.src[p.pos:p.end]; rest == "where" || strings.HasPrefix(rest, "where ") {
		p.pos += len("where")
		p.space()
	}
	var all expression
	for !p.atEnd() {
		one, err := p.or(true)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = one
		} else {
			all = operation{"and", all, one}
		}
		p.space()
	}
	return all, nil
}

// wordEnd are the bytes that end a word without quotes.
const wordEnd = " \t;[](){}\"=$\\"

func (p *parser) argument() (argument, error) {
	a := argument{pos: p.pos}
	if isOneOf(p.peek(), wordEnd) {
		var err error
		a.value, err = p.value(false)
		return a, err
	}
	word := p.word(wordEnd)
	if p.peek() != '=' {
		a.value = word
		return a, nil
	}
	p.pos++
	a.name = word.text
	if c := p.peek(); c == ' ' || c == '\t' {
		return a, errorAt(p.pos, "expected end of command")
	}
	if p.atEnd() {
		a.value = literal{""}
		return a, nil
	}
	var err error
	a.value, err = p.value(false)
	return a, err
}

func (p *parser) word(end string) bareWord {
	from := p.pos
	for p.pos < p.end && !isOneOf(p.src[p.pos], end) {
		p.pos++
	}
	return bareWord{from, p.src[from:p.pos]}
}

// value reads one value. Inside an expression operators end a word, outside only wordEnd does, but for "=".
func (p *parser) value(inExpression bool) (expression, error) {
	switch c := p.peek(); {
	case c == '"':
		return p.quoted()
	case c == '[':
		return p.bracketed()
	case c == '{':
		return p.braced()
	case c == '(':
		return p.parenthesized()
	case c == '$':
		return p.variable()
	case c == '\\':
		return nil, syntaxError(p.pos)
	}
	end := strings.Replace(wordEnd, "=", "", 1)
	if inExpression {
		end = wordEnd + "~!<>&|,:/"
	}
	w := p.word(end)
	if w.text == "" {
		return nil, syntaxError(p.pos)
	}
	if n, err := strconv.ParseInt(w.text, 10, 64); err == nil && inExpression {
		return literal{n}, nil
	}
	return w, nil
}

// quoted reads a string. RouterOS fact: only double quotes exist; inside them "$" substitutes and "\" escapes.
func (p *parser) quoted() (expression, error) {
	start := p.pos
	p.pos++
	var parts concatenation
	var b strings.Builder
	for p.pos < p.end {
		switch c := p.src[p.pos]; c {
		case '"':
			p.pos++
			if len(parts) == 0 {
				return literal{b.String()}, nil
			}
			return append(parts, literal{b.String()}), nil
		case '\\':
			s, err := p.escape()
			if err != nil {
				return nil, err
			}
			b.WriteString(s)
		case '$':
			v, err := p.variable()
			if err != nil {
				return nil, err
			}
			parts = append(parts, literal{b.String()}, v)
			b.Reset()
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return nil, syntaxError(start)
}

var escapes = map[byte]string{'"': `"`, '\\': `\`, '$': "$", '?': "?", '_': " ", 'n': "\n", 'r': "\r", 't': "\t",
	'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v"}

// escape reads \x, or \ and two hexadecimal digits in capitals.
func (p *parser) escape() (string, error) {
	rest := p.src[p.pos+1 : p.end]
	if len(rest) >= 2 && strings.ToUpper(rest[:2]) == rest[:2] {
		if n, err := strconv.ParseUint(rest[:2], 16, 8); err == nil {
			p.pos += 3
			return string([]byte{byte(n)}), nil
		}
	}
	if len(rest) > 0 {
		if s, ok := escapes[rest[0]]; ok {
			p.pos += 2
			return s, nil
		}
	}
	return "", syntaxError(p.pos)
}

// variable reads $name, $(expression) or $[command].
func (p *parser) variable() (expression, error) {
	start := p.pos
	p.pos++
	switch p.peek() {
	case '(':
		return p.parenthesized()
	case '[':
		return p.bracketed()
	}
	from := p.pos
	for p.pos < p.end && isLetterOrDigit(p.src[p.pos]) {
		p.pos++
	}
	if from == p.pos {
		return nil, syntaxError(start)
	}
	return variable{p.src[from:p.pos]}, nil
}

func isLetterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (p *parser) bracketed() (expression, error) {
	start := p.pos
	p.pos++
	s, err := p.script()
	if err != nil {
		return nil, err
	}
	if p.peek() != ']' {
		return nil, syntaxError(start)
	}
	p.pos++
	return substitution{s}, nil
}

func (p *parser) parenthesized() (expression, error) {
	start := p.pos
	p.pos++
	e, err := p.or(false)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ')' {
		return nil, syntaxError(start)
	}
	p.pos++
	return e, nil
}

// braced finds the end of {...}; its user parses the inside.
func (p *parser) braced() (expression, error) {
	start := p.pos
	depth, quoted := 0, false
	for ; p.pos < p.end; p.pos++ {
		switch c := p.src[p.pos]; {
		case quoted && c == '\\':
			p.pos++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
			if depth == 0 {
				p.pos++
				return block{p, start + 1, p.pos - 1}, nil
			}
		}
	}
	return nil, syntaxError(start)
}
