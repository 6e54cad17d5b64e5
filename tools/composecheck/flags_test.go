package composecheck_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
)

// programs is where the images have ours.
const programs = "/usr/local/bin/"

// commandLines are those of a service that run a program of ours.
func commandLines(s types.ServiceConfig) (lines [][]string) {
	if len(s.Entrypoint) > 0 && strings.HasPrefix(s.Entrypoint[0], programs) {
		lines = append(lines, append(slices.Clone(s.Entrypoint), s.Command...))
	} else if s.Image == "rds-csi-controller:local" {
		lines = append(lines, append([]string{programs + "controller"}, s.Command...)) // the image's own entrypoint
	}
	if h := s.HealthCheck; h != nil && len(h.Test) > 1 && h.Test[1] == programs+"controller" {
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
