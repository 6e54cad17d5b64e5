package routeros

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"rds-csi/internal/emulator"
)

// unmountingBefore unmounts the pool before the n-th command, those of one line counted one by one.
func unmountingBefore(device *emulator.Device, n int) ExecutorFunc {
	return func(ctx context.Context, line string) (output string, err error) {
		for command := range strings.SplitSeq(line, "; ") {
			if n--; n == -1 {
				device.SetPoolMounted("pool", false)
			}
			output += device.Run(ctx, "admin", command).Output
		}
		return output, ctx.Err()
	}
}

// A file is not to be seen while its pool is away, and is there all the same.
func TestAFileOfAPoolThatGoesAwayIsNotGone(t *testing.T) {
	for _, orphan := range []bool{false, true} {
		for n := range 40 {
			t.Run(fmt.Sprintf("before command %d, without its disk: %v", n+1, orphan), func(t *testing.T) {
				onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
					if _, err := v.Create(t.Context(), oneGiB); err != nil {
						t.Fatal(err)
					}
					if orphan {
						device.Run(t.Context(), "admin", `/disk remove pvc-1`)
					}
					away := volumes(t, unmountingBefore(device, n))
					if c, err := away.Condition(t.Context(), "pvc-1"); err == nil && c.FileMissing {
						t.Errorf("its file is called missing: %+v", c)
					}
					device.SetPoolMounted("pool", true)
					err := volumes(t, unmountingBefore(device, n)).Delete(t.Context(), "pvc-1")
					device.SetPoolMounted("pool", true)
					if size, there := device.FileSize(file1); there && err == nil {
						t.Errorf("deleted, and a file of %d bytes is left", size)
					}
					if err := v.Delete(t.Context(), "pvc-1"); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
