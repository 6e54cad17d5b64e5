package routeros

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"rds-csi/internal/emulator"
)

var filesOfVolumes = regexp.MustCompile(`(/file .*pool/)volumes`)

// withoutFiles is a device whose volumes have no files.
func withoutFiles(device *emulator.Device) ExecutorFunc {
	return func(ctx context.Context, line string) (string, error) {
		return execOn(device)(ctx, filesOfVolumes.ReplaceAllString(line, "${1}nowhere"))
	}
}

func TestAConditionTellsWhatAVolumeLacks(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		if _, err := v.Condition(t.Context(), "pvc-1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a volume that is not there: %v", err)
		}
		if _, err := v.Create(t.Context(), oneGiB); err != nil {
			t.Fatal(err)
		}
		want := func(what string, v *Volumes, want Condition) {
			t.Helper()
			if got, err := v.Condition(t.Context(), "pvc-1"); err != nil || got != want {
				t.Errorf("%s: got %+v, %v, want %+v", what, got, err, want)
			}
			if got, err := v.Conditions(t.Context()); err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%s, all: got %+v, %v, want %+v", what, got, err, want)
			}
		}
		want("well", v, Condition{Volume: pvc1, PoolMounted: true})
		want("without a file", volumes(t, withoutFiles(device)), Condition{Volume: pvc1, PoolMounted: true, FileMissing: true})
		device.SetPoolMounted("pool", false)
		away := pvc1
		away.Size = 0
		want("without its pool", v, Condition{Volume: away})
	})
}

func TestAVolumeDeletedBetweenTheListsIsNotOneWithoutItsFile(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		if _, err := v.Create(t.Context(), oneGiB); err != nil {
			t.Fatal(err)
		}
		deleted := false
		x := ExecutorFunc(func(ctx context.Context, line string) (string, error) {
			if !deleted && filesOfVolumes.MatchString(line) {
				deleted = true
				if err := v.Delete(ctx, "pvc-1"); err != nil {
					t.Error(err)
				}
			}
			return execOn(device)(ctx, line)
		})
		if got, err := volumes(t, x).Conditions(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// A path that came from the device is none that was checked.
func TestAConditionOfADiskWhosePathNobodyChecked(t *testing.T) {
	for _, path := range []string{`/pool/volumes/a\nb.img`, `/pool/volumes/\u0085.img`, `/pool/\u2028.img`, `/pool/other/pvc-1.img`, `/pool/` + strings.Repeat("x", 600) + `.img`} {
		disk := strings.Replace(diskJSON, `/pool/volumes/pvc-1.img`, path, 1)
		v := volumes(t, scripted(t, step{`where slot="pvc-1"`, found(disk)}))
		if got, err := v.Condition(t.Context(), "pvc-1"); KindOf(err) != ErrInvalid || got != (Condition{}) {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
	}
}
