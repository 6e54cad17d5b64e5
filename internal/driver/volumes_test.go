package driver

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"

	"rds-csi/internal/emulator"
	"rds-csi/internal/routeros"
)

func TestTheIDOfAVolumeIsThatOfTheExistingDriver(t *testing.T) {
	// UUID version 5 of the name in the DNS namespace, as Python's uuid5 gives it.
	for name, want := range map[string]string{
		"python.org": "pvc-886313e1-3b8a-5372-9b90-0c9aee199e5d",
	} {
		if got := IDLong.id(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	short := IDShort.id("python.org")
	if len(short) > 32 || !isPossible(short) || short == IDShort.id("python.or") || short != IDShort.id("python.org") {
		t.Errorf("got %s", short)
	}
}

func TestAVolumeLives(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		ctx := w.t.Context()
		request := creation("a", 3*gib/2+1)
		request.Parameters = map[string]string{"ctrlLossTmo": "600", "nvmePort": "4421", "fsType": "xfs", "csi.storage.k8s.io/pvc/name": "claim"}
		var first *csi.Volume
		for range 2 {
			response, err := w.CreateVolume(ctx, request)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = response.GetVolume()
			}
			v := response.GetVolume()
			want := map[string]string{
				"rdsAddress": "192.168.88.1", "nvmeAddress": "192.168.88.1", "nvmePort": "4421",
				"nqn": "nqn.2000-02.com.mikrotik:" + v.GetVolumeId(), "volumePath": "/pool/volumes/" + v.GetVolumeId() + ".img",
				"ctrlLossTmo": "600", "reconnectDelay": "5", "keepAliveTmo": "0", "migrationTimeoutSeconds": "300",
			}
			if !maps.Equal(v.GetVolumeContext(), want) || v.GetCapacityBytes() != 3*gib/2+1<<20 || v.GetVolumeId() != first.GetVolumeId() {
				t.Errorf("got %v", v)
			}
		}
		get, err := w.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: first.GetVolumeId()})
		if err != nil || get.GetVolume().GetCapacityBytes() != first.GetCapacityBytes() || get.GetStatus() == nil {
			t.Errorf("get: %v, %v", get, err)
		}
		for range 2 {
			grown, err := w.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: first.GetVolumeId(), CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * gib}})
			if err != nil || grown.GetCapacityBytes() != 2*gib || !grown.GetNodeExpansionRequired() {
				t.Errorf("expand: %v, %v", grown, err)
			}
		}
		for range 2 {
			if err := w.delete(first.GetVolumeId()); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		_, err = w.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: first.GetVolumeId()})
		wantCode(t, "get", err, codes.NotFound)
		w.wantDevice(0, 0)
	})
}

func TestWhatTheRDSSaysBecomesACode(t *testing.T) {
	change := func(s *settings) {
		s.device.Pools = []emulator.Pool{{Slot: "pool", Size: 10 * gib}}
		s.device.SlotLimit = 40
	}
	inBubble(t, change, func(w *world) {
		ctx := w.t.Context()
		id := w.create("a")
		_, err := w.CreateVolume(ctx, creation("a", 2*gib))
		wantCode(t, "the name with another size", err, codes.AlreadyExists)
		_, err = w.CreateVolume(ctx, creation("b", 20*gib))
		wantCode(t, "more than there is", err, codes.ResourceExhausted)
		_, err = w.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csi.CapacityRange{RequiredBytes: 20 * gib}})
		wantCode(t, "growth beyond the pool", err, codes.ResourceExhausted)
		_, err = w.CreateVolume(ctx, &csi.CreateVolumeRequest{Name: "b", VolumeCapabilities: blockWriter,
			CapacityRange: &csi.CapacityRange{RequiredBytes: 1, LimitBytes: 5}})
		wantCode(t, "a limit below the least size", err, codes.OutOfRange)
		w.on(`/disk add type=file file-path="/pool/elsewhere.img" file-size=1G slot=foreign`)
		wantCode(t, "a disk that is no volume", w.delete("foreign"), codes.FailedPrecondition, "/pool/elsewhere.img")
		w.rds.Device().SetPoolMounted("pool", false)
		_, err = w.CreateVolume(ctx, creation("b", gib))
		wantCode(t, "a pool that is away", err, codes.Unavailable)
		_, err = w.GetCapacity(ctx, &csi.GetCapacityRequest{})
		wantCode(t, "its capacity", err, codes.Unavailable)
		wantCode(t, "delete", w.delete(id), codes.Unavailable)
	})
}

func TestADeviceThatTakesShortNamesOnlyIsToldOf(t *testing.T) {
	limit := func(s *settings) { s.device.SlotLimit = 32 }
	inBubble(t, limit, func(w *world) {
		_, err := w.CreateVolume(w.t.Context(), creation("a", gib))
		wantCode(t, "a long id", err, codes.FailedPrecondition, "--volume-id-format=short")
		w.wantDevice(0, 0)
	})
	inBubble(t, func(s *settings) { limit(s); s.controller.IDFormat = IDShort }, func(w *world) {
		if id := w.create("a"); len(id) > 32 {
			t.Errorf("the id %s has %d characters", id, len(id))
		}
	})
}

