package routeros

import (
	"testing"

	"rds-csi/internal/emulator"
)

// A creation that arrives late may find a file that came there since, and whose
// data it does not know.
func TestALateCreationTakesOverNoFile(t *testing.T) {
	onDevice(t, careless, func(t *testing.T, device *emulator.Device, v *Volumes) {
		want, err := v.named("pvc-1")
		if err != nil {
			t.Fatal(err)
		}
		want.Size = 1 << 30
		if err := device.WriteFile(file1, 5<<20); err != nil {
			t.Fatal(err)
		}
		if err := v.write(t.Context(), want.addCommand()); err != nil {
			t.Error(err)
		}
		if size, _ := device.FileSize(file1); size != 5<<20 {
			t.Errorf("the file has %d bytes now", size)
		}
		if got, err := v.Get(t.Context(), "pvc-1"); KindOf(err) != ErrNotFound {
			t.Errorf("the file is a volume: %+v, %v", got, err)
		}
	})
}
