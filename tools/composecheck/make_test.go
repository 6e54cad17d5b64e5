package composecheck_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeDocker answers as a docker of these versions, and writes down what else
// it is asked to do, with what matters of its environment.
const fakeDocker = `#!/bin/sh
case "$*" in
"compose version --short") [ -n "$COMPOSE_VERSION" ] && echo "$COMPOSE_VERSION" ;;
"version --format"*) [ -n "$ENGINE_VERSION" ] && echo "$ENGINE_VERSION" ;;
"compose port "*) echo "${ADDRESS:-127.0.0.1:1$4}" ;;
"compose ps --services"*) echo "$RUNNING" ;;
"compose cp controller:/keys/. "*) cp -R "$KEYS/." "$4" ;;
*)
	echo "docker $*; profiles=$COMPOSE_PROFILES kvm=$RDS_KVM_DEVICE group=$RDS_KVM_GID" >>"$CALLS"
	exit "${UP_STATUS:-0}" ;;
esac
`

// fakeGo tells what make e2e-chr gives to the tests.
const fakeGo = `#!/bin/sh
echo "go $*; $RDS_E2E_ADDRESS $RDS_E2E_PORT $RDS_E2E_BASE_PATH $(cat "$RDS_E2E_HOST_KEY"); $RDS_E2E_PAUSE
$(cat "$RDS_E2E_KEY_FILE")" >>"$CALLS"
`

// makeRun is what a target of make did.
type makeRun struct {
	output, calls string
	failed        bool
}

// runMake runs a target on a machine with a fake docker of current versions,
// unless the variables say otherwise.
func runMake(t *testing.T, target string, withDocker bool, environ ...string) makeRun {
	t.Helper()
	tools := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(tools, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing of this machine but what a script may expect.
	for _, name := range []string{"sh", "sed", "tr", "id", "printenv", "dirname", "git", "stat", "cat", "make", "grep", "mktemp", "rm", "chmod", "cp", "od", "true"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ssh", "scp"} { // without them make up has to work
		if path, err := exec.LookPath(name); err == nil {
			os.Symlink(path, filepath.Join(tools, name))
		}
	}
	if withDocker {
		write("docker", fakeDocker)
	}
	write("go", fakeGo)
	calls := filepath.Join(tools, "calls")
	run := exec.Command("make", target)
	run.Dir = repository(t)
	run.Env = append([]string{"PATH=" + tools, "CALLS=" + calls, "COMPOSE_VERSION=5.6.0", "ENGINE_VERSION=29.1.0"}, environ...)
	out, err := run.CombinedOutput()
	did, _ := os.ReadFile(calls)
	return makeRun{string(out), string(did), err != nil}
}

func (r makeRun) expect(t *testing.T, failed bool, words ...string) {
	t.Helper()
	if r.failed != failed {
		t.Errorf("it failed: %v", r.failed)
	}
	for _, w := range words {
		if !strings.Contains(r.output+r.calls, w) {
			t.Errorf("it does not say %q", w)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s\ncalls:\n%s", r.output, r.calls)
	}
}

var checksums = []string{"CHR_SHA256=" + strings.Repeat("5a", 32), "CHR_PACKAGES_SHA256=" + strings.Repeat("A5", 32)}

func TestMakeUpSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name    string
		without bool // docker
		environ []string
		says    []string
	}{
		{"docker", true, nil, []string{"docker is missing", "--embedded-rds"}},
		{"everything at once", true, []string{"COMPOSE_PROFILES=chr"}, []string{"docker is missing", "CHR_SHA256 and", "chr-7.24.5.img.zip"}},
		{"the plugin", false, []string{"COMPOSE_VERSION="}, []string{"no compose plugin"}},
		{"a newer plugin", false, []string{"COMPOSE_VERSION=v2.20.3"}, []string{"2.20.3 is too old"}},
		{"the engine", false, []string{"ENGINE_VERSION="}, []string{"engine cannot be reached"}},
		{"a newer engine", false, []string{"ENGINE_VERSION=24.0.7"}, []string{"24.0.7 is too old"}},
		{"a checksum", false, []string{"COMPOSE_PROFILES=chr"}, []string{"CHR_SHA256 and", "sha256sum", "downloadterms"}},
		{"the other checksum", false, []string{"COMPOSE_PROFILES=chr", checksums[0]}, []string{"CHR_SHA256 and"}},
		{"a whole checksum", false, []string{"COMPOSE_PROFILES=chr", "CHR_SHA256=5a5a", checksums[1]}, []string{"CHR_SHA256 and"}},
		{"a checksum of digits", false, []string{"COMPOSE_PROFILES=chr", checksums[0], "CHR_PACKAGES_SHA256=" + strings.Repeat("sh", 32)}, []string{"CHR_SHA256 and"}},
		{"a choice", false, []string{"COMPOSE_PROFILES=chr,emulator", checksums[0], checksums[1]}, []string{"choose one"}},
		{"a profile that is known", false, []string{"COMPOSE_PROFILES=rds"}, []string{"no profile rds"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runMake(t, "up", !c.without, c.environ...)
			r.expect(t, true, append(c.says, "nothing was started")...)
			if r.calls != "" {
				t.Errorf("it did %s", r.calls)
			}
		})
	}
}

func TestMakeUpTellsWhereEverythingIs(t *testing.T) {
	urls := []string{"docker compose up --detach --build --wait --wait-timeout ", "http://127.0.0.1:19809/", "http://127.0.0.1:13000/",
		"http://127.0.0.1:19090/alerts", "http://127.0.0.1:19093/", "make down"}
	for _, c := range []struct {
		name    string
		environ []string
		says    []string
	}{
		{"with the emulator, by .env", nil, []string{"profiles=emulator kvm= ", "http://127.0.0.1:12280/reboot?down=30s", "docker compose pause emulator"}},
		{"with RouterOS and KVM", []string{"COMPOSE_PROFILES=chr", checksums[0], checksums[1], "RDS_KVM_DEVICE=/dev/null"},
			[]string{"profiles=chr kvm=/dev/null group=0", "RouterOS 7.24.5 on 127.0.0.1:12222", "make e2e-chr"}},
		{"with RouterOS and no KVM", []string{"COMPOSE_PROFILES=chr", checksums[0], checksums[1], "RDS_KVM_DEVICE=/dev/none"},
			[]string{"profiles=chr kvm= ", "TCG", "RouterOS 7.24.5 on 127.0.0.1:12222"}},
		{"without an RDS", []string{"COMPOSE_PROFILES="}, []string{"profiles= kvm=", "There is no RDS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runMake(t, "up", true, c.environ...).expect(t, false, slices.Concat(urls, c.says)...)
		})
	}
}

func TestMakeUpFailsWithItsServices(t *testing.T) {
	r := runMake(t, "up", true, "UP_STATUS=1")
	r.expect(t, true, "not every service is healthy", "docker compose ps --all")
	if strings.Contains(r.output, "The stack is up") {
		t.Error("and yet it says that the stack is up")
	}
}

func TestMakeDownEndsEveryProfile(t *testing.T) {
	runMake(t, "down", true).expect(t, false, "docker compose --profile * down;")
}
