package otelx

import (
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the package may import beyond the standard library. logr is there since
// the type of OpenTelemetry's own logger is logr's.
var allowed = []string{
	"go.opentelemetry.io/",
	"github.com/go-logr/logr",
	"github.com/prometheus/client_golang/",
	"github.com/prometheus/otlptranslator",
	"github.com/lmittmann/tint",
	"rds-csi/internal/conn",
}

func TestThePackageImportsNothingElse(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			standard := !strings.Contains(first, ".") && first != "rds-csi"
			if !standard && !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a) }) {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
}
