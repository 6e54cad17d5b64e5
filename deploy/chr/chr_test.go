// Package chr holds the tests of the scripts that fetch and start a RouterOS in QEMU. No real image and no real QEMU
// take part: the first cannot be had without accepting a licence, the second is not what is tested.
package chr

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// need skips the test where a program of a Debian package is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("%s is missing, and with RDS_CI=1 nothing is skipped for that", program)
		}
		t.Skipf("needs %s", program)
	}
}

// script runs one of the scripts with sh, or as its first line says, and returns the exit code and what it printed.
func script(t *testing.T, name string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./"+name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s %q: exit code %d\n%s%s", name, args, cmd.ProcessState.ExitCode(), out.String(), errs.String())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestTheScriptsAreForAnyShell(t *testing.T) {
	for name, shells := range map[string][][]string{
		"fetch":       {{"sh", "-n"}, {"dash", "-n"}, {"bash", "--posix", "-n"}},
		"start":       {{"sh", "-n"}, {"dash", "-n"}, {"bash", "--posix", "-n"}},
		"healthcheck": {{"bash", "-n"}}, // sh has no sockets
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		shell := "#!/bin/" + shells[0][0] + "\n"
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o111 == 0 || !strings.HasPrefix(string(text), shell) {
			t.Errorf("%s is not a program of %s", name, shells[0][0])
		}
		for _, s := range shells {
			if _, err := exec.LookPath(s[0]); err != nil {
				continue
			}
			if out, err := exec.CommandContext(t.Context(), s[0], append(s[1:], name)...).CombinedOutput(); err != nil {
				t.Errorf("%v %s: %v\n%s", s, name, err, out)
			}
		}
	}
}

// Words that dash, or POSIX, does not have.
func TestTheScriptsUseNoWordsOfBash(t *testing.T) {
	foreign := regexp.MustCompile(`\[\[|\bfunction\b|\blocal\b|<<<|\$\{[a-z_]+:[0-9]|\bsource\b|&>|==|\bpipefail\b|\bdeclare\b`)
	for _, name := range []string{"fetch", "start"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			code, _, _ := strings.Cut(line, "# ")
			if code = strings.ReplaceAll(code, "$source", ""); strings.HasPrefix(code, "source=") {
				continue
			}
			if word := foreign.FindString(code); word != "" {
				t.Errorf("%s:%d: %q", name, i+1, word)
			}
		}
	}
}

func TestTheDockerfilePinsAndDropsRights(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	file := string(text)
	for _, want := range []string{"\nARG CHR_VERSION\n", "\nARG CHR_SHA256\n", "\nUSER 65532:65532\n", "\nHEALTHCHECK ", "\nVOLUME /var/lib/routeros\n"} {
		if !strings.Contains(file, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(file, -1) {
		if !regexp.MustCompile(`^debian:\d+\.\d+-slim$`).MatchString(from[1]) {
			t.Errorf("the base image %s is not pinned to a slim release", from[1])
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^COPY --chmod=755 (.*) \S+$`).FindAllStringSubmatch(file, -1) {
		for _, name := range strings.Fields(line[1]) {
			if _, err := os.Stat(filepath.Clean(name)); err != nil {
				t.Error(err)
			}
		}
	}
}
