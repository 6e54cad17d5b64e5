package emulator

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// certain are the options that choose between devices, or say what a device
// holds: nothing about them is in doubt. Every other option is a switch.
var certain = map[string]string{
	"DeviceOptions":   "Identity Version Board SerialNumber SoftwareID SystemID CHR Uptime NoRoseStorage Pools PrintDetail",
	"Options":         "Device Version HostKeyType HostKeys Users PasswordWithKey MaxSessions Address Source",
	"BruteForceRules": "Stages Ban",
	"Layout":          "",
}

func TestTheTableOfUncertainFactsIsThatOfTheSwitches(t *testing.T) {
	fields := map[string]reflect.Type{}
	for _, options := range []any{DeviceOptions{}, Options{}, BruteForceRules{}, Layout{}, Faults{}} {
		of := reflect.TypeOf(options)
		for field := range of.Fields() {
			fields[of.Name()+"."+field.Name] = of
		}
	}
	rows, legend := table(t)
	var listed []string
	for _, row := range rows {
		if fields[row[1]] == nil || slices.Contains(listed, row[1]) {
			t.Errorf("the table names %s, which there is not, or twice", row[1])
		}
		listed = append(listed, row[1])
		for source := range strings.SplitSeq(strings.ReplaceAll(row[3], ";", ","), ",") {
			key, _, _ := strings.Cut(strings.TrimSpace(source), " ")
			if key = strings.TrimSuffix(key, ":"); key != "unknown" && !slices.Contains(legend, key) {
				t.Errorf("the source %q of %s is not explained", key, row[1])
			}
		}
	}
	for name, of := range fields {
		if of == reflect.TypeFor[Faults]() {
			continue // a fault happens to every device; the table has those that some may not know
		}
		_, field, _ := strings.Cut(name, ".")
		if sure := slices.Contains(strings.Fields(certain[of.Name()]), field); sure == slices.Contains(listed, name) {
			t.Errorf("%s is to be either certain or in the table; it is certain: %v", name, sure)
		}
	}
}

// table reads the rows and the keys of the sources from the package comment.
func table(t *testing.T) (rows [][]string, legend []string) {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimPrefix(line, "//\t")
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		} else if keys, _, ok := strings.Cut(line, " = "); ok {
			legend = append(legend, strings.FieldsFunc(keys, func(r rune) bool { return r == ',' || r == ' ' })...)
		}
	}
	if len(rows) < 2 || rows[0][1] != "switch" {
		t.Fatalf("the table is not found: %q", rows)
	}
	return rows[1:], legend
}
