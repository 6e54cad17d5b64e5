package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mutation is a fault, and the test that must notice it.
type mutation struct {
	name    string
	means   string // one sentence: what the operator would have of it
	file    string // the file that it changes, and the package that is tested
	old     string // must be there exactly once
	new     string
	test    string        // of the same package; a subtest after a slash
	pkg     string        // tested instead of the file's own package, if not empty
	hang    bool          // the test shows the fault by never ending
	timeout time.Duration // of the test; 0: defaultTimeout
}

// defaultTimeout leaves room for a busy machine: the tests that are named here
// take less than two seconds.
const defaultTimeout = time.Minute

func (m *mutation) testedPackage() string {
	if m.pkg != "" {
		return m.pkg
	}
	return "./" + filepath.ToSlash(filepath.Dir(m.file))
}

// topTest is the test function.
func (m *mutation) topTest() string {
	name, _, _ := strings.Cut(m.test, "/")
	return name
}

func (m *mutation) bound() time.Duration {
	if m.timeout > 0 {
		return m.timeout
	}
	return defaultTimeout
}

// catalogue lists all faults.
func catalogue() []mutation {
	return slices.Concat(connectionFaults, scheduleFaults, managerFaults, deviceFaults, driverFaults, telemetryFaults)
}

// checkCatalogue finds what is missing in the list itself.
func checkCatalogue() error {
	var faults []error
	seen := make(map[string]bool)
	for _, m := range catalogue() {
		switch {
		case m.name == "" || m.means == "" || m.file == "" || m.old == "" || m.test == "":
			faults = append(faults, fmt.Errorf("%q: name, means, file, old and test are required", m.name))
		case seen[m.name]:
			faults = append(faults, fmt.Errorf("%q: twice in the list", m.name))
		}
		seen[m.name] = true
	}
	return errors.Join(faults...)
}

// apply returns the text of a file with the fault in it.
func (m *mutation) apply(text string) (string, error) {
	switch n := strings.Count(text, m.old); {
	case n != 1:
		return "", fmt.Errorf("its text is %d times in %s, not once: the fault no longer applies; adapt it", n, m.file)
	case m.old == m.new:
		return "", errors.New("it changes nothing")
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

// overlay writes what go's -overlay takes, and the faulty file beside it.
func (m *mutation) overlay(root, dir string) (file string, err error) {
	original := filepath.Join(root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	faulty, err := m.apply(string(text))
	if err != nil {
		return "", err
	}
	return writeOverlay(dir, original, faulty)
}

// findRoot is the directory of the module that is tested, above this one.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module rds-csi\n") {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("not within the repository")
		}
		dir = above
	}
}
