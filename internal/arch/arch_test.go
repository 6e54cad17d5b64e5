// Package arch holds the test that keeps dependencies pointing one way.
package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "rds-csi"

// rule says what the code of a package, its tests aside, may import beyond the
// standard library. A path stands for everything below it too.
type rule struct {
	may   []string
	never []string // what may would allow, or of the standard library
	why   string
}

const everything = "*"

var rules = map[string]rule{
	"internal/conn": {
		may: []string{"golang.org/x/crypto/ssh", "github.com/cenkalti/backoff/v4", "golang.org/x/sync", "golang.org/x/sys"},
		why: "the connection knows nothing of telemetry, CSI or RouterOS, so that it can be read and proved alone",
	},
	"internal/routeros": {
		never: []string{"net", "os"},
		why:   "it turns text into values and back, and does no I/O",
	},
	"internal/emulator": {
		may: []string{"golang.org/x/crypto/ssh", "github.com/pkg/sftp"},
		why: "it must share no misunderstanding of RouterOS with the code that it tests",
	},
	"internal/otelx": {
		may: []string{"go.opentelemetry.io", "github.com/prometheus/client_golang", "github.com/prometheus/otlptranslator",
			"github.com/lmittmann/tint", "github.com/go-logr/logr", module + "/internal/conn"},
		why: "telemetry observes the connection; it knows nothing of who uses it",
	},
	"internal/status": {
		may: []string{module + "/internal/conn", "github.com/prometheus/exporter-toolkit", "golang.org/x/net/netutil"},
		why: "the page shows the snapshot, not a second truth from telemetry",
	},
	"internal/driver": {
		may: []string{"github.com/container-storage-interface/spec", "google.golang.org/grpc", "google.golang.org/genproto",
			"google.golang.org/protobuf", "github.com/google/uuid", module + "/internal/routeros", module + "/internal/conn"},
		why: "the CSI services speak RouterOS over a connection that somebody else keeps and observes",
	},
	"internal/setup": {
		may: []string{"golang.org/x/crypto/ssh", "github.com/pkg/sftp", module + "/internal/routeros", module + "/internal/conn"},
		why: "it prepares a device once, with the controller's own connection and words, and is no part of the service",
	},
	"internal/testkit": {
		why: "tests share it, of packages that must not know each other",
	},
	"cmd/controller": {
		may:   []string{everything},
		never: []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", module + "/internal/testkit"},
		why:   "it wires the parts; the SDK of OpenTelemetry has one user, internal/otelx, and internal/testkit is of tests alone",
	},
	"cmd/routeros-setup": {
		may: []string{module + "/internal/setup"},
		why: "it is the setup as a command, and can neither serve nor emulate",
	},
	"cmd/emulator": {
		may: []string{"golang.org/x/crypto/ssh", module + "/internal/emulator"},
		why: "it is the emulator as a process, with nothing of ours that it is to test",
	},
}

func TestDependenciesPointOneWay(t *testing.T) {
	imports, err := readImports(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations(imports) {
		t.Error(v)
	}
	for name := range rules {
		if imports[name] == nil {
			t.Errorf("there is a rule for %s, which does not exist", name)
		}
	}
}

func TestAForbiddenImportIsFound(t *testing.T) {
	root := t.TempDir()
	for file, imported := range map[string]string{
		"internal/driver/ok.go":         "google.golang.org/grpc/codes",
		"internal/driver/bad.go":        "golang.org/x/crypto/ssh",
		"internal/driver/bad_test.go":   "go.opentelemetry.io/otel/sdk/trace", // tests may
		"internal/conn/bad.go":          module + "/internal/routeros",
		"internal/conn/similar.go":      "golang.org/x/crypto/sshagent", // below no allowed path
		"internal/routeros/bad.go":      "os/exec",
		"internal/emulator/bad.go":      module + "/internal/routeros",
		"internal/status/bad.go":        "go.opentelemetry.io/otel",
		"cmd/controller/bad.go":         "go.opentelemetry.io/otel/sdk/metric",
		"cmd/controller/helped.go":      module + "/internal/testkit",
		"cmd/controller/ok.go":          "example.com/anything",
		"internal/nobody/new.go":        "fmt",
		"internal/conn/testdata/any.go": "go.opentelemetry.io/otel",
		"other/go.mod":                  "",
		"other/main.go":                 "example.com/of/another/module",
	} {
		path := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("package p\n\nimport _ "+strconv.Quote(imported)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	imports, err := readImports(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range violations(imports) {
		what, _, _ := strings.Cut(v, ":")
		got = append(got, what)
	}
	want := []string{
		"cmd/controller imports go.opentelemetry.io/otel/sdk/metric",
		"cmd/controller imports rds-csi/internal/testkit",
		"internal/conn imports golang.org/x/crypto/sshagent",
		"internal/conn imports rds-csi/internal/routeros",
		"internal/driver imports golang.org/x/crypto/ssh",
		"internal/emulator imports rds-csi/internal/routeros",
		"internal/nobody has no rule",
		"internal/routeros imports os/exec",
		"internal/status imports go.opentelemetry.io/otel",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// violations lists what breaks a rule, sorted.
func violations(imports map[string][]string) []string {
	var found []string
	for name, imported := range imports {
		r, ok := rules[name]
		if !ok {
			found = append(found, name+" has no rule: say in this test what it may import")
		}
		for _, path := range imported {
			if ok && !r.allows(path) {
				found = append(found, fmt.Sprintf("%s imports %s: %s", name, path, r.why))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (r rule) allows(path string) bool {
	below := func(parent string) bool { return path == parent || strings.HasPrefix(path, parent+"/") }
	switch {
	case slices.ContainsFunc(r.never, below):
		return false
	case slices.Contains(r.may, everything), slices.ContainsFunc(r.may, below):
		return true
	}
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != module // the standard library
}

// readImports returns what each package of the module imports outside of its
// tests, whatever its build constraints. Packages of tests alone are left out.
func readImports(root string) (map[string][]string, error) {
	imports := make(map[string][]string)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skip(root, path, entry.Name())
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(dir)
		list := append([]string{}, imports[name]...)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			list = append(list, imported)
		}
		imports[name] = list
		return nil
	})
	return imports, err
}

// skip leaves out what the go command leaves out, and other modules.
func skip(root, path, name string) error {
	if path == root {
		return nil
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	if err == nil || name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	return nil
}
