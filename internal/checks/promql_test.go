package checks_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// query is what a PromQL expression names. It is read from the words of the
// expression, which is enough to compare names; tools/promcheck parses and
// evaluates the same expressions with the engine of Prometheus.
type query struct {
	selectors []selector
	grouping  []string // labels in by, without, on, ignoring, group_left, group_right
	ranges    []string // what stands in [ ]
	calls     []call
}

type selector struct {
	metric   string
	matchers []matcher
	inside   []string // functions around it, outermost first
}

type matcher struct{ label, op, value string }

type call struct{ function, window string }

func (s selector) matcher(label string) (matcher, bool) {
	at := slices.IndexFunc(s.matchers, func(m matcher) bool { return m.label == label })
	if at < 0 {
		return matcher{}, false
	}
	return s.matchers[at], true
}

var words = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\$\{?\w+\}?|[0-9][\w.]*|[a-zA-Z_:][\w:]*|=~|!~|!=|[^\s]`)

var groupers = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}

var keywords = []string{"and", "or", "unless", "bool", "offset"}

var name = regexp.MustCompile(`^[a-zA-Z_:][\w:]*$`)

func parseQuery(expr string) query {
	var q query
	var open []string // what each open parenthesis belongs to
	function := ""    // that the next parenthesis belongs to
	tokens := words.FindAllString(expr, -1)
	next := func(i int) string {
		if i+1 < len(tokens) {
			return tokens[i+1]
		}
		return ""
	}
	for i := 0; i < len(tokens); i++ {
		switch token := tokens[i]; {
		case token == "(":
			open, function = append(open, function), ""
		case token == ")":
			open = open[:max(len(open)-1, 0)]
		case token == "[":
			end := i + slices.Index(tokens[i:], "]")
			window := strings.Join(tokens[i+1:max(end, i+1)], "")
			q.ranges = append(q.ranges, window)
			if len(open) > 0 {
				q.calls = append(q.calls, call{open[len(open)-1], window})
			}
			i = max(end, i)
		case slices.Contains(groupers, token):
			if next(i) != "(" {
				continue
			}
			for i += 2; i < len(tokens) && tokens[i] != ")"; i++ {
				if tokens[i] != "," {
					q.grouping = append(q.grouping, tokens[i])
				}
			}
		case slices.Contains(keywords, token):
		case name.MatchString(token) && (next(i) == "(" || next(i) == "by" || next(i) == "without"):
			function = token
		case name.MatchString(token) || token == "{":
			s := selector{inside: slices.DeleteFunc(slices.Clone(open), func(f string) bool { return f == "" })}
			if token != "{" {
				s.metric = token
				if next(i) == "{" {
					i++
				}
			}
			if tokens[i] == "{" {
				for i++; i < len(tokens) && tokens[i] != "}"; i++ {
					if tokens[i] != "," && i+2 < len(tokens) {
						s.matchers = append(s.matchers, matcher{tokens[i], tokens[i+1], strings.Trim(tokens[i+2], `"`)})
						i += 2
					}
				}
			}
			q.selectors = append(q.selectors, s)
		}
	}
	return q
}

func TestNamesAreFoundInAnExpression(t *testing.T) {
	q := parseQuery(`histogram_quantile(0.95, sum by (le, stage) (rate(some_bucket{job=~"$job", stage!="a,b\"}"}[$__rate_interval]))
		and on (job) group_left (address) max_over_time((other == bool 1)[5m:15s]) offset 1h > 3e2) or job:other:rate5m`)
	var metrics []string
	for _, s := range q.selectors {
		metrics = append(metrics, s.metric)
	}
	if want := []string{"some_bucket", "other", "job:other:rate5m"}; !slices.Equal(metrics, want) {
		t.Errorf("metrics %q, want %q", metrics, want)
	}
	if want := []string{"le", "stage", "job", "address"}; !slices.Equal(q.grouping, want) {
		t.Errorf("grouping %q, want %q", q.grouping, want)
	}
	if want := []matcher{{"job", "=~", "$job"}, {"stage", "!=", `a,b\"}`}}; !slices.Equal(q.selectors[0].matchers, want) {
		t.Errorf("matchers %q, want %q", q.selectors[0].matchers, want)
	}
	if want := []string{"histogram_quantile", "sum", "rate"}; !slices.Equal(q.selectors[0].inside, want) {
		t.Errorf("inside %q, want %q", q.selectors[0].inside, want)
	}
	if want := []string{"$__rate_interval", "5m:15s"}; !slices.Equal(q.ranges, want) {
		t.Errorf("ranges %q, want %q", q.ranges, want)
	}
}
