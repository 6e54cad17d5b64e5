package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// row is a line of the table that is printed while the check goes on.
func (r *result) row() string {
	return fmt.Sprintf("%-50s %-12s %5.1fs  %s", r.name, r.verdict(), r.took.Seconds(), r.test)
}

// explain says all of a fault that was not noticed.
func (r *result) explain() string {
	return fmt.Sprintf("\n%s: %s\n  %s\n  %s, %s of %s\n%s", r.name, r.how, r.means, r.file, r.test, r.testedPackage(), lastLines(r.output))
}

func (r *result) verdict() string {
	if r.noticed {
		return r.how
	}
	return "NOT NOTICED"
}

// lastLines keeps a report readable.
func lastLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "")
}

const (
	page      = "docs/mutation.md"
	tableFrom = "<!-- faults -->\n"
	tableTo   = "<!-- /faults -->\n"
)

// document checks that the page has the table of the list as it is, or writes
// it there.
func document(root string, update bool) error {
	file := filepath.Join(root, filepath.FromSlash(page))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), tableFrom)
	_, after, ended := strings.Cut(rest, tableTo)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the table", page)
	}
	now := before + tableFrom + table() + tableTo + after
	switch {
	case now == string(text):
		return nil
	case update:
		return os.WriteFile(file, []byte(now), 0o644)
	}
	return fmt.Errorf("the table of %s is out of date: go run -C tools ./mutation -update writes it", page)
}

func table() string {
	var b strings.Builder
	b.WriteString("| fault | what it would mean | where | noticed by |\n|---|---|---|---|\n")
	for _, m := range catalogue() {
		cell := strings.NewReplacer("|", `\|`).Replace
		fmt.Fprintf(&b, "| %s | %s | `%s` | `%s` |\n", cell(m.name), cell(m.means), m.file, cell(m.test))
	}
	return b.String()
}
