package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// report prints the results and counts the faults that no test noticed.
func report(w io.Writer, results []result) (unnoticed int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\n", r.name, r.verdict(), r.test, r.took.Round(time.Second/10))
	}
	t.Flush()
	for _, r := range results {
		if !r.noticed {
			unnoticed++
			fmt.Fprintf(w, "\n%s: %s\n  %s\n  %s, %s of %s\n%s", r.name, r.how, r.means, r.file, r.test, r.testedPackage(), lastLines(r.output))
		}
	}
	return unnoticed
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
	tableFrom = "<!-- the table is written by the program: make mutation-table -->\n"
	tableTo   = "<!-- end of the table -->\n"
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
	return fmt.Errorf("the table of %s is out of date: make mutation-table", page)
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
