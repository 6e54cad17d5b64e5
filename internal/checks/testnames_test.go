package checks_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)[`/]")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w+)\(`)
)

// TestPagesNameTestsThatThereAre: a claim that names its test is worth as much
// as that test.
func TestPagesNameTestsThatThereAre(t *testing.T) {
	there := make(map[string]bool)
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(filepath.Join("..", ".."), path)
		if err != nil {
			return err
		}
		for _, found := range testFunc.FindAllSubmatch(read(t, relative), -1) {
			there[string(found[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for page, least := range map[string]int{"security.md": 40, "mutation.md": 40, "dependencies.md": 1} {
		names := testName.FindAllStringSubmatch(string(read(t, "docs", page)), -1)
		for _, found := range names {
			if !there[found[1]] {
				t.Errorf("docs/%s names %s, which there is not", page, found[1])
			}
		}
		if len(names) < least {
			t.Errorf("docs/%s names %d tests; they are not found", page, len(names))
		}
	}
}
