package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"rds-csi/internal/emulator"
	"rds-csi/internal/routeros"
)

func TestCheckTellsWhatVolumesLack(t *testing.T) {
	directory := []string{"pool/volumes"}
	tests := []struct {
		name    string
		options emulator.DeviceOptions
		path    string
		refuse  string // the answer to every write
		good    bool
		rows    string // with their verdicts
		says    string
	}{
		{name: "nothing", options: emulator.DeviceOptions{Directories: directory}, path: "/pool/volumes", good: true,
			rows: "policy OK rose-storage OK base-path OK", says: "8192 of 8192 GiB free on pool"},
		{name: "the directory", options: emulator.DeviceOptions{Directories: []string{}}, path: "/pool/volumes", good: true,
			rows: "policy OK rose-storage OK base-path OK", says: "not among the files"},
		{name: "the package", options: emulator.DeviceOptions{NoRoseStorage: true, Directories: directory}, path: "/pool/volumes",
			rows: "policy OK rose-storage FAIL base-path OK", says: "install the rose-storage package"},
		{name: "the policy", options: emulator.DeviceOptions{Directories: directory}, path: "/pool/volumes", refuse: "not enough permissions (9)\r\n",
			rows: "policy FAIL base-path OK", says: "ssh, read, write and test"},
		{name: "the pool", options: emulator.DeviceOptions{Directories: directory}, path: "/fast/volumes",
			rows: "policy OK rose-storage OK base-path FAIL", says: "no disk is mounted at fast"},
		{name: "a base path", good: true, rows: "base-path OFF", says: "volumes are not served"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			device := emulator.NewDevice(test.options)
			x := routeros.ExecutorFunc(func(ctx context.Context, line string) (string, error) {
				if test.refuse != "" && strings.HasPrefix(line, "/disk set") {
					return test.refuse, nil
				}
				return device.Run(ctx, "admin", line).Output, nil
			})
			var paths []string
			if test.path != "" {
				paths = []string{test.path}
			}
			var out bytes.Buffer
			if good := (&report{w: &out}).volumes(t.Context(), x, paths); good != test.good {
				t.Errorf("good: %v\n%s", good, &out)
			}
			var rows []string
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, " ") {
					rows = append(rows, strings.ReplaceAll(strings.TrimSpace(line[:14]), " ", "-"), strings.Fields(line[14:])[0])
				}
			}
			if got := strings.Join(rows, " "); got != test.rows {
				t.Errorf("rows: %s, want %s", got, test.rows)
			}
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("%q is not in\n%s", test.says, &out)
			}
		})
	}
}
