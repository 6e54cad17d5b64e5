package emulator

// Expressions occur in parentheses and after where. Weakest first: or, and, !, comparison, ".".

func (p *parser) or(condition bool) (expression, error) {
	return p.chain(condition, p.and, "or", "||")
}

func (p *parser) and(condition bool) (expression, error) {
	return p.chain(condition, p.comparison, "and", "&&")
}

// chain reads operands joined by one of two spellings of an operator.
func (p *parser) chain(condition bool, operand func(bool) (expression, error), names ...string) (expression, error) {
	left, err := operand(condition)
	for err == nil && p.operator(names...) != "" {
		var right expression
		right, err = operand(condition)
		left = operation{names[0], left, right}
	}
	return left, err
}

// operator reads one of the operators, if it comes next. Those made of letters end where a word ends.
func (p *parser) operator(names ...string) string {
	start := p.pos
	p.space()
	for _, name := range names {
		end := p.pos + len(name)
		if end > p.end || p.src[p.pos:end] != name {
			continue
		}
		if isLetterOrDigit(name[0]) && end < p.end && !isOneOf(p.src[end], " \t(!\"$[") {
			continue
		}
		p.pos = end
		return name
	}
	p.pos = start
	return ""
}

func (p *parser) comparison(condition bool) (expression, error) {
	if p.operator("!=") == "" && p.operator("!") != "" {
		operand, err := p.comparison(condition)
		return unary{operand}, err
	}
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	operator := p.operator("!=", "<=", ">=", "=", "~", "<", ">")
	if operator == "" {
		return left, nil
	}
	right, err := p.sum()
	return operation{operator, left, right}, err
}

// sum reads values joined by "." (text) or "+" and "-" (numbers).
func (p *parser) sum() (expression, error) {
	p.space()
	left, err := p.value(true)
	for err == nil {
		operator := p.operator(".", "+", "-")
		if operator == "" {
			break
		}
		var right expression
		p.space()
		right, err = p.value(true)
		left = operation{operator, left, right}
	}
	return left, err
}

// commands parses a block as commands.
func (b block) commands() (script, error) {
	p := &parser{src: b.parser.src, pos: b.from, end: b.to}
	s, err := p.script()
	if err == nil && p.pos < p.end {
		err = syntaxError(p.pos)
	}
	return s, err
}

// elements parses a block as an array: {value;value} or {"key"=value;"key"=value}.
func (b block) elements() ([]argument, error) {
	p := &parser{src: b.parser.src, pos: b.from, end: b.to}
	var elements []argument
	for {
		p.space()
		if p.pos >= p.end {
			return elements, nil
		}
		e := argument{pos: p.pos}
		var err error
		if e.value, err = p.sum(); err != nil {
			return nil, err
		}
		if p.peek() == '=' {
			p.pos++
			e.name = elementKey(e.value)
			if e.value, err = p.sum(); err != nil {
				return nil, err
			}
		}
		elements = append(elements, e)
		p.space()
		if p.pos < p.end {
			if p.src[p.pos] != ';' {
				return nil, syntaxError(p.pos)
			}
			p.pos++
		}
	}
}

func elementKey(e expression) string {
	switch e := e.(type) {
	case literal:
		return text(e.value)
	case bareWord:
		return e.text
	}
	return ""
}
