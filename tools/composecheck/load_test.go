// Package composecheck_test loads docker-compose.yml as docker compose does,
// without an engine, and holds it to what a schema cannot say: that what it
// mounts is there, that nothing is open to other machines, that the parts fit
// together. Our own programs are run the way the stack runs them.
//
// It is a module of its own for its dependencies.
package composecheck_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// stack is what is checked: the project of docker-compose.yml with every
// profile, and where the repository is.
type stack struct {
	*types.Project
	root string
	// edited are files that a test sees otherwise than they are, by their path
	// in the repository.
	edited map[string]string
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// load reads the stack with the .env file and these variables, and nothing of
// the environment of the test.
func load(t *testing.T, profiles []string, environ ...string) stack {
	t.Helper()
	s, err := tryLoad(repository(t), profiles, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryLoad(root string, profiles []string, environ ...string) (stack, error) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithEnv(environ), cli.WithEnvFiles(), cli.WithDotEnv)
	if err == nil {
		err = cli.WithDefaultProfiles(profiles...)(options)
	}
	if err != nil {
		return stack{}, err
	}
	p, err := options.LoadProject(context.Background())
	return stack{Project: p, root: root, edited: map[string]string{}}, err
}

// everything is the project with all of its profiles.
func everything(t *testing.T) stack { return load(t, []string{"*"}) }

// read returns a file of the repository.
func (s stack) read(path string) (string, error) {
	if text, ok := s.edited[path]; ok {
		return text, nil
	}
	text, err := os.ReadFile(filepath.Join(s.root, path))
	return string(text), err
}

// readYAML reads a file of the repository into v.
func (s stack) readYAML(path string, v any) error {
	text, err := s.read(path)
	if err != nil {
		return err
	}
	return yaml.Unmarshal([]byte(text), v)
}

// inside is the path in the repository of one that the project has.
func (s stack) inside(path string) string {
	rel, err := filepath.Rel(s.root, path)
	if err != nil {
		return path
	}
	return rel
}

// source returns what of the repository a container has at a path.
func (s stack) source(service, path string) (string, bool) {
	for _, v := range s.Services[service].Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		if rel, err := filepath.Rel(v.Target, path); err == nil && filepath.IsLocal(rel) {
			return filepath.Join(s.inside(v.Source), rel), true
		}
	}
	return "", false
}

// change edits a service of the project, for a test.
func (s stack) change(service string, f func(*types.ServiceConfig)) {
	c := s.Services[service]
	f(&c)
	s.Services[service] = c
}

func names(s stack) []string {
	n := s.ServiceNames()
	slices.Sort(n)
	return n
}
