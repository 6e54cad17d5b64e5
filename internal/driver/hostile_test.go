package driver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"rds-csi/internal/emulator"
)

// mangled is a device whose replies a test spoils.
type mangled struct {
	device *emulator.Device
	spoil  func(reply string) string // nil: nothing
}

func (m *mangled) Exec(ctx context.Context, command string) (string, error) {
	reply := m.device.Run(ctx, "admin", command).Output
	if m.spoil != nil {
		reply = m.spoil(reply)
	}
	return reply, ctx.Err()
}

// answers are those of all calls that tell of a volume and change nothing: it is
// there, as it is asked for, under the name "a". An error is no answer.
func (w *world) answers(id string) map[string]proto.Message {
	answers := map[string]proto.Message{}
	add := func(method string, answer proto.Message, err error) {
		if err == nil {
			answers[method] = answer
		}
	}
	ctx := w.t.Context()
	created, err := w.CreateVolume(ctx, creation("a", gib))
	add("CreateVolume", created, err)
	expanded, err := w.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csi.CapacityRange{RequiredBytes: gib}})
	add("ControllerExpandVolume", expanded, err)
	validated, err := w.ValidateVolumeCapabilities(ctx, &csi.ValidateVolumeCapabilitiesRequest{VolumeId: id, VolumeCapabilities: blockWriter})
	add("ValidateVolumeCapabilities", validated, err)
	got, err := w.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: id})
	add("ControllerGetVolume", got, err)
	listed, err := w.ListVolumes(ctx, &csi.ListVolumesRequest{})
	add("ListVolumes", listed, err)
	capacity, err := w.GetCapacity(ctx, &csi.GetCapacityRequest{})
	add("GetCapacity", capacity, err)
	health, err := w.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: id})
	add("ControllerGetVolumeHealth", health, err)
	ill, err := w.ControllerListVolumeHealth(ctx, &csi.ControllerListVolumeHealthRequest{})
	add("ControllerListVolumeHealth", ill, err)
	return answers
}

func TestHostileRepliesAreErrorsAndNeverAWrongVolume(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(string) string
		// harmless: not every reply is wrong afterwards. What is answered is compared with the truth in any case.
		harmless bool
	}{
		"JSON cut in half": {func(s string) string { return s[:len(s)/2] }, false},
		"nothing":          {func(string) string { return "" }, false},
		"no sentinel":      {func(s string) string { before, _, _ := strings.Cut(s, "OK-"); return before }, false},
		"another's sentinel": {func(s string) string {
			before, _, _ := strings.Cut(s, "OK-")
			return before + "OK-0123456789abcdef\r\n"
		}, false},
		"a wrapped sentinel":    {func(s string) string { return strings.Replace(s, "OK-", "OK-\r\n      ", 1) }, false},
		"NUL bytes":             {func(s string) string { return strings.ReplaceAll(s, `"`, "\"\x00") + "\x00\x00" }, true},
		"5 MiB":                 {func(s string) string { return strings.Repeat("x", 5<<20) + s }, false},
		"5 MiB of brackets":     {func(s string) string { return strings.Repeat("[", 5<<20) + s }, false},
		"another volume's item": {func(s string) string { return strings.ReplaceAll(s, "pvc-", "pvd-") }, true},
		"numbers that are none": {func(s string) string { return strings.ReplaceAll(s, "1073741824", "-1") }, true},
		"text before":           {func(s string) string { return "system,error,critical login failure\r\n" + s }, false},
		"invalid UTF-8":         {func(s string) string { return "\xff\xfe" + strings.ReplaceAll(s, "pvc", "\xffvc") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				m := &mangled{device: w.rds.Device()}
				w.manager.StartMonitor(t.Context())
				synctest.Wait()
				w.store = must(NewRouterOSStore(StoreConfig{Client: m, BasePaths: []string{"/pool/volumes"}}))
				id := w.create("a")
				truth := w.answers(id)
				if len(truth) != 8 {
					t.Fatalf("only %d of 8 calls were answered: %v", len(truth), truth)
				}
				if name == "another volume's item" {
					// A list is not asked for a name: this is what a device with another volume says.
					truth["ListVolumes"].(*csi.ListVolumesResponse).Entries[0].Volume.VolumeId = strings.Replace(id, "pvc-", "pvd-", 1)
				}
				m.spoil = test.spoil
				w.wantTruthOrErrors(id, truth, test.harmless)
				m.spoil = nil
				if _, err := w.store.Get(t.Context(), id); err != nil {
					t.Errorf("the volume afterwards: %v", err)
				}
				w.wantDevice(1, 1)
			})
		})
	}
}

// wantTruthOrErrors fails where a spoiled reply is believed.
func (w *world) wantTruthOrErrors(id string, truth map[string]proto.Message, harmless bool) {
	w.t.Helper()
	for method, answer := range w.answers(id) {
		if !proto.Equal(answer, truth[method]) {
			w.t.Errorf("%s of the volume: %v, want %v or an error", method, answer, truth[method])
		}
	}
	for method, rpc := range rpcs {
		err := rpc.good(w.t.Context(), w.controller)
		// An id that cannot be needs no reply.
		if code := status.Code(err); (code == codes.OK || code == codes.NotFound) && !harmless && !strings.Contains(method, "cannot be") {
			w.t.Errorf("%s: %v", method, err)
		}
		if err != nil && len(err.Error()) > 1000 {
			w.t.Errorf("%s: an error of %d bytes", method, len(err.Error()))
		}
	}
}

func TestAVolumeIsNeverAnsweredUnderAnothersName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		m := &mangled{device: w.rds.Device()}
		store := must(NewRouterOSStore(StoreConfig{Client: m, BasePaths: []string{"/pool/volumes"}}))
		for _, id := range []string{"pvc-a", "pvc-b"} {
			if _, err := store.Create(t.Context(), NewVolume{ID: id, Size: gib}); err != nil {
				t.Fatal(err)
			}
		}
		m.spoil = func(s string) string { return strings.ReplaceAll(s, "pvc-a", "pvc-b") }
		if v, err := store.Get(t.Context(), "pvc-a"); err == nil {
			t.Errorf("got %+v", v)
		}
		if err := store.Delete(t.Context(), "pvc-a"); err == nil {
			t.Error("deleted")
		}
		m.spoil = nil
		for _, id := range []string{"pvc-a", "pvc-b"} {
			if _, err := store.Get(t.Context(), id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}
