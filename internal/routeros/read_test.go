package routeros

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"rds-csi/internal/emulator"
)

func TestGetReadsOneVolume(t *testing.T) {
	v := volumes(t, scripted(t, step{`:put [:serialize to=json [/disk print detail as-value where slot="pvc-1"]]; :put "OK-`, found(diskJSON)}))
	if got, err := v.Get(t.Context(), "pvc-1"); err != nil || got != pvc1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// hostile replies to a read of one disk, and what they mean.
var hostile = map[string]struct {
	reply string
	want  Kind
}{
	"no such volume":            {"[]\r\nOK-NONCE\r\n", ErrNotFound},
	"nothing":                   {"", ErrTruncated},
	"only the sentinel":         {"OK-NONCE\r\n", ErrMalformed},
	"no sentinel":               {"[" + diskJSON + "]\r\n", ErrTruncated},
	"cut JSON":                  {"[" + diskJSON[:100], ErrTruncated},
	"cut JSON, then a sentinel": {"[" + diskJSON[:100] + "\r\nOK-NONCE\r\n", ErrMalformed},
	"an old sentinel":           {"[" + diskJSON + "]\r\nOK-0000000000000000\r\n", ErrTruncated},
	"a value with a sentinel":   {strings.Replace(found(diskJSON), "pvc-1.img", "OK-NONCE", 1), ""},
	"5 MiB":                     {"[" + strings.Repeat(diskJSON+",", 5<<20/len(diskJSON)) + diskJSON + "]\r\nOK-NONCE\r\n", ErrMalformed},
	"deep nesting":              {strings.Repeat("[", 100_000) + "\r\nOK-NONCE\r\n", ErrMalformed},
	"a number":                  {"5\r\nOK-NONCE\r\n", ErrMalformed},
	"a null item":               {"[null]\r\nOK-NONCE\r\n", ErrMalformed},
	"a list in a list":          {"[[" + diskJSON + "]]\r\nOK-NONCE\r\n", ErrMalformed},
	"another volume":            {strings.ReplaceAll(found(diskJSON), "pvc-1", "pvc-2"), ErrMalformed},
	"two volumes":               {found(diskJSON + "," + diskJSON), ErrMalformed},
	"a disk without a slot":     {found(`{"type":"file"}`), ErrMalformed},
	"a disk of another type":    {found(`{"slot":"pvc-1","type":"hardware"}`), ErrInvalid},
	"a negative size":           {strings.ReplaceAll(found(diskJSON), "1073741824", "-1"), ErrMalformed},
	"a huge size":               {strings.ReplaceAll(found(diskJSON), "1073741824", "1e400"), ErrMalformed},
	"a size that is a list":     {strings.ReplaceAll(found(diskJSON), "1073741824", "[1]"), ""},
	"a port that is none":       {strings.ReplaceAll(found(diskJSON), "4420", "70000"), ErrMalformed},
	"an export that is neither": {strings.ReplaceAll(found(diskJSON), "true", `"maybe"`), ErrMalformed},
	"words before":              {"progress: 1%\r\n" + found(diskJSON), ErrMalformed},
	"words after":               {"[" + diskJSON + "]\r\ninterrupted\r\nOK-NONCE\r\n", ErrMalformed},
	"no such item":              {"no such item\r\n", ErrMalformed},
	"no such item, and all":     {"no such item\r\nOK-NONCE\r\n", ErrMalformed},
	"no list, and no such item": {"[]\r\nno such item (4)\r\n", ErrMalformed},
	"expected item id":          {"expected item id (line 1 column 9)\r\n", ErrMalformed},
	"already":                   {"failure: already have such entry\r\n", ErrMalformed},
	"in use":                    {"failure: device is busy\r\n", ErrMalformed},
	"no space":                  {"failure: not enough space\r\n", ErrMalformed},
	"timed out":                 {"action timed out - try again\r\n", ErrMalformed},
	"another failure":           {"failure: something\r\n", ErrMalformed},
	"an empty string":           {"\"\"\r\nOK-NONCE\r\n", ErrMalformed},
	"null":                      {"null\r\nOK-NONCE\r\n", ErrMalformed},
	"refused":                   {"not enough permissions\r\n", ErrNotAllowed},
	"refused after the answer":  {"[" + diskJSON + "]\r\nfailure: not allowed by device-mode\r\n", ErrNotAllowed},
	"a slot with in use in it":  {"[" + strings.Replace(diskJSON, `"slot"`, `"comment":"in use, busy, invalid","slot"`, 1), ErrTruncated},
}

func TestAHostileReplyGivesAKindAndNeverAWrongVolume(t *testing.T) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			got, err := volumes(t, scripted(t, step{`where slot="pvc-1"`, c.reply})).Get(t.Context(), "pvc-1")
			if KindOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && got != (Volume{}) || err == nil && got.Slot != "pvc-1" {
				t.Errorf("got %+v with %v", got, err)
			}
		})
	}
}

