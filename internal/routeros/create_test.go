package routeros

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCreateAddsExportsAndReadsBack(t *testing.T) {
	v := volumes(t, scripted(t,
		step{`/file print detail as-value where name="pool/volumes/pvc-1.img"`, looks(poolJSON, "", "", "")},
		step{`:if ([:len [/disk find slot="pvc-1"]] = 0 and [:len [/file find name="pool/volumes/pvc-1.img"]] = 0) do={` +
			`/disk add type=file file-path="/pool/volumes/pvc-1.img" file-size=1G slot="pvc-1" nvme-tcp-export=yes nvme-tcp-server-port=4420 ` +
			`nvme-tcp-server-nqn="nqn.2000-02.com.mikrotik:pvc-1" mount-filesystem=no}; :put "OK-`, done},
		step{`where slot="pvc-1"`, shows(diskJSON)},
	))
	if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCreateWaitsUntilTheDiskIsThereAndExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := volumes(t, scripted(t,
			step{`/file print`, looks(poolJSON, "", "", "")},
			step{`/disk add`, done},
			step{`/disk print`, nothing()},
			step{`/disk print`, looks(poolJSON, "", "", fileJSON)},
			step{`/disk print`, looks(poolJSON, diskJSON, diskJSON, "")},
			step{`/disk print`, shows(strings.Replace(diskJSON, `"size":1073741824,`, "", 1))},
			step{`/disk print`, shows(diskJSON)},
		))
		start := time.Now()
		if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
			t.Errorf("got %+v, %v", got, err)
		}
		if waited := time.Since(start); waited != 3750*time.Millisecond {
			t.Errorf("waited %v between five looks", waited)
		}
	})
}

