//go:build linux

package netns

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const document = "../../docs/network-faults.md"

var update = flag.Bool("update", false, "write the measured tables of docs/network-faults.md anew")

const beginMeasured, endMeasured = "<!-- measured -->\n", "<!-- /measured -->"

// publish writes what was measured into the document, if asked to.
func (t *table) publish(tt *testing.T) {
	tt.Helper()
	if !*update {
		return
	}
	if tt.Failed() || len(t.rows) != len(allFaults())+len(hardships) {
		tt.Fatal("the document shows whole runs that passed, and no others")
	}
	before, _, after := readDocument(tt)
	var kernel unix.Utsname
	noError(tt, unix.Uname(&kernel))
	measured := fmt.Sprintf("Measured on %s, Linux %s, all at once in one run:\n\n%s", time.Now().UTC().Format(time.DateOnly),
		unix.ByteSliceToString(kernel.Release[:]), t)
	noError(tt, os.WriteFile(document, []byte(before+beginMeasured+measured+endMeasured+after), 0o644))
}

// readDocument returns what is measured and what is around it.
func readDocument(t *testing.T) (before, measured, after string) {
	t.Helper()
	text, err := os.ReadFile(document)
	noError(t, err)
	before, rest, begun := strings.Cut(string(text), beginMeasured)
	measured, after, ended := strings.Cut(rest, endMeasured)
	if !begun || !ended {
		t.Fatalf("%s has no section between %q and %q", document, beginMeasured, endMeasured)
	}
	return before, measured, after
}

// TestDocumentHasEveryFault needs no network: figures differ from run to run,
// the faults do not.
func TestDocumentHasEveryFault(t *testing.T) {
	if *update {
		t.Skip("it is about to be written")
	}
	_, measured, _ := readDocument(t)
	var names []string
	for _, f := range allFaults() {
		names = append(names, f.name)
	}
	for _, h := range hardships {
		names = append(names, h.name)
	}
	for _, name := range names {
		if !strings.Contains(measured, "\n| "+name+" | ") {
			t.Errorf("%s does not have %q; go test ./e2e/netns -update, as root, writes it", document, name)
		}
	}
}
