package composecheck_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if buildFolder != "" {
		os.RemoveAll(buildFolder)
	}
	os.Exit(code)
}

var buildFolder string // of built; empty: nobody asked for the programs

// built is a folder with the programs, built as the Dockerfile says from the
// files that it copies, and from nothing else.
var built = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return "", err
	}
	d, err := parseDockerfile("Dockerfile", string(text))
	if err != nil {
		return "", err
	}
	packages, stage, err := d.goBuild()
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "composecheck-")
	if err != nil {
		return "", err
	}
	buildFolder = folder
	src := filepath.Join(folder, "src")
	for _, c := range copies(stage) {
		for _, from := range c.SourcePaths {
			to := filepath.Join(src, c.DestPath)
			if strings.HasSuffix(c.DestPath, "/") {
				to = filepath.Join(to, filepath.Base(from))
			}
			if err := copyOf(root, from, to); err != nil {
				return folder, err
			}
		}
	}
	build := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", folder + "/"}, packages...)...)
	build.Dir, build.Env = src, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return folder, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return folder, nil
})

// copyOf copies a file or a folder of the build context: what .dockerignore
// leaves out is not in it.
func copyOf(root, from, to string) error {
	ignored, err := dockerIgnore(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(root, from), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inContext, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if out, err := ignored.MatchesOrParentMatches(inContext); err != nil || out {
			return err
		}
		rel, err := filepath.Rel(filepath.Join(root, from), path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}

func dockerIgnore(root string) (*patternmatcher.PatternMatcher, error) {
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return patternmatcher.New(patterns)
}

func TestSecretsAndTestsAreNoPartOfTheBuildContext(t *testing.T) {
	ignored, err := dockerIgnore(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{".git/config": true, ".env": true, "id_ed25519": true, "deploy/tempo.yml": true, "deploy/chr/Dockerfile": true,
		"internal/conn/bench_test.go": true, "internal/routeros/testdata/verify-chr.txt": true,
		"go.mod": false, "cmd/controller/main.go": false, "internal/status/page.css": false, "deploy/chr/fetch": false} {
		if got, err := ignored.MatchesOrParentMatches(path); err != nil || got != want {
			t.Errorf("%s is left out: %v, %v", path, got, err)
		}
	}
}
