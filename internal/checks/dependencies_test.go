package checks_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/dependencies.md anew")

// linked is a module that is part of the program.
type linked struct{ Path, Version, Dir string }

// linkedModules lists the modules whose packages are compiled into the
// controller, as it is built for the image. They are what go version -m tells
// of the binary, without building it.
func linkedModules(t *testing.T) []linked {
	t.Helper()
	read(t, "go.mod") // so that go test takes no cached result where it has changed
	cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/controller")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []linked
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Module *struct {
				linked
				Main bool
			}
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil && !p.Module.Main && !slices.Contains(all, p.Module.linked) {
			all = append(all, p.Module.linked)
		}
	}
	slices.SortFunc(all, func(a, b linked) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// licences are known by a phrase that every copy of their text has.
var licences = []struct{ name, phrase, without string }{
	{"Apache-2.0", "Apache License Version 2.0", ""},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy", ""},
	{"BSD-3-Clause", "contributors may be used to endorse or promote products derived from", ""},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms", "endorse or promote"},
}

// licenceOf reads the licence files of a module: what they are, and "?" for a
// text that is not known.
func licenceOf(t *testing.T, m linked) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := strings.ToUpper(e.Name()); !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if found := licencesIn(string(text)); len(found) > 0 {
			names = append(names, found...)
		} else {
			names = append(names, "?")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func licencesIn(text string) (names []string) {
	words := strings.NewReplacer("* ", "", ",", " ", "'", "", "*", "").Replace(text)
	words = strings.Join(strings.Fields(words), " ")
	for _, l := range licences {
		phrase := strings.ReplaceAll(l.phrase, ",", "")
		if strings.Contains(words, phrase) && (l.without == "" || !strings.Contains(words, l.without)) {
			names = append(names, l.name)
		}
	}
	return names
}

// acceptable are the licences that ask for no more than their text in a copy of
// the program.
var acceptable = []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause"}

// TestThePageOnDependenciesIsThatOfTheProgram compares the table with the
// modules that are linked, and their licences with those that are acceptable.
func TestThePageOnDependenciesIsThatOfTheProgram(t *testing.T) {
	var table strings.Builder
	table.WriteString("| module | version | licence | what for |\n|---|---|---|---|\n")
	modules := linkedModules(t)
	for _, m := range modules {
		names := licenceOf(t, m)
		for _, name := range names {
			if !slices.Contains(acceptable, name) {
				t.Errorf("%s has a licence that nobody has looked at: %v", m.Path, names)
			}
		}
		if len(names) == 0 {
			t.Errorf("%s has no licence file", m.Path)
		}
		why := purposes[m.Path]
		if why == "" {
			t.Errorf("%s is linked, and nobody said what for: see purposes_test.go, and think about doing without", m.Path)
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", m.Path, m.Version, strings.Join(names, ", "), why)
	}
	for path := range purposes {
		if !slices.ContainsFunc(modules, func(m linked) bool { return m.Path == path }) {
			t.Errorf("%s is not linked any more; remove it from purposes_test.go", path)
		}
	}
	section(t, filepath.Join("docs", "dependencies.md"), "modules", table.String())
}

// section compares what stands between the markers <!-- name --> and
// <!-- /name --> of a page with what should, or writes it there.
func section(t *testing.T, page, name, want string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, found := strings.Cut(string(read(t, page)), begin)
	got, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Errorf("%s has no section between %q and %q", page, begin, end)
	case *update:
		if err := os.WriteFile(filepath.Join("..", "..", page), []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != want:
		t.Errorf("the table %s of %s is out of date; go test ./internal/checks -run Dependencies -update writes it, then read what changed", name, page)
	}
}

func TestLicencesAreToldApart(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n  Version 2.0, January 2004":                                                                                                            "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person obtaining a\ncopy of this":                                                                  "MIT",
		"Redistribution and use in source and binary\nforms ... are met:":                                                                                        "BSD-2-Clause",
		"Redistribution and use in source and binary forms ... nor the names of its\ncontributors may be used to endorse or promote products\nderived from this": "BSD-3-Clause",
		"GNU GENERAL PUBLIC LICENSE": "",
	} {
		if got := strings.Join(licencesIn(text), ", "); got != want {
			t.Errorf("%.40q is %q, want %q", text, got, want)
		}
	}
}
