package composecheck_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := built(); err == nil {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// copied finds what a stage takes from the build context, and goBuild what it
// makes of it.
var (
	copied  = regexp.MustCompile(`(?m)^COPY ([^-\n].*)$`)
	goBuild = regexp.MustCompile(`(?m)go build .*-o /out/ (.*)$`)
)

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
	packages := goBuild.FindStringSubmatch(string(text))
	if packages == nil {
		return "", errors.New("the Dockerfile has no go build into /out/")
	}
	folder, err := os.MkdirTemp("", "composecheck-")
	if err != nil {
		return "", err
	}
	src := filepath.Join(folder, "src")
	for _, m := range copied.FindAllStringSubmatch(string(text), -1) {
		words := strings.Fields(m[1])
		for _, from := range words[:len(words)-1] {
			to := filepath.Join(src, words[len(words)-1])
			if len(words) > 2 || words[1] == "./" {
				to = filepath.Join(src, filepath.Base(from))
			}
			if err := copyOf(filepath.Join(root, from), to); err != nil {
				return folder, err
			}
		}
	}
	build := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", folder + "/"}, strings.Fields(packages[1])...)...)
	build.Dir, build.Env = src, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return folder, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return folder, nil
})

// copyOf copies a file or a folder, as the context has it: without tests.
func copyOf(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/testdata/") {
			return err
		}
		rel, err := filepath.Rel(from, path)
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

// programs is where the images have ours.
const programs = "/usr/local/bin/"

// commandLines are those of a service that run a program of ours.
func commandLines(s types.ServiceConfig) (lines [][]string) {
	if len(s.Entrypoint) > 0 && strings.HasPrefix(s.Entrypoint[0], programs) {
		lines = append(lines, append(slices.Clone(s.Entrypoint), s.Command...))
	} else if s.Image == "rds-csi-controller:local" {
		lines = append(lines, append([]string{programs + "controller"}, s.Command...)) // the image's own entrypoint
	}
	if h := s.HealthCheck; h != nil && len(h.Test) > 1 && strings.HasPrefix(h.Test[1], programs) {
		lines = append(lines, h.Test[1:])
	}
	return lines
}

var help struct {
	sync.Mutex
	known map[string]string
}

// helpOf asks a program of ours, or one of its subcommands, for its flags.
func helpOf(words ...string) (string, error) {
	help.Lock()
	defer help.Unlock()
	key := strings.Join(words, " ")
	if text, ok := help.known[key]; ok {
		return text, nil
	}
	folder, err := built()
	if err != nil {
		return "", err
	}
	ask := exec.Command(filepath.Join(folder, filepath.Base(words[0])), append(slices.Clone(words[1:]), "--help")...)
	out, err := ask.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --help: %w\n%s", key, err, out)
	}
	if help.known == nil {
		help.known = map[string]string{}
	}
	help.known[key] = string(out)
	return string(out), nil
}

var flagName = regexp.MustCompile(`^--?([\w.-]+)`)

func flagsExist(s stack, c *complaints) {
	checked := 0
	for name, service := range s.Services {
		for _, line := range commandLines(service) {
			words := line[:1]
			if len(line) > 1 && !strings.HasPrefix(line[1], "-") {
				words = line[:2] // a subcommand
			}
			text, err := helpOf(words...)
			if err != nil {
				c.add("%s: %v", name, err)
				continue
			}
			for _, arg := range line[len(words):] {
				m := flagName.FindStringSubmatch(arg)
				if m == nil {
					c.add("%s: %q is no flag", name, arg)
					continue
				}
				checked++
				known := regexp.MustCompile(`(?m)^\s*--?` + regexp.QuoteMeta(m[1]) + `\b`).MatchString(text)
				c.unless(known, "%s: %s has no flag %s", name, strings.Join(words, " "), m[0])
			}
		}
	}
	c.unless(checked > 20, "only %d flags were looked at", checked)
}
