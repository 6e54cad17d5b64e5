package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxBinary is what the stripped program may have, in bytes.
const maxBinary = 30 << 20

// The program talks to the RDS and to its sidecars, never to Kubernetes: their
// client would be most of its size and of its attack surface.
func TestTheProgramHasNoKubernetesClient(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("only %d packages: %s", len(packages), out)
	}
	for _, name := range packages {
		if strings.HasPrefix(name, "k8s.io/") || strings.HasPrefix(name, "sigs.k8s.io/") {
			t.Errorf("the program depends on %s", name)
		}
	}
}

func TestTheStrippedProgramIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	path := filepath.Join(t.TempDir(), "controller")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%.1f MiB", float64(info.Size())/(1<<20)); info.Size() > maxBinary {
		t.Errorf("the stripped program has %d bytes, at most %d are wanted", info.Size(), maxBinary)
	}
}
