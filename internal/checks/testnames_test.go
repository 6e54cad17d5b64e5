package checks_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)[`/]")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w+)\(`)
)

// testFuncs is the package folder of each test in the tree.
func testFuncs(t *testing.T) map[string]string {
	t.Helper()
	there := make(map[string]string)
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(filepath.Join("..", ".."), path)
		if err != nil {
			return err
		}
		for _, found := range testFunc.FindAllSubmatch(read(t, relative), -1) {
			there[string(found[1])] = filepath.Dir(relative)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// TestPagesNameTestsThatThereAre: a claim that names its test is worth as much
// as that test.
func TestPagesNameTestsThatThereAre(t *testing.T) {
	there := testFuncs(t)
	for page, least := range map[string]int{"security.md": 40, "mutation.md": 40, "dependencies.md": 1} {
		names := testName.FindAllStringSubmatch(string(read(t, "docs", page)), -1)
		for _, found := range names {
			if there[found[1]] == "" {
				t.Errorf("docs/%s names %s, which there is not", page, found[1])
			}
		}
		if len(names) < least {
			t.Errorf("docs/%s names %d tests; they are not found", page, len(names))
		}
	}
}

// A target that nobody ran for long would look like the others.
func TestEveryFuzzTargetIsInTheTable(t *testing.T) {
	_, section, _ := strings.Cut(string(read(t, "docs", "security.md")), "\n## Fuzzing\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `(Fuzz\\w+)` \\| (\\w+) \\|.*\\| (\\d+) \\|$").FindAllStringSubmatch(section, -1) {
		rows[row[1]+" in internal/"+row[2]] = true
		kept, err := filepath.Glob(filepath.Join("..", row[2], "testdata", "fuzz", row[1], "*"))
		if err != nil || row[3] != strconv.Itoa(len(kept)) {
			t.Errorf("%s has %d inputs kept, docs/security.md says %s (%v)", row[1], len(kept), row[3], err)
		}
	}
	for name, folder := range testFuncs(t) {
		target := name + " in " + filepath.ToSlash(folder)
		if strings.HasPrefix(name, "Fuzz") && !rows[target] {
			t.Errorf("%s is not in the table of docs/security.md", target)
		}
		delete(rows, target)
	}
	for target := range rows {
		t.Errorf("docs/security.md names %s, which there is not", target)
	}
}
