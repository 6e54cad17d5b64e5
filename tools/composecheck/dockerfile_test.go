package composecheck_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile is one as the builder reads it.
type dockerfile struct {
	path     string // in the repository
	stages   []instructions.Stage
	warnings []string
}

func parseDockerfile(path, text string) (d dockerfile, err error) {
	d.path = path
	tree, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return d, err
	}
	warn := func(name, _, _, message string, _ []parser.Range) {
		d.warnings = append(d.warnings, name+": "+message)
	}
	d.stages, _, err = instructions.Parse(tree.AST, linter.New(&linter.Config{Warn: warn}))
	return d, err
}

// dockerfileOf reads the one that a service is built from.
func (s stack) dockerfileOf(service string) (dockerfile, error) {
	b := s.Services[service].Build
	path := s.inside(filepath.Join(b.Context, b.Dockerfile))
	text, err := s.read(path)
	if err != nil {
		return dockerfile{path: path}, err
	}
	return parseDockerfile(path, text)
}

// has reports whether there is a stage of the name; "" is the last one.
func (d dockerfile) has(stage string) bool {
	return stage == "" || slices.ContainsFunc(d.stages, func(s instructions.Stage) bool { return s.Name == stage })
}

// takes reports whether a stage has the argument, and with which default.
func (d dockerfile) takes(argument string) (fallback string, ok bool) {
	for _, stage := range d.stages {
		for _, command := range stage.Commands {
			if args, is := command.(*instructions.ArgCommand); is {
				for _, a := range args.Args {
					if a.Key == argument {
						return a.ValueString(), true
					}
				}
			}
		}
	}
	return "", false
}

// user is who the programs of a stage run as; "" is root.
func (d dockerfile) user(stage string) (user string) {
	at := len(d.stages) - 1
	if stage != "" {
		at = slices.IndexFunc(d.stages, func(s instructions.Stage) bool { return s.Name == stage })
	}
	if at < 0 {
		return ""
	}
	if base := d.stages[at].BaseName; base != "" && d.has(base) {
		user = d.user(base)
	}
	for _, command := range d.stages[at].Commands {
		if u, ok := command.(*instructions.UserCommand); ok {
			user = u.User
		}
	}
	return user
}

// copies are what stages take from the build context.
func copies(stages ...instructions.Stage) (all []instructions.CopyCommand) {
	for _, stage := range stages {
		for _, command := range stage.Commands {
			if c, ok := command.(*instructions.CopyCommand); ok && c.From == "" {
				all = append(all, *c)
			}
		}
	}
	return all
}

// goBuild returns the packages that go build makes into /out/, and the stage.
func (d dockerfile) goBuild() (packages []string, stage instructions.Stage, err error) {
	for _, stage := range d.stages {
		for _, command := range stage.Commands {
			if run, ok := command.(*instructions.RunCommand); ok {
				if line := strings.Join(run.CmdLine, " "); strings.Contains(line, "go build ") {
					_, packages, _ := strings.Cut(line, "-o /out/ ")
					return strings.Fields(packages), stage, nil
				}
			}
		}
	}
	return nil, stage, fmt.Errorf("%s has no go build", d.path)
}

func imagesCanBeBuilt(s stack, c *complaints) {
	for name, service := range s.Services {
		if service.Build == nil {
			continue
		}
		d, err := s.dockerfileOf(name)
		if err != nil {
			c.add("%s: %v", name, err)
			continue
		}
		for _, w := range d.warnings {
			c.add("%s: %s", d.path, w)
		}
		c.unless(d.has(service.Build.Target), "%s is built from the stage %s, which %s does not have", name, service.Build.Target, d.path)
		for arg := range service.Build.Args {
			_, ok := d.takes(arg)
			c.unless(ok, "%s passes %s, which %s does not take", name, arg, d.path)
		}
		user, _, _ := strings.Cut(d.user(service.Build.Target), ":")
		c.unless(user != "" && user != "root" && user != "0" || service.User != "", "%s is root by %s", name, d.path)
		for _, copied := range copies(d.stages...) {
			for _, from := range copied.SourcePaths {
				found, err := filepath.Glob(filepath.Join(service.Build.Context, from))
				c.unless(err == nil && len(found) > 0, "%s copies %s, which is not there", d.path, from)
			}
		}
		for _, stage := range d.stages {
			c.unless(stage.BaseName == "scratch" || d.has(stage.BaseName) || pinned.MatchString(stage.BaseName), "%s: the image %s is not pinned", d.path, stage.BaseName)
			for _, command := range stage.Commands {
				if copied, ok := command.(*instructions.CopyCommand); ok && copied.From != "" {
					c.unless(d.has(copied.From), "%s copies from the stage %s, which it does not have", d.path, copied.From)
				}
			}
		}
	}
}