func TestADeviceWithoutThePackageIsToldOf(t *testing.T) {
	inBubble(t, func(s *settings) { s.device.NoRoseStorage = true }, func(w *world) {
		_, err := w.CreateVolume(w.t.Context(), creation("a", gib))
		wantCode(t, "create", err, codes.FailedPrecondition, "rose-storage")
	})
}

func TestParametersAreReadAndFaultsNamed(t *testing.T) {
	paths := []string{"/pool/volumes", "/fast/volumes"}
	p, err := readParameters(map[string]string{"volumePath": "fast/volumes/", "nvmePort": "4421", "sshPort": "22", "nvmeAddress": "10.0.0.9",
		"rdsAddress": "rds.example.net", "nqnPrefix": "nqn.2026-09.net.example", "fsType": "ext4", "ctrlLossTmo": "-1", "reconnectDelay": "1",
		"keepAliveTmo": "30", "migrationTimeoutSeconds": "3600", "csi.storage.k8s.io/pv/name": "x"}, paths)
	if err != nil || p.volumePath != "/fast/volumes" || p.nqnPrefix != "nqn.2026-09.net.example:" || p.nvmePort != 4421 ||
		p.node["keepAliveTmo"] != "30" || p.node["migrationTimeoutSeconds"] != "3600" {
		t.Errorf("got %+v, %v", p, err)
	}
	for name, value := range map[string]string{
		"volumePath": "/pool/volumes/../..", "nvmePort": "0", "sshPort": "ssh", "nvmeAddress": "fe80::1%eth0", "rdsAddress": "a b",
		"nqnPrefix": `nqn.2026-09.net.example:"; /system reboot`, "fsType": "ntfs", "ctrlLossTmo": "-2", "reconnectDelay": "0",
		"keepAliveTmo": "1.5", "migrationTimeoutSeconds": "29", "color": "red",
	} {
		if _, err := readParameters(map[string]string{name: value}, paths); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: got %v", name, value, err)
		}
	}
	_, err = readParameters(map[string]string{"nvmePort": "x", "volumepath": "y"}, paths)
	if err == nil || !strings.Contains(err.Error(), "nvmePort") || !strings.Contains(err.Error(), "volumepath") {
		t.Errorf("two faults: %v", err)
	}
	if _, err := readParameters(map[string]string{"rdsAddress": "rds.example.net"}, paths); err == nil {
		t.Error("a name without an address for nodes was accepted")
	}
}

func TestNodesGetAnIPAddress(t *testing.T) {
	inBubble(t, func(s *settings) { s.controller.Address = "rds.example.net" }, func(w *world) {
		response, err := w.CreateVolume(w.t.Context(), creation("a", gib))
		if address := response.GetVolume().GetVolumeContext()["nvmeAddress"]; err != nil || !isIP(address) {
			t.Errorf("got %q, %v", address, err)
		}
	})
}

func TestVolumesLiveInTheBasePathOfTheirClass(t *testing.T) {
	change := func(s *settings) {
		s.device.Pools = []emulator.Pool{{Slot: "pool", Size: 1 << 40}, {Slot: "fast", Size: 1 << 40}}
		s.paths = []string{"/pool/volumes", "/fast/volumes"}
	}
	inBubble(t, change, func(w *world) {
		ctx := w.t.Context()
		request := creation("b", gib)
		request.Parameters = map[string]string{"volumePath": "/fast/volumes"}
		response, err := w.CreateVolume(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		id := response.GetVolume().GetVolumeId()
		if path := response.GetVolume().GetVolumeContext()["volumePath"]; path != "/fast/volumes/"+id+".img" {
			t.Errorf("it is in %s", path)
		}
		_, err = w.CreateVolume(ctx, creation("b", gib))
		wantCode(t, "the same name in another path", err, codes.AlreadyExists)
		w.create("a")
		if list, err := w.ListVolumes(ctx, &csi.ListVolumesRequest{}); err != nil || len(list.GetEntries()) != 2 {
			t.Errorf("list: %v, %v", list, err)
		}
		if _, err := w.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * gib}}); err != nil {
			t.Error(err)
		}
		// An earlier deletion was interrupted between disk and file.
		w.on(`/disk remove [find slot="` + id + `"]`)
		if err := w.delete(id); err != nil {
			t.Error(err)
		}
		w.wantDevice(1, 1)
	})
}

