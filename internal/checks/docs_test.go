package checks_test

import (
	"fmt"
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
