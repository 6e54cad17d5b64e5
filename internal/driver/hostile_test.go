package driver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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

func TestHostileRepliesAreErrorsAndNeverAWrongVolume(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(string) string
		// harmless: not every reply is wrong afterwards.
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
				m.spoil = test.spoil
				for method, rpc := range rpcs {
					err := rpc.good(t.Context(), w.controller)
					// An id that cannot be needs no reply.
					if code := status.Code(err); (code == codes.OK || code == codes.NotFound) && !test.harmless && !strings.Contains(method, "cannot be") {
						t.Errorf("%s: %v", method, err)
					}
					if err != nil && len(err.Error()) > 1000 {
						t.Errorf("%s: an error of %d bytes", method, len(err.Error()))
					}
				}
				m.spoil = nil
				if _, err := w.store.Get(t.Context(), id); err != nil {
					t.Errorf("the volume afterwards: %v", err)
				}
			})
		})
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