func TestCapabilitiesAreConfirmedOrNot(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		id := w.create("a")
		ask := func(access csi.VolumeCapability_AccessMode_Mode, mount bool) bool {
			c := &csi.VolumeCapability{AccessMode: &csi.VolumeCapability_AccessMode{Mode: access}, AccessType: blockWriter[0].AccessType}
			if mount {
				c.AccessType = &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: "ext4"}}
			}
			r, err := w.ValidateVolumeCapabilities(w.t.Context(), &csi.ValidateVolumeCapabilitiesRequest{VolumeId: id, VolumeCapabilities: []*csi.VolumeCapability{c}})
			if err != nil || (r.GetConfirmed() == nil) == (r.GetMessage() == "") {
				t.Errorf("%v: %v, %v", c, r, err)
			}
			return r.GetConfirmed() != nil
		}
		if !ask(csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, true) || !ask(csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER, false) {
			t.Error("refused")
		}
		if ask(csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER, true) || ask(csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER, false) {
			t.Error("confirmed")
		}
	})
}

func TestPagesStayGoodWhateverComesAndGoes(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		ctx := w.t.Context()
		var ids []string
		for _, name := range strings.Fields("a b c d e f g") {
			ids = append(ids, w.create(name))
		}
		slices.Sort(ids)
		var seen []string
		token := ""
		for {
			list, err := w.ListVolumes(ctx, &csi.ListVolumesRequest{MaxEntries: 2, StartingToken: token})
			if err != nil || len(list.GetEntries()) > 2 {
				t.Fatalf("%v, %v", list, err)
			}
			for _, e := range list.GetEntries() {
				seen = append(seen, e.GetVolume().GetVolumeId())
			}
			if token = list.GetNextToken(); token == "" {
				break
			}
			if len(seen) == 2 { // the one that the token names goes, and so does an earlier one
				if err := w.delete(seen[1]); err != nil {
					t.Fatal(err)
				}
				if err := w.delete(seen[0]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !slices.Equal(seen, ids) {
			t.Errorf("got %v, want %v", seen, ids)
		}
		for _, token := range []string{"invalid-token", "YWZ0ZXI6", "YWZ0ZXI6L2V0Yw"} {
			_, err := w.ListVolumes(ctx, &csi.ListVolumesRequest{StartingToken: token})
			wantCode(t, token, err, codes.Aborted)
		}
	})
}

func TestHealthNamesWhatIsWrong(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		ctx := w.t.Context()
		well, ill := w.create("a"), w.create("b")
		reasons := func(id string) (list []string) {
			r, err := w.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: id})
			if err != nil || r.GetVolumeHealth().GetVolumeId() != id {
				t.Errorf("%v, %v", r, err)
			}
			for _, s := range r.GetVolumeHealth().GetHealthStatuses() {
				list = append(list, s.GetReason())
			}
			return list
		}
		w.on(`/disk set [find slot="` + ill + `"] nvme-tcp-export=no`)
		if got := reasons(well); len(got) != 0 {
			t.Errorf("the one that is well: %v", got)
		}
		if got := reasons(ill); !slices.Equal(got, []string{"NotExported"}) {
			t.Errorf("got %v", got)
		}
		all, err := w.ControllerListVolumeHealth(ctx, &csi.ControllerListVolumeHealthRequest{})
		if err != nil || len(all.GetEntries()) != 1 || all.GetEntries()[0].GetVolumeId() != ill {
			t.Errorf("list: %v, %v", all, err)
		}
		w.rds.Device().SetPoolMounted("pool", false)
		if got := reasons(well); !slices.Equal(got, []string{"PoolNotMounted"}) {
			t.Errorf("without its pool: %v", got)
		}
		page, err := w.ControllerListVolumeHealth(ctx, &csi.ControllerListVolumeHealthRequest{MaxEntries: 1})
		if err != nil || len(page.GetEntries()) != 1 || page.GetNextToken() == "" {
			t.Errorf("a page: %v, %v", page, err)
		}
		_, err = w.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: "pvc-none"})
		wantCode(t, "no volume", err, codes.NotFound)
	})
	if s := statuses(routeros.Condition{PoolMounted: true, FileMissing: true, Volume: routeros.Volume{Exported: true}}); len(s) != 1 || s[0].GetStatus() != csi.VolumeHealthErrorType_DATA_LOSS {
		t.Errorf("without its file: %v", s)
	}
}

func TestCapacityIsThatOfThePool(t *testing.T) {
	inBubble(t, func(s *settings) { s.device.Pools = []emulator.Pool{{Slot: "pool", Size: 10 * gib}} }, func(w *world) {
		w.create("a")
		got, err := w.GetCapacity(w.t.Context(), &csi.GetCapacityRequest{VolumeCapabilities: blockWriter})
		if err != nil || got.GetAvailableCapacity() != 9*gib || got.GetMaximumVolumeSize().GetValue() != 9*gib {
			t.Errorf("got %v, %v", got, err)
		}
		if w.seen.pools["pool"] != 9*gib {
			t.Errorf("the observer saw %v", w.seen.pools)
		}
	})
}