func TestCreateReusesWhatIsThere(t *testing.T) {
	larger := strings.ReplaceAll(diskJSON, "1073741824", "2147483648")
	for _, c := range []struct {
		name, disk string
		request    CreateRequest
		size       int64
	}{
		{"the same volume", diskJSON, oneGiB, 1 << 30},
		{"a request below a full MiB", diskJSON, CreateRequest{Slot: "pvc-1", Size: 1<<30 - 1}, 1 << 30},
		{"a larger one within the limit", larger, CreateRequest{Slot: "pvc-1", Size: 1 << 30, Limit: 2 << 30}, 2 << 30},
		{"another JSON", strings.NewReplacer("true", `"yes"`, "4420", `"4420"`, "1073741824", "1073741824.000000").Replace(diskJSON), oneGiB, 1 << 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := volumes(t, scripted(t, step{`/file print`, looks(poolJSON, c.disk, c.disk, fileJSON)}))
			want := pvc1
			want.Size = c.size
			if got, err := v.Create(t.Context(), c.request); err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestCreateExportsAgainWhatIsNotExported(t *testing.T) {
	synctest.Test(t, createExportsAgain)
}

func createExportsAgain(t *testing.T) {
	noName := strings.Replace(unexported, `"nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:pvc-1",`, "", 1)
	v := volumes(t, scripted(t,
		step{`/file print`, looks(poolJSON, noName, noName, fileJSON)},
		step{`/disk set [find slot="pvc-1" and type=file and file-path="/pool/volumes/pvc-1.img" and !nvme-tcp-export] nvme-tcp-export=yes nvme-tcp-server-port=4420 nvme-tcp-server-nqn="nqn.2000-02.com.mikrotik:pvc-1" mount-filesystem=no;`, done},
		step{`/disk print`, shows(unexported)},
		step{`/disk print`, shows(diskJSON)},
	))
	if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCreateChangesNothingWhereSomethingElseIs(t *testing.T) {
	for name, c := range map[string]struct {
		reply string
		want  Kind
	}{
		"another size":           {shows(strings.ReplaceAll(diskJSON, "1073741824", "2147483648")), ErrAlreadyExists},
		"another file":           {looks(poolJSON, elsewhere, "", ""), ErrAlreadyExists},
		"another name":           {shows(strings.Replace(diskJSON, "mikrotik:pvc-1", "mikrotik:x", 1)), ErrAlreadyExists},
		"another port":           {shows(strings.Replace(diskJSON, "4420", "4421", 1)), ErrAlreadyExists},
		"hardware in the slot":   {looks(poolJSON, `{"slot":"pvc-1","type":"hardware","size":1073741824}`, "", ""), ErrAlreadyExists},
		"the file of another":    {looks(poolJSON, "", strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"x"`, 1), fileJSON), ErrAlreadyExists},
		"its file used twice":    {looks(poolJSON, diskJSON, diskJSON+","+strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"x"`, 1), fileJSON), ErrAlreadyExists},
		"a disk without a file":  {looks(poolJSON, diskJSON, diskJSON, ""), ErrPoolUnavailable},
		"no size but file-size":  {shows(strings.Replace(diskJSON, `"size":1073741824,`, "", 1)), ErrPoolUnavailable},
		"a size not yet known":   {looks(poolJSON, strings.ReplaceAll(diskJSON, "1073741824", "0"), "", ""), ErrPoolUnavailable},
		"no pool":                {looks("", "", "", ""), ErrPoolUnavailable},
		"a pool not mounted":     {looks(`{"slot":"pool","mount-point":"pool","type":"raid"}`, "", "", ""), ErrPoolUnavailable},
		"a full pool":            {looks(strings.Replace(poolJSON, "107374182400", "1073741823", 1), "", "", ""), ErrNoSpace},
		"a pool beyond belief":   {looks(strings.Replace(poolJSON, "107374182400", "999999999999999", 1), "", "", ""), ErrMalformed},
		"another slot":           {looks(poolJSON, strings.ReplaceAll(diskJSON, "pvc-1", "pvc-10"), "", ""), ErrMalformed},
		"the slot twice":         {looks(poolJSON, diskJSON+","+diskJSON, "", ""), ErrMalformed},
		"the words not to":       {"not enough permissions\r\n", ErrNotAllowed},
		"one list too few":       {"[]\r\n[]\r\n[]\r\n[]\r\nOK-NONCE\r\n", ErrMalformed},
		"one list too many":      {strings.Replace(looks(poolJSON, "", "", ""), "OK", "[]\r\nOK", 1), ErrMalformed},
		"a list that is cut":     {"[]\r\n[]\r\n[{\"slot\":", ErrTruncated},
		"a size in odd groups":   {looks(poolJSON, strings.ReplaceAll(diskJSON, `1073741824`, `"1 0737 41 824"`), "", ""), ErrMalformed},
		"a size of two numbers":  {looks(poolJSON, strings.ReplaceAll(diskJSON, `1073741824`, `"1073741 824"`), "", ""), ErrMalformed},
		"a size that is no size": {looks(poolJSON, strings.ReplaceAll(diskJSON, `1073741824`, `"1024.0MiB"`), "", ""), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			v := volumes(t, scripted(t, step{`/file print`, c.reply}))
			got, err := v.Create(t.Context(), oneGiB)
			if !errors.Is(err, c.want) || KindOf(err) != c.want || got != (Volume{}) {
				t.Errorf("got %+v, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestCreateWaitsForTheDiskOfAFileAndDoesNotSayThatItIsOver(t *testing.T) {
	alone := looks(poolJSON, "", "", fileJSON)
	for name, c := range map[string]struct {
		then []step
		want Kind
	}{
		"its disk comes":    {[]step{{`/file print`, shows(diskJSON)}}, ""},
		"its deletion ends": {[]step{{`/file print`, nothing()}, {`/disk add`, done}, {`/file print`, shows(diskJSON)}}, ""},
		"it stays as it is": {[]step{{`/file print`, alone}, {`/file print`, alone}, {`/file print`, alone}}, ErrOutcomeUnknown},
		"another disk gets it": {[]step{{`/file print`, looks(poolJSON, "", strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"x"`, 1), fileJSON)}},
			ErrAlreadyExists},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := volumes(t, scripted(t, append([]step{{`/file print`, alone}}, c.then...)...))
				if _, err := v.Create(t.Context(), oneGiB); KindOf(err) != c.want {
					t.Errorf("got %v, want %q", err, c.want)
				}
			})
		})
	}
}

type refusedAdd struct {
	request CreateRequest
	reply   string
	want    Kind
	says    string
}

// confirmed: such a refusal may not be the whole truth.
func (r refusedAdd) confirmed() bool {
	return r.want == ErrFailure || r.want == ErrNoSpace || r.want == ErrOutcomeUnknown || r.want == ErrPoolUnavailable
}

func TestARefusedAddSaysWhy(t *testing.T) {
	long := CreateRequest{Slot: "pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311", Size: 1 << 30}
	for name, c := range map[string]refusedAdd{
		"no room after all":        {oneGiB, "failure: not enough space\r\n", ErrNoSpace, "not enough space"},
		"no rose-storage":          {oneGiB, "expected end of command (line 1 column COLUMN)\r\n", ErrRoseStorageMissing, "install the rose-storage package"},
		"too old":                  {oneGiB, "unknown parameter nvme-tcp-server-nqn\r\n", ErrUnsupported, "7.21"},
		"a slot too long":          {long, "invalid value for argument slot\r\n", ErrInvalid, "--volume-id-format=short"},
		"a slot too long, oddly":   {long, "failure: cannot do that\r\n", ErrFailure, "--volume-id-format=short"},
		"something else invalid":   {oneGiB, "invalid value for argument slot\r\n", ErrInvalid, "invalid value"},
		"words nobody has heard":   {oneGiB, "failure: no such directory\r\n", ErrFailure, "no such directory"},
		"the pool has just gone":   {long, "failure: file system is not mounted\r\n", ErrPoolUnavailable, "not mounted"},
		"taken, and then not":      {oneGiB, "failure: already have such slot\r\n", ErrOutcomeUnknown, "already have"},
		"in use, and then not":     {oneGiB, "failure: file is in use\r\n", ErrOutcomeUnknown, "in use"},
		"an item that is not":      {oneGiB, "no such item\r\n", ErrOutcomeUnknown, "no such item"},
		"words and the sentinel":   {oneGiB, "warning: something\r\nOK-NONCE\r\n", ErrOutcomeUnknown, "warning: something"},
		"words after the sentinel": {oneGiB, "OK-NONCE\r\ndisk,warning: no space left, not allowed, invalid\r\n", ErrOutcomeUnknown, "no space left"},
		"words on either side":     {oneGiB, "duplicate\r\nOK-NONCE\r\nno space left\r\n", ErrOutcomeUnknown, "no space left"},
		"no confirmation":          {oneGiB, "", ErrOutcomeUnknown, "did not confirm"},
		"half a confirmation":      {oneGiB, "OK-", ErrOutcomeUnknown, "did not confirm"},
		"another's confirmation":   {oneGiB, "OK-fedcba9876543210\r\n", ErrFailure, "fedcba"},
		"5 MiB of something":       {oneGiB, strings.Repeat("x", 5<<20), ErrFailure, "xxx"},
		"NUL and escape sequence":  {oneGiB, "\x00failure: \x1b[1mx\r\n", ErrFailure, "[1mx"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				column := strings.Index(Volume{Slot: "pvc-1", FilePath: "/pool/volumes/pvc-1.img", NQN: "nqn.2000-02.com.mikrotik:pvc-1", Size: 1 << 30}.addCommand(), "nvme-tcp-export")
				steps := []step{{`/file print`, nothing()}, {`/disk add`, strings.Replace(c.reply, "COLUMN", fmt.Sprint(column+1), 1)}}
				if c.confirmed() {
					for range settle {
						steps = append(steps, step{`/file print`, nothing()})
					}
				}
				_, err := volumes(t, scripted(t, steps...)).Create(t.Context(), c.request)
				if KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 600 {
					t.Errorf("got %v; want %s with %q", err, c.want, c.says)
				}
			})
		})
	}
}

// A device whose words are not known, or that says that something is there, may have made the volume all the same.
func TestWhateverTheDeviceSaysAVolumeThatIsThereIsTheAnswer(t *testing.T) {
	for _, said := range []string{"", "OK-", "failure: already have such slot\r\n", "failure: file is in use\r\n", "no such item\r\n",
		"failure: something else\r\n", "failure: not enough space\r\n", "warning: something\r\nOK-NONCE\r\n",
		"OK-NONCE\r\nno space left\r\n", "action timed out - try again\r\n"} {
		v := volumes(t, scripted(t, step{`/file print`, nothing()}, step{`/disk add`, said}, step{`/file print`, shows(diskJSON)}))
		if got, err := v.Create(t.Context(), oneGiB); err != nil || got != pvc1 {
			t.Errorf("%q: got %+v, %v", said, got, err)
		}
	}
}

// A pool that fills up while the file is made may leave a part of it.
func TestAFullPoolMayLeaveAPartOfTheVolume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []step{{`/file print`, nothing()}, {`/disk add`, "failure: not enough space\r\n"}}
		for range settle {
			steps = append(steps, step{`/file print`, looks(poolJSON, "", "", fileJSON)})
		}
		_, err := volumes(t, scripted(t, steps...)).Create(t.Context(), oneGiB)
		if KindOf(err) != ErrOutcomeUnknown || !strings.Contains(err.Error(), "/file remove") {
			t.Errorf("got %v", err)
		}
	})
}

func TestCreateTakesBackWhatTheDevicePutIntoAShorterSlot(t *testing.T) {
	const slot, short = "pvc-6a2f41d0-0c8e-4a52-9b1e-2f60c1b7a311", "pvc-6a2f41d0-0c8e-4a52-9b1e-2f6"
	for name, c := range map[string]struct {
		disk string
		want Kind
	}{
		"its own":        {`{"slot":"` + short + `","type":"file","nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:` + slot + `"}`, ErrInvalid},
		"the whole slot": {`{"slot":"` + slot + `","type":"file","nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:` + slot + `"}`, ErrOutcomeUnknown},
		"of another NQN": {`{"slot":"` + short + `","type":"file","nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:x"}`, ErrOutcomeUnknown},
		"of another id":  {`{"slot":"pvc-x","type":"file","nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:` + slot + `"}`, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				steps := []step{{`/file print`, nothing()}, {`/disk add`, done}}
				for range settle {
					steps = append(steps, step{`where slot=`, nothing()})
				}
				steps = append(steps, step{`where file-path=`, found(c.disk)})
				if c.want == ErrInvalid {
					steps = append(steps, step{`/disk set [find slot="` + short + `" and`, done}, step{`/disk remove [find slot="` + short + `" and`, done},
						step{`/file remove [find name="pool/volumes/` + slot + `.img"]`, done}, step{`/file print`, nothing()})
				}
				_, err := volumes(t, scripted(t, steps...)).Create(t.Context(), CreateRequest{Slot: slot, Size: 1 << 30})
				if KindOf(err) != c.want || c.want == ErrInvalid && !strings.Contains(err.Error(), shorterSlot) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestCreateDoesNotClaimWhatItCouldNotReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			shown string
			want  Kind
		}{
			"nothing":   {nothing(), ErrOutcomeUnknown},
			"no export": {shows(unexported), ErrOutcomeUnknown},
			"no disk":   {looks(poolJSON, "", "", fileJSON), ErrOutcomeUnknown},
			"no file":   {looks(poolJSON, diskJSON, diskJSON, ""), ErrPoolUnavailable},
			"no size":   {shows(strings.Replace(diskJSON, `"size":1073741824,`, "", 1)), ErrPoolUnavailable},
		} {
			steps := []step{{`/file print`, nothing()}, {`/disk add`, done}}
			for range settle {
				steps = append(steps, step{`where slot=`, c.shown})
			}
			if name == "nothing" {
				steps = append(steps, step{`where file-path=`, found("")})
			}
			got, err := volumes(t, scripted(t, steps...)).Create(t.Context(), oneGiB)
			if KindOf(err) != c.want || got != (Volume{}) {
				t.Errorf("%s: got %+v, %v", name, got, err)
			}
		}
	})
}

func TestACallerWhoseTimeEndsLearnsThatTheOutcomeIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		v := volumes(t, scripted(t, step{`/file print`, nothing()}, step{`/disk add`, done}, step{`where slot=`, nothing()}))
		if _, err := v.Create(ctx, oneGiB); KindOf(err) != ErrOutcomeUnknown || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestValuesThatRouterOSCannotHoldAreRefusedBeforeSending(t *testing.T) {
	v := volumes(t, scripted(t))
	for _, slot := range []string{"", "1e5", "-x", ".x", "..", "a/b", "a b", "a\"b", "a$b", "a\nb", "a;b", "ä", "a[b", strings.Repeat("x", 65)} {
		for name, err := range map[string]error{
			"create": second(v.Create(t.Context(), CreateRequest{Slot: slot, Size: 1})),
			"delete": v.Delete(t.Context(), slot),
			"expand": second(v.Expand(t.Context(), slot, 1)),
			"get":    second(v.Get(t.Context(), slot)),
		} {
			if KindOf(err) != ErrInvalid {
				t.Errorf("%s %q: got %v, want invalid", name, slot, err)
			}
		}
	}
	for _, size := range []int64{0, -1, 1<<63 - 1} {
		if _, err := v.Create(t.Context(), CreateRequest{Slot: "x", Size: size}); KindOf(err) != ErrInvalid {
			t.Errorf("size %d: got %v, want invalid", size, err)
		}
	}
	_, err := v.Create(t.Context(), CreateRequest{Slot: strings.Repeat("x", 65), Size: 1})
	if !strings.Contains(err.Error(), "--volume-id-format=short") {
		t.Errorf("%v does not say what to do", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestConfigurationIsCheckedAtOnce(t *testing.T) {
	x := scripted(t)
	for name, c := range map[string]VolumesConfig{
		"no executor":          {BasePath: "/pool"},
		"no base path":         {Executor: x},
		"a slash":              {Executor: x, BasePath: "/"},
		"a way out":            {Executor: x, BasePath: "/pool/../flash"},
		"a double slash":       {Executor: x, BasePath: "/pool//x"},
		"a quote":              {Executor: x, BasePath: `/pool/"`},
		"a line":               {Executor: x, BasePath: "/pool\n"},
		"a long path":          {Executor: x, BasePath: "/" + strings.Repeat("x", 201)},
		"a port out of range":  {Executor: x, BasePath: "/pool", Port: 65536},
		"an NQN without nqn":   {Executor: x, BasePath: "/pool", NQNPrefix: "iqn.2000-02.com.mikrotik:"},
		"an NQN with a quote":  {Executor: x, BasePath: "/pool", NQNPrefix: `nqn.2000-02.com.mikrotik:"`},
		"here":                 {Executor: x, BasePath: "."},
		"a pool elsewhere":     {Executor: x, BasePath: "/pool/volumes", Pool: "raid10"},
		"a pool like the base": {Executor: x, BasePath: "/pool2/volumes", Pool: "pool"},
		"a pool below":         {Executor: x, BasePath: "/pool", Pool: "pool/volumes"},
		"a pool out of bounds": {Executor: x, BasePath: "/pool", Pool: "a b"},
	} {
		if v, err := NewVolumes(c); KindOf(err) != ErrInvalid || v != nil {
			t.Errorf("%s: got %v, %v", name, v, err)
		}
	}
}