func TestRawControlCharactersInJSONDoNoHarm(t *testing.T) {
	broken := strings.Replace(found(diskJSON), "pvc-1.img", "pvc\x00-1.\r\nimg", 1)
	if got, err := volumes(t, scripted(t, step{"", broken})).Get(t.Context(), "pvc-1"); err != nil || got != pvc1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPrintDetailIsReadWhereThereIsNoSerialize(t *testing.T) {
	refused := "bad command name serialize (line 1 column 8)\r\n"
	text := strings.ReplaceAll(sample(t, "detail-split.txt"), "\r\n \r\n 1 B", "\r\n 1 B")
	first, second, _ := strings.Cut(text, " 1 B")
	const slot = "pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311"
	v := volumes(t, scripted(t,
		step{`:serialize`, refused},
		step{`/disk print detail where slot="` + slot + `"; :put "OK-`, first + done},
		step{`:serialize`, refused},
		step{`/disk print detail where slot="pvc-2";`, " 1 B" + second + done},
	))
	steps := map[string][]step{
		"pvc-3": {{`:serialize`, refused}, {`/disk print detail where slot="pvc-3";`, sample(t, "detail-legend.txt") + done}},
		"pvc-4": {{`:serialize`, refused}, {`/disk print detail where slot="pvc-4";`, "no such item\r\n"}},
		"pvc-5": {{`:serialize`, refused}, {`/disk print detail where slot="pvc-5";`, "no such item\r\n" + done}},
	}
	got, err := v.Get(t.Context(), slot)
	want := Volume{Slot: slot, FilePath: "/pool/volumes/" + slot + ".img", Size: 53687091200, NQN: "nqn.2000-02.com.mikrotik:" + slot, Port: 4420, Exported: true}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = v.Get(t.Context(), "pvc-2")
	if err != nil || got.Size != 1<<30 || got.Exported {
		t.Errorf("got %+v, %v", got, err)
	}
	for slot, want := range map[string]Kind{"pvc-3": ErrNotFound, "pvc-4": ErrMalformed, "pvc-5": ErrMalformed} {
		step, ok := steps[slot]
		if got, err := volumes(t, scripted(t, step...)).Get(t.Context(), slot); KindOf(err) != want || !ok {
			t.Errorf("%s: got %+v, %v", slot, got, err)
		}
	}
}

func TestExpandOnlyGrows(t *testing.T) {
	grown := strings.ReplaceAll(diskJSON, "1073741824", "2147483648")
	before := step{`/file print`, looks(poolJSON, diskJSON, diskJSON, fileJSON)}
	t.Run("to more", func(t *testing.T) {
		v := volumes(t, scripted(t, before,
			step{`/disk set [find slot="pvc-1" and type=file and file-path="/pool/volumes/pvc-1.img" and size=1073741824] file-size=2G;`, done},
			step{`where slot="pvc-1"`, shows(grown)}))
		if got, err := v.Expand(t.Context(), "pvc-1", 2<<30-5); err != nil || got.Size != 2<<30 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	for name, size := range map[string]int64{"to the same": 1 << 30, "to less": 1} {
		t.Run(name, func(t *testing.T) {
			if got, err := volumes(t, scripted(t, before)).Expand(t.Context(), "pvc-1", size); err != nil || got != pvc1 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	t.Run("to what is not there to be had", func(t *testing.T) {
		if _, err := volumes(t, scripted(t, before)).Expand(t.Context(), "pvc-1", 1<<40); KindOf(err) != ErrNoSpace {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what is not there", func(t *testing.T) {
		v := volumes(t, scripted(t, step{`/file print`, looks(poolJSON, "", "", "")}))
		if _, err := v.Expand(t.Context(), "pvc-1", 1<<40); KindOf(err) != ErrNotFound {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what is gone when the command arrives", func(t *testing.T) {
		v := volumes(t, scripted(t, before, step{`file-size=2G`, "no such item\r\n"}, step{`/file print`, nothing()}))
		if _, err := v.Expand(t.Context(), "pvc-1", 2<<30); KindOf(err) != ErrNotFound || strings.Contains(err.Error(), "no such item") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what somebody else grows", func(t *testing.T) {
		v := volumes(t, scripted(t, before, step{`size=1073741824] file-size=4G`, done}, step{`/file print`, shows(grown)},
			step{`size=2147483648] file-size=4G`, done}, step{`/file print`, shows(strings.ReplaceAll(diskJSON, "1073741824", "4294967296"))}))
		if got, err := v.Expand(t.Context(), "pvc-1", 4<<30); err != nil || got.Size != 4<<30 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what others grow until it is enough", func(t *testing.T) {
		steps := []step{before}
		for size := int64(2); size <= 1+maxRaces; size++ {
			steps = append(steps, step{`file-size=4G`, done}, step{`/file print`, shows(strings.ReplaceAll(diskJSON, "1073741824", fmt.Sprint(size<<30)))})
		}
		if got, err := volumes(t, scripted(t, steps...)).Expand(t.Context(), "pvc-1", 4<<30); err != nil || got.Size != 4<<30 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what stays as it is", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			steps := []step{before, {`file-size=2G`, done}}
			for range settle {
				steps = append(steps, step{`where slot=`, shows(diskJSON)})
			}
			if _, err := volumes(t, scripted(t, steps...)).Expand(t.Context(), "pvc-1", 2<<30); KindOf(err) != ErrOutcomeUnknown {
				t.Errorf("got %v", err)
			}
		})
	})
}

// A disk may show less than its file has: it begins later in it, or does not know yet that the file grew.
func TestExpandMakesNoFileSmallerThanItIs(t *testing.T) {
	onDevice(t, careless, func(t *testing.T, device *emulator.Device, v *Volumes) {
		device.Run(t.Context(), "admin", `/disk add type=file file-path=/`+file1+` file-size=4G file-offset=3G slot=pvc-1 nvme-tcp-export=yes`)
		got, err := v.Expand(t.Context(), "pvc-1", 2<<30)
		if KindOf(err) != ErrOutcomeUnknown || got != (Volume{}) {
			t.Errorf("got %+v, %v", got, err)
		}
		if size, _ := device.FileSize(file1); size != 4<<30 {
			t.Errorf("the file has %d bytes now", size)
		}
	})
}

func TestCapacityTellsAMountedPoolFromAnUnmountedAndAMissingOne(t *testing.T) {
	rows, err := parseDetail(sample(t, "detail-pool.txt"))
	if err != nil {
		t.Fatal(err)
	}
	raid := rows[1]
	for name, c := range map[string]struct {
		base, reply string
		want        Pool
		kind        Kind
	}{
		"mounted": {"pool/volumes", "[" + poolJSON + "]\r\n[" + poolJSON + "]\r\n" + done,
			Pool{Slot: "pool", MountPoint: "pool", FileSystem: "ext4", Size: 214748364800, Free: 107374182400, Mounted: true}, ""},
		"a RAID": {"/raid10/csi", `[{"free":14789895307264,"fs":"xfs","mount-point":"raid10","mounted":true,"size":16003143565312,"slot":"raid10","state":"clean"}]` +
			"\r\n[]\r\n" + done, Pool{Slot: "raid10", MountPoint: "raid10", FileSystem: "xfs", Size: 16003143565312, Free: 14789895307264, Mounted: true, RAIDState: "clean"}, ""},
		"without its flag":     {"pool", "[" + strings.Replace(poolJSON, `"mounted":true,`, "", 1) + "]\r\n[]\r\n" + done, Pool{Slot: "pool", MountPoint: "pool", FileSystem: "ext4", Size: 214748364800, Free: 107374182400, Mounted: true}, ""},
		"not mounted":          {"pool", "[]\r\n" + `[{"slot":"pool","type":"raid","size":214748364800,"mounted":false}]` + "\r\n" + done, Pool{Slot: "pool", MountPoint: "pool"}, ""},
		"mounted elsewhere":    {"pool", "[]\r\n[" + strings.Replace(poolJSON, `"mount-point":"pool"`, `"mount-point":"other"`, 1) + "]\r\n" + done, Pool{Slot: "pool", MountPoint: "pool", FileSystem: "ext4"}, ""},
		"another mount point":  {"pool", "[" + strings.Replace(poolJSON, `"mount-point":"pool"`, `"mount-point":"/pool/"`, 1) + "]\r\n[]\r\n" + done, Pool{Slot: "pool", MountPoint: "pool", FileSystem: "ext4", Size: 214748364800, Free: 107374182400, Mounted: true}, ""},
		"missing":              {"pool", "[]\r\n[]\r\n" + done, Pool{}, ErrPoolUnavailable},
		"more free than there": {"pool", strings.Replace("["+poolJSON+"]\r\n[]\r\n"+done, "107374182400", "214748364801", 1), Pool{}, ErrMalformed},
		"words instead":        {"pool", "failure: disk trouble\r\n", Pool{}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := NewVolumes(VolumesConfig{Executor: scripted(t, step{`where mount-point="`, c.reply}), BasePath: c.base})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.Capacity(t.Context()); got != c.want || KindOf(err) != c.kind {
				t.Errorf("got %+v, %v\nwant %+v, %q", got, err, c.want, c.kind)
			}
		})
	}
	v, _ := NewVolumes(VolumesConfig{Executor: scripted(t), BasePath: "raid10"})
	if got, err := v.poolOf([][]record{{raid}, nil}); err != nil || !got.Mounted || got.Free != 14789895307264 || got.RAIDState != "clean" {
		t.Errorf("got %+v, %v from print detail", got, err)
	}
}

func FuzzGetIsNeverAWrongVolume(f *testing.F) {
	for _, c := range hostile {
		if len(c.reply) < 10_000 {
			f.Add(c.reply)
		}
	}
	f.Add(sample(f, "detail-exported.txt"))
	f.Fuzz(func(t *testing.T, reply string) {
		calls := 0
		x := repeating(t, func() string { calls++; return reply })
		got, err := volumes(t, x).Get(t.Context(), "pvc-1")
		if err == nil && (got.Slot != "pvc-1" || got.Size < 0) || err != nil && (got != (Volume{}) || KindOf(err) == "") {
			t.Errorf("got %+v, %v", got, err)
		}
		if calls > 2 {
			t.Errorf("%d commands", calls)
		}
	})
}
