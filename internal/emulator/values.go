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
)

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
