// Package checks_test keeps dashboards, alerts, runbook and the page on metrics
// true to what the controller exports: a name in one of them that is not on
// /metrics fails here, and so does an alert that nobody could act on, or that
// would reach nobody by the files in deploy/.
package checks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// read returns a file of the repository.
func read(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tool returns a command that runs in a folder of the repository.
func tool(t *testing.T, folder, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("%s is missing, and with RDS_CI=1 nothing is skipped for that", name)
		}
		t.Skipf("%s is missing: apt-get install prometheus prometheus-alertmanager sed", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = filepath.Join("..", "..", folder)
	return cmd
}
