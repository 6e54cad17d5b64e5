package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A value of the script language is nil (nothing), bool, int64, string, time.Duration or array. Properties may also be
// of the types below, which are numbers that a print shows in its own way.
type (
	byteCount  int64 // 31.2MiB
	percentage int64 // 1%
	megahertz  int64 // 2000MHz
	spaced     int64 // 1 099 511 627 776
	fileSize   int64 // 1024.0GiB, rounded
)

// word is a text that a print shows without quotes: a name from a fixed set, or a path.
type word string

// array is a list, or with keys a map.
type array []element

type element struct {
	key   string // empty: a list's element
	value any
}

// record is one item of a menu: its properties in the order of a print.
type record []property

type property struct {
	name  string
	value any
}

func (r record) get(name string) (any, bool) {
	for _, p := range r {
		if p.name == name {
			return p.value, true
		}
	}
	return nil, false
}

// asValue gives the record as print as-value does: plain numbers and booleans.
func (r record) asValue() array {
	a := make(array, 0, len(r))
	for _, p := range r {
		a = append(a, element{p.name, plain(p.value)})
	}
	return a
}

// plain strips the types that only matter to a print.
func plain(v any) any {
	switch v := v.(type) {
	case byteCount:
		return int64(v)
	case percentage:
		return int64(v)
	case megahertz:
		return int64(v)
	case spaced:
		return int64(v)
	case fileSize:
		return int64(v)
	case word:
		return string(v)
	}
	return v
}

// printText is how a print shows a property.
func printText(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case byteCount:
		return mebibytes(int64(v))
	case percentage:
		return fmt.Sprintf("%d%%", v)
	case megahertz:
		return fmt.Sprintf("%dMHz", v)
	case spaced:
		return spacedText(int64(v))
	case fileSize:
		return fileSizeText(int64(v))
	case time.Duration:
		return uptimeText(v)
	}
	return text(v)
}

// text is how :put and string concatenation show a value. RouterOS fact: fields are joined by ";", records simply
// follow one another, and nothing is escaped.
func text(v any) string {
	switch v := plain(v).(type) {
	case nil:
		return ""
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	case time.Duration:
		return clockText(v)
	case array:
		fields := make([]string, 0, len(v))
		for _, e := range v {
			field := text(e.value)
			if e.key != "" {
				field = e.key + "=" + field
			}
			fields = append(fields, field)
		}
		return strings.Join(fields, ";")
	}
	return fmt.Sprint(v)
}

// mebibytes: 31.2MiB.
func mebibytes(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + "MiB" }

// spacedText groups digits: 53 687 091 200.
func spacedText(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// fileSizeText rounds. RouterOS fact: the unit changes only above 1024, so that 1 GiB prints as 1024.0MiB.
func fileSizeText(n int64) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value > 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	if units[0] == "B" {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + units[0]
}

// uptimeText is a time in a print: 1w2d3h4m5s, without the parts that are zero.
func uptimeText(d time.Duration) string {
	seconds := int64(d / time.Second)
	var b strings.Builder
	for _, unit := range []struct {
		size int64
		name string
	}{{7 * 86400, "w"}, {86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}} {
		if n := seconds / unit.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
		}
		seconds %= unit.size
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// clockText is a time as a value: 1w2d03:04:05, or 03:04:05.
func clockText(d time.Duration) string {
	seconds := int64(d / time.Second)
	var b strings.Builder
	if n := seconds / (7 * 86400); n > 0 {
		fmt.Fprintf(&b, "%dw", n)
	}
	if n := seconds / 86400 % 7; n > 0 {
		fmt.Fprintf(&b, "%dd", n)
	}
	fmt.Fprintf(&b, "%02d:%02d:%02d", seconds/3600%24, seconds/60%60, seconds%60)
	return b.String()
}

// toJSON is :serialize to=json. RouterOS fact: one line, keys sorted, booleans and integers as JSON types, an object for
// a map, times as strings.
func toJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(jsonValue(v)); err != nil {
		panic(err) // only the types of jsonValue occur
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func jsonValue(v any) any {
	switch v := plain(v).(type) {
	case nil:
		return ""
	case bool, int64, string:
		return v
	case array:
		return jsonArray(v)
	default:
		return text(v)
	}
}

func jsonArray(a array) any {
	object, list := map[string]any{}, []any{}
	for _, e := range a {
		if e.key != "" {
			object[e.key] = jsonValue(e.value)
		} else {
			list = append(list, jsonValue(e.value))
		}
	}
	if len(object) > 0 {
		return object
	}
	return list
}
