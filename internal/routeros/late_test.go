package routeros

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rds-csi/internal/emulator"
)

// careless is a device that refuses nothing by which data is lost.
var careless = emulator.DeviceOptions{Careless: true}

// anOperation is a call of one controller. It gives the size that the volume was said to have, 0 for gone.
type anOperation struct {
	name string
	call func(ctx context.Context, v *Volumes) (size int64, err error)
}

func creating(size int64) anOperation {
	return anOperation{fmt.Sprintf("create %d GiB", size), func(ctx context.Context, v *Volumes) (int64, error) {
		volume, err := v.Create(ctx, CreateRequest{Slot: "pvc-1", Size: size << 30, Limit: 64 << 30})
		return volume.Size, err
	}}
}

func growing(size int64) anOperation {
	return anOperation{fmt.Sprintf("expand to %d GiB", size), func(ctx context.Context, v *Volumes) (int64, error) {
		volume, err := v.Expand(ctx, "pvc-1", size<<30)
		return volume.Size, err
	}}
}

var deleting = anOperation{"delete", func(ctx context.Context, v *Volumes) (int64, error) {
	return 0, v.Delete(ctx, "pvc-1")
}}

// lateAt passes n commands on to the device and keeps the next: the connection is cut, and the command is still on its
// way. arrive delivers it.
func lateAt(device *emulator.Device, n int) (x ExecutorFunc, arrive func() string) {
	var line string
	x = func(ctx context.Context, command string) (string, error) {
		if n--; n < 0 {
			if line == "" {
				line = command
			}
			return "", errors.New("connection lost")
		}
		return execOn(device)(ctx, command)
	}
	return x, func() string {
		if line != "" {
			device.Run(context.Background(), "admin", line)
		}
		return line
	}
}

// wantVolume fails unless the device has the volume whole, with the size that was answered, or, with 0, nothing of it.
func wantVolume(t *testing.T, device *emulator.Device, v *Volumes, size int64) {
	t.Helper()
	file, there := device.FileSize(file1)
	got, err := v.Get(t.Context(), "pvc-1")
	switch {
	case size == 0 && (KindOf(err) != ErrNotFound || there):
		t.Errorf("the volume was deleted, and there is %+v, %v; its file: %v", got, err, there)
	case size > 0 && (err != nil || got.Size != size || file != size):
		t.Errorf("the volume was said to have %d bytes, and there is %+v, %v; its file has %d (%v)", size, got, err, file, there)
	}
	all, err := v.List(t.Context())
	if err != nil || len(all) > 1 {
		t.Errorf("the volumes are %+v, %v", all, err)
	}
}

func TestALateCommandUndoesNothingNewer(t *testing.T) {
	cut := []struct {
		before []anOperation // that was answered
		cut    anOperation
	}{
		{nil, creating(1)},
		{[]anOperation{creating(1)}, deleting},
		{[]anOperation{creating(1)}, growing(2)},
	}
	later := [][]anOperation{
		{creating(1)},
		{creating(3)},
		{creating(1), growing(4)},
		{creating(1), growing(2)},
		{deleting, creating(1)},
		{deleting, creating(3)},
		{deleting, creating(1), growing(4)},
		{deleting, creating(1), deleting, creating(5)},
	}
	for _, c := range cut {
		for _, newer := range later {
			for n := range 8 {
				name := fmt.Sprintf("command %d of %s, then %v", n+1, c.cut.name, namesOf(newer))
				t.Run(name, func(t *testing.T) {
					onDevice(t, careless, func(t *testing.T, device *emulator.Device, v *Volumes) {
						var size int64
						answered := func(o anOperation) {
							got, err := o.call(t.Context(), v)
							if err != nil {
								t.Skipf("%s: %v", o.name, err) // nothing was promised
							}
							size = got
						}
						for _, o := range c.before {
							answered(o)
						}
						x, arrive := lateAt(device, n)
						if _, err := c.cut.call(t.Context(), volumes(t, x)); err == nil {
							t.Skip("it has fewer commands")
						}
						for _, o := range newer {
							answered(o)
						}
						wantVolume(t, device, v, size)
						line := arrive()
						switch got, err := v.Get(t.Context(), "pvc-1"); {
						case err == nil && strings.Contains(line, "file-size=2G") && got.Size == 2<<30 && size < got.Size:
							size = got.Size // a late growth may come true
						case err == nil && strings.Contains(line, "nvme-tcp-export=no") && !got.Exported:
							// It can be exported again, and is by the next Create.
						}
						wantVolume(t, device, v, size)
					})
				})
			}
		}
	}
}

