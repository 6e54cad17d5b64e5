package checks_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rds-csi/internal/otelx"
)

var (
	fences  = regexp.MustCompile("(?ms)^( *)```promql\n(.*?)^ *```")
	ourName = regexp.MustCompile(`(?:^|[^\w-])((?:rds_csi|csi)_\w+)`)
	aLabel  = regexp.MustCompile("`([a-z_]+)=\"([^\"]*)\"`")
	anAlert = regexp.MustCompile(`\bRDS[A-Z][a-z]\w+|\bRDSRPC\w+`)
	aFlag   = regexp.MustCompile(`(?:^|[^\w-])--([a-z][a-z0-9.-]+)`)
	aLink   = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	ofAFlag = regexp.MustCompile(`(?:\bname: |Var\([^,\n]+, |\.Func\()"([a-z][a-z0-9.-]*)"`)
)

// foreignFlags are those of other programs that pages name.
var foreignFlags = map[string][]string{
	"docker":           {"build-arg", "cap-drop", "device", "format", "group-add", "name", "read-only", "rm", "security-opt", "stop-timeout", "tmpfs"},
	"kubectl":          {"previous"},
	"deploy/chr/start": {"dry-run"},
	"deploy/chr/fetch": {"packages"},
}

// ourPages are the documents of the repository, by their paths in it.
func ourPages(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	err := fs.WalkDir(os.DirFS(filepath.Join("..", "..")), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			pages[path] = string(read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"README.md", "CHANGELOG.md", "deploy/README.md", "e2e/README.md", "docs/runbook.md", "docs/metrics.md"} {
		if pages[path] == "" {
			t.Errorf("%s was not found", path)
		}
	}
	return pages
}

func TestPagesNameOnlyWhatThereIs(t *testing.T) {
	rules := readRules(t)
	v := newVocabulary(t)
	flags := flagNames(t)
	for page, text := range ourPages(t) {
		for _, found := range fences.FindAllStringSubmatch(text, -1) {
			for expr := range strings.Lines(found[2]) {
				for _, fault := range v.faults(expr) {
					t.Errorf("%s: %s: %s", page, strings.TrimSpace(expr), fault)
				}
			}
		}
		for _, found := range ourName.FindAllStringSubmatch(text, -1) {
			if !isMetric(found[1]) {
				t.Errorf("%s names %s, which nothing exports", page, found[1])
			}
		}
		for _, found := range aLabel.FindAllStringSubmatch(text, -1) {
			if !v.hasLabel(found[1], found[2]) {
				t.Errorf("%s names the label %s, which no metric has", page, found[0])
			}
		}
		for _, alert := range anAlert.FindAllString(text, -1) {
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.Alert == alert }) {
				t.Errorf("%s names the alert %s, which there is not", page, alert)
			}
		}
		for _, found := range aFlag.FindAllStringSubmatch(text, -1) {
			if name := strings.TrimRight(found[1], "."); !isFlag(flags, name) {
				t.Errorf("%s names the flag --%s, which no program of ours has", page, name)
			}
		}
	}
}

// isMetric reports whether a metric has the name, or the prefix, as in rds_csi_*.
func isMetric(name string) bool {
	return metricOf(name) != "" || strings.HasSuffix(name, "_") &&
		slices.ContainsFunc(otelx.Catalog(), func(i otelx.MetricInfo) bool { return strings.HasPrefix(i.Name, name) })
}

// hasLabel reports whether a series can have the label with that value.
func (v vocabulary) hasLabel(name, value string) bool {
	for _, series := range v {
		if values, there := series[name]; there && (len(values) == 0 || slices.Contains(values, value)) {
			return true
		}
	}
	return false
}

// isFlag reports whether a flag has the name, or the prefix, as in --rds-*.
func isFlag(flags []string, name string) bool {
	return slices.ContainsFunc(flags, func(flag string) bool {
		return flag == name || strings.HasSuffix(name, "-") && strings.HasPrefix(flag, name)
	})
}

// flagNames are those that the sources of our programs declare, and those of
// other programs.
func flagNames(t *testing.T) (names []string) {
	t.Helper()
	for program, least := range map[string]int{"controller": 25, "emulator": 15, "routeros-setup": 13} {
		files, err := filepath.Glob(filepath.Join("..", "..", "cmd", program, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		before := len(names)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, found := range ofAFlag.FindAllStringSubmatch(string(read(t, "cmd", program, filepath.Base(file))), -1) {
				names = append(names, found[1])
			}
		}
		if n := len(names) - before; n < least {
			t.Errorf("%d flags of %s were found", n, program)
		}
	}
	for _, foreign := range foreignFlags {
		names = append(names, foreign...)
	}
	return names
}

func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	pages := ourPages(t)
	for page, text := range pages {
		for _, found := range aLink.FindAllStringSubmatch(text, -1) {
			path, anchor := found[1], strings.TrimPrefix(found[2], "#")
			if strings.Contains(path, "://") {
				continue
			}
			linked := page
			if path != "" {
				linked = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join("..", "..", linked)); err != nil {
				t.Errorf("%s links to %s, which there is not", page, path)
			} else if anchor != "" && !slices.Contains(headings([]byte(pages[linked])), anchor) {
				t.Errorf("%s links to %s#%s, which there is not", page, path, anchor)
			}
		}
	}
}
