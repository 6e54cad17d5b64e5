package routeros

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/emulator"
)

// onDevice runs a test against an emulated device; waits pass at once.
func onDevice(t *testing.T, options emulator.DeviceOptions, test func(t *testing.T, device *emulator.Device, v *Volumes)) {
	synctest.Test(t, func(t *testing.T) {
		device := emulator.NewDevice(options)
		test(t, device, volumes(t, execOn(device)))
	})
}

func execOn(device *emulator.Device) ExecutorFunc {
	return func(ctx context.Context, line string) (string, error) {
		return device.Run(ctx, "admin", line).Output, ctx.Err()
	}
}

const file1 = "pool/volumes/pvc-1.img"

func TestVerifyOfEmulatedDevices(t *testing.T) {
	for name, options := range map[string]emulator.DeviceOptions{
		"an RDS":                             {},
		"a CHR":                              {CHR: true},
		"a CHR without the routerboard menu": {CHR: true, NoRouterboard: true},
	} {
		t.Run(name, func(t *testing.T) {
			onDevice(t, options, func(t *testing.T, device *emulator.Device, v *Volumes) {
				info, err := v.SystemInfo(t.Context())
				if err != nil || info.Version != "7.24.5 (stable)" || info.Uptime != device.Uptime() || info.Board == "" || info.Architecture == "" {
					t.Errorf("got %+v, %v", info, err)
				}
				if known := info.SerialNumber != "" && info.SoftwareID != ""; known == options.CHR || options.CHR == (info.SystemID == "") {
					t.Errorf("the ids in %+v", info)
				}
			})
		})
	}
}

func TestAVolumeLivesOnADevice(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{KeepExported: true}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		ctx := t.Context()
		free := capacity(t, v)
		for range 2 { // the second call finds the first one's volume
			if got, err := v.Create(ctx, oneGiB); err != nil || got != pvc1 {
				t.Fatalf("create: got %+v, %v", got, err)
			}
		}
		if left := capacity(t, v); left != free-1<<30 {
			t.Errorf("%d bytes free of %d", left, free)
		}
		if got, err := v.Get(ctx, "pvc-1"); err != nil || got != pvc1 {
			t.Errorf("get: got %+v, %v", got, err)
		}
		grown := pvc1
		grown.Size = 3 << 29
		for range 2 {
			if got, err := v.Expand(ctx, "pvc-1", 3<<29-1); err != nil || got != grown {
				t.Errorf("expand: got %+v, %v", got, err)
			}
		}
		if got, err := v.List(ctx); err != nil || len(got) != 1 || got[0] != grown {
			t.Errorf("list: got %+v, %v", got, err)
		}
		for range 2 {
			if err := v.Delete(ctx, "pvc-1"); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if _, err := v.Get(ctx, "pvc-1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("get: %v", err)
		}
		if left := capacity(t, v); left != free {
			t.Errorf("%d bytes free of %d", left, free)
		}
	})
}

func capacity(t *testing.T, v *Volumes) int64 {
	t.Helper()
	pool, err := v.Capacity(t.Context())
	if err != nil || !pool.Mounted || pool.MountPoint != "pool" || pool.Size != 8<<40 {
		t.Fatalf("got %+v, %v", pool, err)
	}
	return pool.Free
}

// interrupted lets n commands through and loses the reply to the next: it ran, or it did not.
func interrupted(device *emulator.Device, n int, ran bool) (ExecutorFunc, error) {
	lost := errors.New("connection lost")
	return func(ctx context.Context, line string) (string, error) {
		if n--; n >= 0 || n == -1 && ran {
			output, err := execOn(device)(ctx, line)
			if n >= 0 {
				return output, err
			}
		}
		return "", lost
	}, lost
}

func TestWhereverItIsInterruptedTheNextCallFinishes(t *testing.T) {
	for n := range 8 {
		for _, ran := range []bool{false, true} {
			t.Run(fmt.Sprintf("after %d commands, the next ran: %v", n, ran), func(t *testing.T) {
				onDevice(t, emulator.DeviceOptions{KeepExported: true}, func(t *testing.T, device *emulator.Device, v *Volumes) {
					x, lost := interrupted(device, n, ran)
					if _, err := volumes(t, x).Create(t.Context(), oneGiB); err != nil && err != lost {
						t.Errorf("create: %v", err)
					}
					if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
						t.Fatalf("create again: got %+v, %v", got, err)
					}
					x, lost = interrupted(device, n, ran)
					if _, err := volumes(t, x).Expand(t.Context(), "pvc-1", 2<<30); err != nil && err != lost {
						t.Errorf("expand: %v", err)
					}
					if got, err := v.Expand(t.Context(), "pvc-1", 2<<30); err != nil || got.Size != 2<<30 {
						t.Errorf("expand again: got %+v, %v", got, err)
					}
					x, lost = interrupted(device, n, ran)
					if err := volumes(t, x).Delete(t.Context(), "pvc-1"); err != nil && err != lost {
						t.Errorf("delete: %v", err)
					}
					if err := v.Delete(t.Context(), "pvc-1"); err != nil {
						t.Errorf("delete again: %v", err)
					}
					if size, there := device.FileSize(file1); there {
						t.Errorf("the file is still there with %d bytes", size)
					}
				})
			})
		}
	}
}

