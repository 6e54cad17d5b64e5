package checks_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rds-csi/internal/otelx"
)

// headings lists the anchors of a Markdown text, as a browser knows them.
func headings(text []byte) (anchors []string) {
	fence := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fence = !fence
		}
		if title := strings.TrimLeft(line, "#"); !fence && title != line && strings.HasPrefix(title, " ") {
			anchor := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
		}
	}
	return anchors
}

// metricEntry is how docs/metrics.md has a metric, in one line each.
func metricEntry(i otelx.MetricInfo) (first, second string) {
	first = strings.ToUpper(i.Type[:1]) + i.Type[1:]
	if i.Unit != "" {
		first += ", " + i.Unit
	}
	first += "."
	for _, l := range i.Labels {
		first += " Label `" + l.Name + "`"
		if len(l.Values) > 0 {
			first += ": `" + strings.Join(l.Values, "`, `") + "`"
		}
		first += "."
	}
	if len(i.Buckets) > 0 {
		first += " Buckets: " + strings.ReplaceAll(strings.Trim(fmt.Sprint(i.Buckets), "[]"), " ", ", ") + "."
	}
	return first, i.Help + "."
}

func TestThePageOnMetricsHasEachOfThem(t *testing.T) {
	text := string(read(t, "docs", "metrics.md"))
	sections := strings.Split(text, "\n### ")[1:]
	for _, i := range otelx.Catalog() {
		at := slices.IndexFunc(sections, func(s string) bool { return strings.HasPrefix(s, "`"+i.Name+"`\n") })
		if at < 0 {
			t.Errorf("docs/metrics.md has no section on %s", i.Name)
			continue
		}
		paragraphs := strings.Split(sections[at], "\n\n")
		first, second := metricEntry(i)
		unwrap := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		if len(paragraphs) < 3 || unwrap(paragraphs[1]) != first || !strings.HasPrefix(unwrap(paragraphs[2]), second) {
			t.Errorf("the section on %s should begin with\n%s\n\n%s", i.Name, first, second)
		}
	}
	if len(sections) != len(otelx.Catalog()) {
		t.Errorf("docs/metrics.md has %d sections, the catalog %d metrics", len(sections), len(otelx.Catalog()))
	}
}

var (
	fences  = regexp.MustCompile("(?ms)^( *)```promql\n(.*?)^ *```")
	ourName = regexp.MustCompile(`\b(?:rds_csi|csi_plugin)_\w+`)
	anAlert = regexp.MustCompile(`\bRDS[A-Z][a-z]\w+|\bRDSRPC\w+`)
	aFlag   = regexp.MustCompile("--((?:rds|metrics|web|health|config)[a-z.-]*[a-z])")
	aLink   = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
)

var ourPages = []string{"runbook.md", "metrics.md"}

func TestPagesNameOnlyWhatThereIs(t *testing.T) {
	rules := readRules(t)
	v := newVocabulary(t)
	flags := flagNames(t)
	for _, page := range ourPages {
		text := string(read(t, "docs", page))
		for _, found := range fences.FindAllStringSubmatch(text, -1) {
			for expr := range strings.Lines(found[2]) {
				for _, fault := range v.faults(expr) {
					t.Errorf("%s: %s: %s", page, strings.TrimSpace(expr), fault)
				}
			}
		}
		for _, metric := range ourName.FindAllString(text, -1) {
			if metricOf(metric) == "" {
				t.Errorf("%s names %s, which nothing exports", page, metric)
			}
		}
		for _, alert := range anAlert.FindAllString(text, -1) {
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.Alert == alert }) {
				t.Errorf("%s names the alert %s, which there is not", page, alert)
			}
		}
		for _, found := range aFlag.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(flags, `"`+found[1]+`"`) {
				t.Errorf("%s names the flag --%s, which the controller does not have", page, found[1])
			}
		}
	}
}

// flagNames is the source of the controller, in which each flag is in quotes.
func flagNames(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "cmd", "controller", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			all.Write(read(t, "cmd", "controller", filepath.Base(file)))
		}
	}
	return all.String()
}

func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	for _, page := range ourPages {
		text := read(t, "docs", page)
		for _, found := range aLink.FindAllStringSubmatch(string(text), -1) {
			path, anchor := found[1], strings.TrimPrefix(found[2], "#")
			linked := text
			if path != "" {
				if matches, _ := filepath.Glob(filepath.Join("..", "..", "docs", path)); len(matches) == 0 {
					t.Errorf("%s links to %s, which there is not", page, path)
					continue
				}
				if anchor != "" {
					linked = read(t, "docs", path)
				}
			}
			if anchor != "" && !slices.Contains(headings(linked), anchor) {
				t.Errorf("%s links to %s#%s, which there is not", page, path, anchor)
			}
		}
	}
}

// A person finds the value of a label that an alert or panel shows.
func TestTheRunbookExplainsEveryReasonCauseAndChange(t *testing.T) {
	text := string(read(t, "docs", "runbook.md"))
	for _, i := range otelx.Catalog() {
		for _, l := range i.Labels {
			if l.Name != "reason" && l.Name != "cause" && l.Name != "change" {
				continue
			}
			for _, value := range l.Values {
				if !strings.Contains(text, "`"+value+"`") {
					t.Errorf("%s: the runbook does not mention %s %q", i.Name, l.Name, value)
				}
			}
		}
	}
}
