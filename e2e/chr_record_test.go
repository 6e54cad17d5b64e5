//go:build linux && !race

package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

var update = flag.Bool("update", false,
	"write what is seen: RouterOS's answers to internal/routeros/testdata/chr, the status page to docs/images, an outage's metrics to tools/promcheck/testdata")

// recorder asks a device what is not documented, and writes its answers down
// for the emulator and the parsers to follow.
type recorder struct {
	t *testing.T
	testDevice
	version string // as in 7.24.5
	about   string // the first line of each file
	stem    string // of everything that is made on the device
	files   map[string]*strings.Builder
	client  *ssh.Client
}

func TestTheRecorderWritesDownWhatADeviceAnswers(t *testing.T) {
	realTime(t, "ssh")
	r := newRecorder(t, emulatedTestDevice(t))
	r.record()
	r.write(t.TempDir())
	for _, name := range []string{"kexinit", "streams", "channel-order", "detail", "refusals", "disk-json", "proplist", "empty",
		"keepalive", "sessions", "longest-line", "large-output", "hardware", "grow", "copy-from", "remove-exported", "reboot"} {
		if r.files[name] == nil || r.files[name].Len() == 0 {
			t.Errorf("nothing was recorded of %s", name)
		}
	}
	// What the emulator is known to do has to be found again.
	for name, said := range map[string][]string{
		"kexinit":         {`banner "SSH-2.0-ROSSSH\r\n"`, "server_host_key_algorithms ssh-ed25519"},
		"streams":         {"exit status 0", "bad command name", "no such item"},
		"channel-order":   {"exit-status, close"},
		"refusals":        {"slot is already in use", "not enough space", "expected end of command"},
		"disk-json":       {`"nvme-tcp-export":true`},
		"keepalive":       {"no answer"},
		"sessions":        {"25 at once: 25 answered"},
		"longest-line":    {"131072"},
		"large-output":    {"4194304 bytes"},
		"remove-exported": {"no initiator"},
		"reboot":          {"the disk after it", `"nvme-tcp-export":true`},
	} {
		for _, words := range said {
			if text := r.files[name].String(); !strings.Contains(text, words) {
				t.Errorf("the recording of %s does not have %q:\n%s", name, words, text)
			}
		}
	}
}

func TestRouterOSIsRecorded(t *testing.T) {
	d := realDevice(t)
	r := newRecorder(t, d)
	r.record()
	folder := repository(t, "internal", "routeros", "testdata", "chr", r.version)
	if *update {
		r.write(folder)
		t.Logf("recorded in %s", folder)
		return
	}
	if _, err := os.Stat(folder); err != nil {
		t.Logf("nothing is recorded of RouterOS %s; -update does it", r.version)
		return
	}
	// Ids, times and sizes differ from run to run. What is compared says
	// nothing of them.
	for _, name := range []string{"kexinit", "streams", "channel-order", "keepalive", "empty"} {
		recorded, err := os.ReadFile(filepath.Join(folder, name+".txt"))
		if err != nil || string(recorded) != r.files[name].String() {
			t.Errorf("%s.txt, %v: RouterOS answers differently now:\n%s", name, err, r.files[name])
		}
	}
}

func newRecorder(t *testing.T, d testDevice) *recorder {
	t.Helper()
	r := &recorder{t: t, testDevice: d, files: make(map[string]*strings.Builder), stem: fmt.Sprintf("e2e-%x", time.Now().Unix())}
	r.connect()
	version, _ := r.quietly(":put [/system resource get version]")
	board, _ := r.quietly(":put [/system resource get board-name]")
	r.version = regexp.MustCompile(`^[\w.]+`).FindString(version)
	if r.version == "" {
		t.Fatalf("the device has the version %q", version)
	}
	r.about = fmt.Sprintf("# RouterOS %s on a %s", strings.TrimSpace(version), strings.TrimSpace(board))
	t.Cleanup(r.tidy)
	return r
}

// connect makes the connection on which commands are recorded.
func (r *recorder) connect() {
	r.t.Helper()
	if r.client != nil {
		r.client.Close()
	}
	client, err := r.login(r.user)
	if err != nil {
		r.t.Fatal(err)
	}
	r.client = client
}

// tidy leaves nothing on the device.
func (r *recorder) tidy() {
	r.connect()
	defer r.client.Close()
	// RouterOS leaves the file of a disk that is removed.
	for _, command := range []string{`/disk set [find where slot~"^` + r.stem + `"] nvme-tcp-export=no`, `/disk remove [find where slot~"^` + r.stem + `"]`, `/file remove [find where name~"/` + r.stem + `"]`} {
		if answer, err := r.quietly(command); err != nil || strings.TrimSpace(answer) != "" {
			r.t.Errorf("%s: %q, %v", command, answer, err)
		}
	}
}

// quietly runs a command that is not recorded.
func (r *recorder) quietly(command string) (string, error) {
	answer, err := say(r.client, command, 60*time.Second)
	return answer.stdout + answer.stderr, err
}

// note writes a line to a recording.
func (r *recorder) note(file, format string, args ...any) {
	if r.files[file] == nil {
		r.files[file] = &strings.Builder{}
		fmt.Fprintf(r.files[file], "%s: %s\n", r.about, file)
	}
	fmt.Fprintln(r.files[file], strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

// ask runs a command and records everything that comes back.
func (r *recorder) ask(file, command string) {
	r.t.Helper()
	r.askAs(file, r.client, command)
}

func (r *recorder) askAs(file string, client *ssh.Client, command string) {
	r.t.Helper()
	answer, err := say(client, command, 60*time.Second)
	// The part of every name that is new in each run.
	plain := func(s string) string { return strings.ReplaceAll(s, r.stem, "NAME") }
	r.note(file, "\n> %s\n%s", plain(command), cmp.Or(answer.end, "no end"))
	for _, stream := range []struct{ name, text string }{{"stdout", answer.stdout}, {"stderr", answer.stderr}} {
		if stream.text != "" {
			lines := strings.Split(strings.TrimSuffix(plain(stream.text), "\n"), "\n")
			ending := "LF"
			if strings.Count(stream.text, "\r\n") == strings.Count(stream.text, "\n") && strings.Contains(stream.text, "\r\n") {
				ending = "CRLF"
			}
			r.note(file, "%s, lines end in %s:\n", stream.name, ending)
			for _, line := range lines {
				r.note(file, "%s", strings.TrimSuffix(line, "\r"))
			}
		}
	}
	if err != nil {
		r.note(file, "error: %v", err)
		r.connect()
	}
}

// write puts the recordings into a folder.
func (r *recorder) write(folder string) {
	r.t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		r.t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		if err := os.WriteFile(filepath.Join(folder, name+".txt"), []byte(r.files[name].String()), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}
