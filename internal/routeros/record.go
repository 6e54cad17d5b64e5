package routeros

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A record is one item of a menu. A property without a value is absent, in JSON as in text.
//
// The same property comes in several types: JSON has numbers and booleans, but some integers are floats such as
// 2048.000000; text and the REST interface have strings, with groups of digits and yes or no. So each reading method
// takes all of them.
type record map[string]any

// text is a property as a string, "" when absent.
func (r record) text(key string) string {
	switch v := r[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// has reports whether a property is there with a value.
func (r record) has(key string) bool { return r[key] != nil && r.text(key) != "" }

// flag is a boolean property; an absent one is false, as RouterOS before 7.20 left out what is not set.
func (r record) flag(key string) (bool, error) {
	switch strings.ToLower(r.text(key)) {
	case "true", "yes":
		return true, nil
	case "false", "no", "":
		return false, nil
	}
	return false, fmt.Errorf("%s is %q, not a boolean", key, oneLine(r.text(key)))
}

// bytes is a number of bytes, 0 when absent. A rounded one such as 50.0GiB is refused: it is not the size.
func (r record) bytes(key string) (int64, error) {
	if !r.has(key) {
		return 0, nil
	}
	n, ok := integer(r.text(key))
	if !ok || n < 0 {
		return 0, fmt.Errorf("%s is %q, not a number of bytes", key, oneLine(r.text(key)))
	}
	return n, nil
}

// grouped is a number as print shows it. Other spaces stand between two numbers, or where a digit is missing.
var grouped = regexp.MustCompile(`^\d{1,3}( \d{3})+$`)

// integer reads 1099511627776, 1 099 511 627 776, 2048.000000 and 1.5e3; a fraction is not an integer.
func integer(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	if whole, fraction, ok := strings.Cut(text, "."); ok && fraction != "" && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	if grouped.MatchString(text) {
		text = strings.ReplaceAll(text, " ", "")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	if !strings.ContainsAny(text, "eE") {
		return 0, false
	}
	// Beyond 2^53 a float no longer tells integers apart.
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// decodeRecords reads n JSON values that follow each other, each a list of items or a single one, as the
// :put [:serialize to=json [...]] of a command line print them.
func decodeRecords(text string, n int) ([][]record, error) {
	decoder := json.NewDecoder(strings.NewReader(withoutControls(text)))
	decoder.UseNumber()
	lists := make([][]record, 0, n)
	for range n {
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		list, ok := recordsOf(value)
		if !ok || list == nil { // an empty list is one, nothing at all is not
			return nil, errors.New("neither a list of items nor an item")
		}
		lists = append(lists, list)
	}
	if decoder.More() {
		return nil, fmt.Errorf("more than %d JSON values", n)
	}
	return lists, nil
}

// recordsOf reads one value: an array for a list, a bare object for a menu that has one item, and an empty string or
// null for nothing.
func recordsOf(value any) (list []record, ok bool) {
	switch value := value.(type) {
	case []any:
		list = make([]record, 0, len(value))
		for _, item := range value {
			object, ok := item.(map[string]any)
			if !ok {
				return nil, false
			}
			list = append(list, object)
		}
		return list, true
	case map[string]any:
		return []record{value}, true
	case nil:
		return nil, true
	}
	return nil, value == ""
}
