package routeros

import (
	"context"
	"errors"
	"testing"

	"rds-csi/internal/emulator"
)

func TestACheckTellsWhatIsMissingAndChangesNothing(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{Directories: []string{"pool/volumes"}}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		if err := v.CheckWrite(t.Context()); err != nil {
			t.Error(err)
		}
		if seen, err := v.CheckDirectory(t.Context()); !seen || err != nil {
			t.Errorf("the directory: %v, %v", seen, err)
		}
		if list, err := v.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("afterwards: %v, %v", list, err)
		}
	})
	onDevice(t, emulator.DeviceOptions{NoRoseStorage: true, Directories: []string{}}, func(t *testing.T, _ *emulator.Device, v *Volumes) {
		if err := v.CheckWrite(t.Context()); !errors.Is(err, ErrRoseStorageMissing) {
			t.Error(err)
		}
		if seen, err := v.CheckDirectory(t.Context()); seen || err != nil {
			t.Errorf("the directory: %v, %v", seen, err)
		}
	})
	refuses := volumes(t, ExecutorFunc(func(_ context.Context, line string) (string, error) {
		return "not enough permissions (9)\r\n", nil
	}))
	if err := refuses.CheckWrite(t.Context()); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
}
