package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"rds-csi/internal/otelx"
)

const readme = "../../README.md"

var update = flag.Bool("update", false, "write the tables of README.md anew")

// TestTablesOfTheReadmeAreThoseOfTheCode compares the tables between the
// markers <!-- flags --> and <!-- metrics --> with the code.
func TestTablesOfTheReadmeAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, table := range map[string]string{"flags": flagTable(), "legacy": legacyTable(), "metrics": metricTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, found := strings.Cut(text, begin)
		got, after, closed := strings.Cut(rest, end)
		switch {
		case !found || !closed:
			t.Errorf("README.md has no section between %q and %q", begin, end)
		case *update:
			text = before + begin + table + end + after
		case got != table:
			t.Errorf("the %s table is not that of the code; go test ./cmd/controller -run Readme -update writes it", name)
		}
	}
	if *update {
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func flagTable() string {
	var b strings.Builder
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	for _, s := range declare(new(config)).list {
		if s.legacy == "" {
			fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", s.name, code(s.fallback), escape(s.usage))
		}
	}
	return b.String()
}

func legacyTable() string {
	var b strings.Builder
	b.WriteString("| flags | instead |\n|---|---|\n")
	for _, group := range legacyFlags {
		var names []string
		for _, name := range strings.Fields(group.switches + " " + group.withValue) {
			names = append(names, "`-"+name+"`")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, " "), escape(group.instead))
	}
	return b.String()
}

func metricTable() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range otelx.Catalog() {
		var labels []string
		for _, l := range m.Labels {
			labels = append(labels, "`"+l.Name+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(slices.Compact(labels), ", "), escape(m.Help))
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func escape(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