func namesOf(operations []anOperation) (names []string) {
	for _, o := range operations {
		names = append(names, o.name)
	}
	return names
}

// interrupting calls between before the n-th command.
func interrupting(device *emulator.Device, n int, between func()) ExecutorFunc {
	return func(ctx context.Context, command string) (string, error) {
		if n--; n == -1 {
			between()
		}
		return execOn(device)(ctx, command)
	}
}

func TestTwoControllersAtOneVolumeLeaveItWholeOrGone(t *testing.T) {
	all := []anOperation{creating(1), creating(3), growing(2), growing(4), deleting}
	for _, exists := range []bool{false, true} {
		for _, slow := range all {
			for _, quick := range all {
				for n := range 9 {
					name := fmt.Sprintf("%s before command %d of %s, it existed: %v", quick.name, n+1, slow.name, exists)
					t.Run(name, func(t *testing.T) {
						onDevice(t, careless, func(t *testing.T, device *emulator.Device, v *Volumes) {
							if exists {
								if _, err := v.Create(t.Context(), oneGiB); err != nil {
									t.Fatal(err)
								}
							}
							twoAtOnce(t, device, v, n, slow, quick)
						})
					})
				}
			}
		}
	}
}

// twoAtOnce runs quick in the middle of slow and holds what there is then against what both were told.
func twoAtOnce(t *testing.T, device *emulator.Device, v *Volumes, n int, slow, quick anOperation) {
	var said, size int64
	var quickErr error
	ran := false
	x := interrupting(device, n, func() { ran = true; said, quickErr = quick.call(t.Context(), v) })
	size, err := slow.call(t.Context(), volumes(t, x))
	if !ran {
		t.Skip("it has fewer commands")
	}
	for name, err := range map[string]error{quick.name: quickErr, slow.name: err} {
		switch KindOf(err) {
		case "", ErrAlreadyExists, ErrOutcomeUnknown, ErrPoolUnavailable:
		case ErrNotFound:
			if strings.HasPrefix(name, "create") {
				t.Errorf("%s: %v", name, err)
			}
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
	got, getErr := v.Get(t.Context(), "pvc-1")
	file, there := device.FileSize(file1)
	switch {
	case getErr == nil && (file != got.Size || !there):
		t.Errorf("there is %+v, and its file has %d bytes (%v)", got, file, there)
	case getErr != nil && there && err == nil && quickErr == nil:
		t.Errorf("the file is left with %d bytes", file)
	case err == nil && size > 0 && slow.name != deleting.name && quick.name != deleting.name && got.Size < max(size, said):
		t.Errorf("there is %+v, and the answers were %d and %d", got, said, size)
	case err == nil && slow.name == deleting.name && getErr == nil && !(quickErr == nil && said > 0):
		t.Errorf("deleted, and there is %+v", got)
	case quickErr == nil && said > 0 && getErr != nil && slow.name != deleting.name:
		t.Errorf("%s was answered, and there is nothing", quick.name)
	}
}

func TestNoCommandTouchesADiskOverAnotherFile(t *testing.T) {
	for name, command := range map[string]string{"unexport": pvc1.unexportCommand(), "remove": pvc1.removeDiskCommand(), "file": pvc1.removeFileCommand(),
		"grow": Volume{Slot: "pvc-1", FilePath: pvc1.FilePath, Size: 2 << 30}.growCommand(1 << 30), "export": pvc1.exportCommand(), "add": pvc1.addCommand()} {
		for _, exported := range []string{"yes", "no"} {
			t.Run(name+", exported: "+exported, func(t *testing.T) {
				onDevice(t, careless, func(t *testing.T, device *emulator.Device, v *Volumes) {
					run := func(line string) string { return device.Run(t.Context(), "admin", line).Output }
					run(`/disk add type=file file-path=/pool/other/pvc-1.img file-size=1G slot=pvc-1 nvme-tcp-export=` + exported)
					before := run(`/disk print detail`) + run(`/file print detail`)
					if said := run(command); said != "" {
						t.Errorf("the device said %q", said)
					}
					if after := run(`/disk print detail`) + run(`/file print detail`); after != before {
						t.Errorf("it was\n%s\nand is\n%s", before, after)
					}
				})
			})
		}
	}
}
