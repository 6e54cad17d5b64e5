package emulator

// pick is a part of a list or of a text: ":pick value begin end", counted from 0, end excluded; without an end the item
// at begin. What lies beyond the end is left out without a word.
func (r *runner) pick(a *arguments) (any, error) {
	v, err := r.value(a, "value", 0)
	if err != nil {
		return nil, err
	}
	begin, err := r.position(a, "begin", 1)
	if err != nil {
		return nil, err
	}
	end := begin + 1
	_, named := a.named["end"]
	single := !named && len(a.positional) < 3
	if !single {
		if end, err = r.position(a, "end", 2); err != nil {
			return nil, err
		}
	}
	if list, ok := v.(array); ok {
		part := cutOut(list, begin, end)
		if single && len(part) == 1 {
			return part[0].value, nil
		}
		return part, nil
	}
	return string(cutOut([]byte(text(v)), begin, end)), nil
}

func (r *runner) position(a *arguments, name string, place int) (int, error) {
	v, err := r.value(a, name, place)
	if err != nil {
		return 0, err
	}
	n, ok := number(v)
	if !ok || n < 0 {
		return 0, scriptError("invalid value for argument " + name)
	}
	return int(n), nil
}

func cutOut[S ~[]E, E any](s S, begin, end int) S {
	begin = min(begin, len(s))
	return s[begin:max(begin, min(end, len(s)))]
}
