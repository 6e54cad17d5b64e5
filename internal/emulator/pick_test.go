package emulator

import (
	"strings"
	"testing"
)

func TestPickGivesAPart(t *testing.T) {
	d := NewDevice(DeviceOptions{Pools: []Pool{{Slot: "a", Size: 1}, {Slot: "b", Size: 1}, {Slot: "c", Size: 1}}})
	for command, want := range map[string]string{
		`:put [:pick "abcde" 1 3]`:                            "bc",
		`:put [:pick "abcde" 4 9]`:                            "e",
		`:put [:pick "abcde" 2]`:                              "c",
		`:put [:len [:pick [/disk find] 1 9]]`:                "2",
		`:put [:len [:pick [/disk find] 9 12]]`:               "0",
		`:put [:serialize to=json [:pick [/disk find] 9 12]]`: "[]",
		`:put [:pick "abcde" -1 3]`:                           "invalid value for argument begin",
		`:put [:pick]`:                                        "missing value(s) of argument(s) value",
		`:put [:len [:pick [/disk print as-value] 0 2]]`:      "2",
		`:put [:len [:pick [/disk print as-value] 2 2]]`:      "0",
	} {
		if got := strings.TrimSpace(d.Run(t.Context(), "admin", command).Output); got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
}
