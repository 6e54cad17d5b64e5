package driver

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/emulator"
)

// grammar is every command line that the driver may send. Quoted values hold
// no quote, no $ and no backslash but the one that ends the pattern of file
// names; nothing that comes from outside is unquoted but numbers.
var grammar = regexp.MustCompile(`^(` + strings.Join([]string{
	read + `(; ` + read + `)*`,
	`:put \[:len \[/(disk|file) find where (type=file|name~` + pattern + `)\]\]`,
	`:put \[:serialize to=json \[(:pick \[)?/(disk|file) print as-value proplist=[a-z,-]+ where (type=file|name~` + pattern + `)(\] \d+ \d+)?\]\]`,
	`:if \(\[:len \[/disk find slot=` + quotedValue + `\]\] = 0 and \[:len \[/file find name=` + quotedValue + `\]\] = 0\) do={` +
		`/disk add type=file file-path=` + quotedValue + ` file-size=\d+[MG] slot=` + quotedValue + ` ` + export + `}`,
	`/disk set \[` + selected + `\] nvme-tcp-export=no`,
	`/disk set \[` + selected + ` and !nvme-tcp-export\] ` + export,
	`/disk set \[` + selected + ` and size=\d+\] file-size=\d+[MG]`,
	`/disk remove \[` + selected + ` and !nvme-tcp-export\]`,
	`:if \(\[:len \[/disk find file-path=` + quotedValue + `\]\] = 0\) do={/file remove \[find name=` + quotedValue + `\]}`,
}, "|") + `); :put "OK-[0-9a-f]{16}"$`)

const (
	quotedValue = `"[A-Za-z0-9._:/-]*"`
	pattern     = `"\^[A-Za-z0-9._/\[\]-]*/\[\^/\]\*\[\.\]img\\\$"`
	read        = `:put \[:serialize to=json \[/(disk|file) print detail as-value where (mount-point|slot|file-path|name)=` + quotedValue + `\]\]`
	selected    = `find slot=` + quotedValue + ` and type=file and file-path=` + quotedValue
	export      = `nvme-tcp-export=yes nvme-tcp-server-port=\d{1,5} nvme-tcp-server-nqn=` + quotedValue + ` mount-filesystem=no`
)

// watched is a device that knows what it may be told.
type watched struct {
	device *emulator.Device
	t      testing.TB
}

func (w watched) Exec(ctx context.Context, command string) (string, error) {
	if !grammar.MatchString(command) {
		w.t.Errorf("the device was told: %q", command)
	}
	return w.device.Run(ctx, "admin", command).Output, ctx.Err()
}