func TestAnOrphanFileIsNotBuiltOnButMayBeDeleted(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		if err := device.WriteFile(file1, 1<<30); err != nil {
			t.Fatal(err)
		}
		_, err := v.Create(t.Context(), oneGiB)
		if KindOf(err) != ErrOutcomeUnknown || !strings.Contains(err.Error(), `/file remove [find name="pool/volumes/pvc-1.img"]`) {
			t.Errorf("got %v", err)
		}
		if size, there := device.FileSize(file1); !there || size != 1<<30 {
			t.Error("the file was touched")
		}
		if err := v.Delete(t.Context(), "pvc-1"); err != nil {
			t.Error(err)
		}
		if _, there := device.FileSize(file1); there {
			t.Error("the file is still there")
		}
	})
}

func TestAVolumeWithoutItsFileIsNoVolume(t *testing.T) {
	for name, options := range map[string]emulator.DeviceOptions{"no size": {Careless: true}, "a file-size": {Careless: true, FileSizeAlone: true}} {
		t.Run(name, func(t *testing.T) {
			onDevice(t, options, func(t *testing.T, device *emulator.Device, v *Volumes) {
				device.Run(t.Context(), "admin", Volume{Slot: "pvc-1", FilePath: "/" + file1, Size: 1 << 30, NQN: pvc1.NQN, Port: 4420}.addCommand())
				device.Run(t.Context(), "admin", `/file remove [find name="`+file1+`"]`)
				if got, err := v.Create(t.Context(), oneGiB); KindOf(err) != ErrPoolUnavailable {
					t.Errorf("create: got %+v, %v", got, err)
				}
				if got, err := v.Expand(t.Context(), "pvc-1", 1<<30); KindOf(err) != ErrPoolUnavailable {
					t.Errorf("expand: got %+v, %v", got, err)
				}
				if got, err := v.Get(t.Context(), "pvc-1"); err != nil || got.Size != 0 {
					t.Errorf("get: got %+v, %v", got, err)
				}
				if err := v.Delete(t.Context(), "pvc-1"); err != nil {
					t.Errorf("delete: %v", err)
				}
			})
		})
	}
}

