package routeros

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"rds-csi/internal/emulator"
)

func TestItemsOfAMenuThatHasNoType(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, _ *Volumes) {
		x := execOn(device)
		if err := Change(t.Context(), x, `/user/group/add name="csi" policy=ssh,read`); err != nil {
			t.Fatal(err)
		}
		groups, err := Items(t.Context(), x, "/user/group", `name="csi"`)
		if err != nil || len(groups) != 1 || !slices.Contains(groups[0].List("policy"), "read") || groups[0].Text("name") != "csi" {
			t.Errorf("got %v, %v", groups, err)
		}
		if none, err := Items(t.Context(), x, "/user/group", `name="nobody"`); err != nil || len(none) != 0 {
			t.Errorf("got %v, %v", none, err)
		}
		disks, err := Items(t.Context(), x, "/disk", `type!="file"`)
		if err != nil || len(disks) != 1 || !disks[0].True("mounted") || disks[0].True("nvme-tcp-export") || disks[0].Bytes("size") != 8<<40 {
			t.Errorf("got %v, %v", disks, err)
		}
		if _, err := Items(t.Context(), x, "/nowhere", `name="x"`); !errors.Is(err, ErrUnsupported) {
			t.Errorf("a menu that is not there: %v", err)
		}
		if err := Change(t.Context(), x, `/user/group/add name="csi" policy=ssh`); !errors.Is(err, ErrAlreadyExists) {
			t.Errorf("a name that is taken: %v", err)
		}
	})
}

// A list is an array in JSON, if the device takes policies for one; nobody has published what it does.
func TestAListIsReadInEachForm(t *testing.T) {
	for _, text := range []string{`{"policy":["ssh","!ftp"]}`, `{"policy":"ssh,!ftp"}`, `{"policy":"ssh;!ftp"}`} {
		var r record
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if got := (Item{r}).List("policy"); !slices.Equal(got, []string{"ssh", "!ftp"}) {
			t.Errorf("%s: got %q", text, got)
		}
	}
}