// FuzzNoInputReachesTheDeviceAsACommand gives the same input to every place of
// every request where a CO can put something.
func FuzzNoInputReachesTheDeviceAsACommand(f *testing.F) {
	for _, seed := range []string{
		"pvc-1", "", "victim", `"; /system reboot; :put "`, `$(/disk remove [find])`, "a\nb", `\`, `x" or slot="victim`, "[find]", "*1",
		"nqn.2000-02.com.mikrotik", `nqn.2000-02.a:"] ; /disk remove [find slot=victim]; :put [:len "`, "/pool/volumes", "/pool/volumes/../..",
		"{}", "#", "a;b", "true", "0", "4420", "-1", "1e3", "10.0.0.9", "::1", "rds.example.net", "ext4", strings.Repeat("a", 300), "\x00", "é",
	} {
		f.Add(seed, paramNQNPrefix, int64(gib))
	}
	for name := range numbers {
		f.Add("1 nvme-tcp-export=no", name, int64(gib))
	}
	f.Fuzz(func(t *testing.T, input, parameter string, size int64) {
		device := emulator.NewDevice(emulator.DeviceOptions{})
		w := newController(must(Config{Name: "n", Version: "v", Connection: connection{state: "connected"}, Controller: &ControllerConfig{
			Store: must(NewRouterOSStore(StoreConfig{Client: watched{device, t}, BasePaths: []string{"/pool/volumes"}})), Inventory: NewInventory(InventoryConfig{}),
			Address: "10.0.0.1"}}.withDefaults()))
		if _, err := w.store.Create(t.Context(), NewVolume{ID: "victim", Size: gib}); err != nil {
			t.Fatal(err)
		}
		before := state(t, device)
		throwAt(t, w, input, parameter, size)
		for _, cfg := range []StoreConfig{{BasePaths: []string{input}}, {BasePaths: []string{"/pool/volumes"}, NQNPrefix: input}} {
			cfg.Client = watched{device, t}
			configureFrom(t, cfg)
		}
		if input != "victim" && state(t, device) != before {
			t.Errorf("the device changed from\n%s\nto\n%s", before, state(t, device))
		}
	})
}

// configureFrom uses a configuration made of the input, where it is accepted.
func configureFrom(t *testing.T, cfg StoreConfig) {
	store, err := NewRouterOSStore(cfg)
	if err != nil {
		return
	}
	ctx := t.Context()
	if _, err := store.Create(ctx, NewVolume{ID: "mine", Size: gib}); err == nil {
		if err := store.Delete(ctx, "mine"); err != nil {
			t.Error(err)
		}
	}
	if _, err := store.Conditions(ctx); err == nil {
		_, _ = store.Condition(ctx, "victim") // what it says does not matter
	}
}

// throwAt makes calls with the input everywhere, and undoes those that worked.
func throwAt(t *testing.T, w *controller, input, parameter string, size int64) {
	ctx := t.Context()
	check := func(what string, err error) {
		if c := status.Code(err); c == codes.Internal || c == codes.Unknown {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, request := range []*csi.CreateVolumeRequest{
		{Name: input, Parameters: map[string]string{parameter: input}},
		{Name: "a", Parameters: map[string]string{input: "x"}},
		{Name: input},
		{Name: "b", Parameters: map[string]string{paramNQNPrefix: input}},
		{Name: "c", Parameters: map[string]string{paramVolumePath: input}},
		{Name: "d", Parameters: map[string]string{paramNVMeAddress: input, paramRDSAddress: input}},
	} {
		request.VolumeCapabilities = blockWriter
		request.CapacityRange = &csi.CapacityRange{RequiredBytes: size % (1 << 42)}
		response, err := w.CreateVolume(ctx, request)
		check("create", err)
		if err == nil {
			_, err = w.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: response.GetVolume().GetVolumeId()})
			wantCode(t, "delete", err, codes.OK)
		}
	}
	_, err := w.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: input})
	check("get", err)
	_, err = w.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: input})
	check("health", err)
	_, err = w.ValidateVolumeCapabilities(ctx, &csi.ValidateVolumeCapabilitiesRequest{VolumeId: input, VolumeCapabilities: blockWriter,
		VolumeContext: map[string]string{input: input}, Parameters: map[string]string{input: input}})
	check("validate", err)
	_, err = w.ListVolumes(ctx, &csi.ListVolumesRequest{StartingToken: input})
	check("list", err)
	_, err = w.GetCapacity(ctx, &csi.GetCapacityRequest{Parameters: map[string]string{parameter: input}})
	check("capacity", err)
	_, err = w.ControllerListVolumeHealth(ctx, &csi.ControllerListVolumeHealthRequest{StartingToken: input})
	check("list health", err)
	if input == "victim" {
		return
	}
	_, err = w.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: input, CapacityRange: &csi.CapacityRange{RequiredBytes: size}})
	check("expand", err)
	_, err = w.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: input})
	check("delete", err)
}

// state is all that the device holds.
func state(t *testing.T, device *emulator.Device) string {
	var all string
	for _, command := range []string{"/disk print detail", "/file print detail", "/system identity print"} {
		result := device.Run(t.Context(), "admin", command)
		if result.Failed {
			t.Fatal(result.Output)
		}
		all += result.Output
	}
	return all
}