func TestAnExportThatWasTakenBackIsMadeAgain(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		if _, err := v.Create(t.Context(), oneGiB); err != nil {
			t.Fatal(err)
		}
		device.Run(t.Context(), "admin", `/disk set pvc-1 nvme-tcp-export=no`)
		if got, err := v.Get(t.Context(), "pvc-1"); err != nil || got.Exported {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestADeviceSaysWhyItCannot(t *testing.T) {
	long := CreateRequest{Slot: "pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311", Size: 1 << 30}
	for name, c := range map[string]struct {
		options emulator.DeviceOptions
		request CreateRequest
		want    Kind
		says    string
	}{
		"no rose-storage":  {emulator.DeviceOptions{NoRoseStorage: true}, oneGiB, ErrRoseStorageMissing, "rose-storage"},
		"a short slot":     {emulator.DeviceOptions{SlotLimit: 32}, long, ErrInvalid, "--volume-id-format=short"},
		"a slot cut short": {emulator.DeviceOptions{SlotLimit: 32, ShortenSlots: true, KeepExported: true}, long, ErrInvalid, "--volume-id-format=short"},
		"too much":         {emulator.DeviceOptions{}, CreateRequest{Slot: "x", Size: 9 << 40}, ErrNoSpace, "free"},
		"no directory":     {emulator.DeviceOptions{Directories: []string{"pool/other"}}, oneGiB, ErrFailure, "directory"},
		"no pool":          {emulator.DeviceOptions{Pools: []emulator.Pool{{Slot: "raid10", Size: 1 << 40}}}, oneGiB, ErrPoolUnavailable, "pool"},
	} {
		t.Run(name, func(t *testing.T) {
			onDevice(t, c.options, func(t *testing.T, device *emulator.Device, v *Volumes) {
				got, err := v.Create(t.Context(), c.request)
				if KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) || got != (Volume{}) {
					t.Errorf("got %+v, %v; want %s with %q", got, err, c.want, c.says)
				}
				if _, there := device.FileSize("pool/volumes/" + c.request.Slot + ".img"); there {
					t.Error("a file was left behind")
				}
				if left := device.Run(t.Context(), "admin", `:put [:len [/disk find where type=file]]`).Output; left != "0\r\n" {
					t.Errorf("%s disks were left behind", left)
				}
			})
		})
	}
}

func TestNothingIsDoneWhileThePoolIsNotMounted(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		if _, err := v.Create(t.Context(), oneGiB); err != nil {
			t.Fatal(err)
		}
		device.SetPoolMounted("pool", false)
		_, createErr := v.Create(t.Context(), oneGiB)
		_, expandErr := v.Expand(t.Context(), "pvc-1", 2<<30)
		for name, err := range map[string]error{"create": createErr, "expand": expandErr, "delete": v.Delete(t.Context(), "pvc-1")} {
			if KindOf(err) != ErrPoolUnavailable {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if pool, err := v.Capacity(t.Context()); err != nil || pool.Mounted || pool.Free != 0 {
			t.Errorf("got %+v, %v", pool, err)
		}
		// It is there all the same: its size is what is not known.
		if got, err := v.Get(t.Context(), "pvc-1"); err != nil || got.Size != 0 || !got.Exported {
			t.Errorf("got %+v, %v", got, err)
		}
		device.SetPoolMounted("pool", true)
		if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestPrintDetailOfADeviceIsReadInEveryLayout(t *testing.T) {
	layouts := []emulator.Layout{{}, {Width: 80}, {Width: 100, Indent: 15}}
	for width := 60; width < 130; width++ {
		layouts = append(layouts, emulator.Layout{Width: width, SplitWords: true}, emulator.Layout{Width: width, Indent: 15, SplitWords: true})
	}
	for _, layout := range layouts {
		onDevice(t, emulator.DeviceOptions{PrintDetail: layout}, func(t *testing.T, device *emulator.Device, v *Volumes) {
			var want []Volume
			for _, slot := range []string{"pvc-1", "pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311", "x"} {
				volume, err := v.Create(t.Context(), CreateRequest{Slot: slot, Size: 53687091200})
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, volume)
			}
			v.x = withoutSerialize(device)
			got, err := v.List(t.Context())
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%+v:\ngot  %+v, %v\nwant %+v", layout, got, err, want)
			}
			if pool, err := v.Capacity(t.Context()); err != nil || pool.Free != 8<<40-3*53687091200 {
				t.Errorf("%+v: got %+v, %v", layout, pool, err)
			}
		})
	}
}

// withoutSerialize is a device from before 7.13.
func withoutSerialize(device *emulator.Device) ExecutorFunc {
	return func(ctx context.Context, line string) (string, error) {
		if at := strings.Index(line, ":serialize"); at >= 0 {
			return fmt.Sprintf("bad command name serialize (line 1 column %d)\r\n", at+2), nil
		}
		return execOn(device)(ctx, line)
	}
}

func TestPagesOfADeviceAddUp(t *testing.T) {
	onDevice(t, emulator.DeviceOptions{}, func(t *testing.T, device *emulator.Device, v *Volumes) {
		v.page = 4
		var want []string
		for i := range 23 {
			slot := fmt.Sprintf("pvc-%d", i)
			if _, err := v.Create(t.Context(), CreateRequest{Slot: slot, Size: 1 << 20}); err != nil {
				t.Fatal(err)
			}
			want = append(want, slot)
		}
		got, err := v.List(t.Context())
		var slots []string
		for _, volume := range got {
			slots = append(slots, volume.Slot)
		}
		if err != nil || !slices.Equal(slots, want) {
			t.Errorf("got %v, %v", slots, err)
		}
	})
}

// FuzzNoNameAddsACommand gives a device every name that passes the checks and some that do not.
func FuzzNoNameAddsACommand(f *testing.F) {
	for _, name := range []string{"pvc-1", `x"; /disk remove [find]; :put "`, "x$[/system reboot]", `x\`, "x\n/system reboot", "x y", "[find]", "{", "x;"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		device := emulator.NewDevice(emulator.DeviceOptions{})
		device.Run(t.Context(), "admin", `/disk add type=file file-path=/pool/keep.img file-size=1M slot=keep`)
		v := volumes(t, execOn(device))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		volume, err := v.Create(ctx, CreateRequest{Slot: name, Size: 1 << 20})
		if err == nil && (volume.Slot != name || volume.FilePath != "/pool/volumes/"+name+".img") {
			t.Errorf("%q became %+v", name, volume)
		}
		if deleteErr := v.Delete(ctx, name); err == nil && deleteErr != nil {
			t.Errorf("%q: %v", name, deleteErr)
		}
		if left := device.Run(ctx, "admin", `/disk print count-only`).Output; left != "2\r\n" {
			t.Errorf("%q left %s disks", name, left)
		}
	})
}
