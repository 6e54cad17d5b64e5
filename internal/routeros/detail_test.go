package routeros

import (
	"fmt"
	"strings"
	"testing"
)

// details gives the named properties of each row, joined for comparison.
func details(rows []record, properties ...string) []string {
	var all []string
	for _, row := range rows {
		var values []string
		for _, name := range properties {
			values = append(values, row.text(name))
		}
		all = append(all, strings.Join(values, "|"))
	}
	return all
}

func TestPrintDetailIsReadInEveryShapeThatDevicesPrint(t *testing.T) {
	properties := []string{"type", "slot", "size", "file-path", "nvme-tcp-export", "nvme-tcp-server-port", "nvme-tcp-server-nqn", "mounted"}
	for name, want := range map[string][]string{
		"detail-exported.txt": {"file|vm-storage-001|1099511627776|/raid10/vm-storage-001.img|yes|4420|" +
			"nqn.2026-09.com.mikrotik:rds2216.vm-storage-001|"},
		"detail-wrapped.txt": {"file|pvc-test-123|53687091200|/storage-pool/test.img||||"},
		"detail-split.txt": {"file|pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311|53687091200|" +
			"/pool/volumes/pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311.img|yes|4420|" +
			"nqn.2000-02.com.mikrotik:pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311|",
			"file|pvc-2|1073741824|/pool/volumes/pvc-2.img|no|||"},
		"detail-pool.txt":   {"hardware|nvme1|3840755982336||no|||", "raid|raid10|16003143565312||no|||yes"},
		"detail-legend.txt": nil,
	} {
		rows, err := parseDetail(sample(t, name))
		if got := details(rows, properties...); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\ngot  %q, %v\nwant %q", name, got, err, want)
		}
	}
}

func TestPrintDetailOfAPoolHasItsOtherProperties(t *testing.T) {
	rows, err := parseDetail(sample(t, "detail-pool.txt"))
	got := details(rows, "free", "mount-point", "fs", "state", "model", "use")
	if err != nil || got[1] != "14789895307264|raid10|xfs|clean|RAID0 striped|8%" {
		t.Errorf("got %q, %v", got, err)
	}
	rows, err = parseDetail(sample(t, "detail-file.txt"))
	got = details(rows, "name", "type", "size", "last-modified")
	if err != nil || got[0] != "pool/v.img|.img file|10.0GiB|2025-11-11 14:32:41" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestARoundedSizeIsNotASize(t *testing.T) {
	rows, err := parseDetail(" 0 type=file slot=\"x\" file-path=/p/x.img file-size=1024.0MiB\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if volume, err := volumeOf(rows[0]); err != nil || volume.Size != 0 {
		t.Errorf("got %+v, %v; want an unknown size", volume, err)
	}
	rows[0]["size"] = "1024.0MiB"
	if _, err := volumeOf(rows[0]); KindOf(err) != ErrMalformed {
		t.Errorf("got %v, want malformed", err)
	}
}

func TestPrintDetailIsRefusedWhenItIsSomethingElse(t *testing.T) {
	for name, text := range map[string]string{
		"a table":               sample(t, "detail-table.txt"),
		"an error":              "no such item\r\n",
		"an unfinished value":   " 0 type=file slot=\"x\r\n",
		"a row within a value":  " 0 slot=\"x\r\n 1 slot=\"y\"\r\n",
		"a value without end":   " 0 slot=\"" + strings.Repeat("x\r\n      ", 1<<16),
		"a number without end":  " 0 size=1" + strings.Repeat(" 000", 1<<16),
		"a comment in between":  " 0 slot=\"x\"\r\nsomething happened\r\n",
		"text before the rows":  "progress: 50%\r\n 0 slot=\"x\"\r\n",
		"a continuation, alone": "      \"x\r\ny\r\n",
	} {
		if rows, err := parseDetail(text); err == nil {
			t.Errorf("%s was read as %v", name, rows)
		}
	}
}

func TestCommentsAndQuotesInPrintDetailStayInTheirPlace(t *testing.T) {
	rows, err := parseDetail(" 0 X ;;; slot=\"evil\" it's\r\n      type=file slot=\"a\" comment2=\"say \\\"hi\\\" \\\\ \\$x size=5\" size=1 024\r\n")
	got := details(rows, "slot", "comment", "comment2", "size")
	if err != nil || len(got) != 1 || got[0] != `a|slot="evil" it's|say "hi" \ $x size=5|1024` {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzWrappingChangesNothing wraps a record at any two places, inside words too.
func FuzzWrappingChangesNothing(f *testing.F) {
	const line = ` 0 Bt type=file slot="pvc-1" slot-default="" fs=- size=53 687 091 200 mount-filesystem=no ` +
		`nvme-tcp-export=yes nvme-tcp-server-port=4420 nvme-tcp-server-nqn="nqn.2000-02.com.mikrotik:pvc-1" file-path=/pool/pvc-1.img file-size=50.0GiB`
	want := Volume{Slot: "pvc-1", FilePath: "/pool/pvc-1.img", Size: 53687091200, NQN: "nqn.2000-02.com.mikrotik:pvc-1", Port: 4420, Exported: true}
	for first := range len(line) {
		f.Add(uint8(first), uint8(first*7), first%2 == 0)
	}
	f.Fuzz(func(t *testing.T, first, second uint8, wide bool) {
		// A line is at least as wide as its number, flags and first property.
		at, then := 16+int(first)%(len(line)-16), 16+int(second)%(len(line)-16)
		indent := "\r\n      "
		if wide {
			indent = "\r\n               "
		}
		at, then = min(at, then), max(at, then)
		if then-at < 40 {
			then = at // no terminal is narrower than the longest property name
		}
		text := line[:at] + indent + line[at:then] + indent + line[then:] + "\r\n"
		rows, err := parseDetail(text)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, %v from\n%s", len(rows), err, text)
		}
		if got, err := volumeOf(rows[0]); err != nil || got != want {
			t.Errorf("got %+v, %v from\n%s", got, err, text)
		}
	})
}

func FuzzPrintDetailIsReadWithoutPanic(f *testing.F) {
	for _, name := range []string{"detail-exported.txt", "detail-wrapped.txt", "detail-split.txt", "detail-pool.txt", "detail-table.txt", "detail-file.txt"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseDetail(text)
		if err != nil && rows != nil {
			t.Errorf("rows with an error: %v", err)
		}
		for _, row := range rows {
			volumeOf(row)
		}
	})
}
