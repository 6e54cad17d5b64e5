package routeros

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// repeating is an Executor that gives the same kind of reply to every command.
func repeating(t testing.TB, reply func() string) Executor {
	return ExecutorFunc(func(_ context.Context, line string) (string, error) {
		return strings.ReplaceAll(reply(), "OK-NONCE", sentinel(nonceOf(t, line))), nil
	})
}

var pickRange = regexp.MustCompile(`\] (\d+) (\d+)\]\]`)

// table answers List from rows, as a device with that many disks would; before each reply it lets change alter them.
func table(t testing.TB, rows []string, change func(call int, rows []string) []string) (Executor, *int) {
	calls := new(int)
	return ExecutorFunc(func(_ context.Context, line string) (string, error) {
		*calls++
		if change != nil {
			rows = change(*calls, rows)
		}
		if strings.Contains(line, ":len") {
			return fmt.Sprintf("%d\r\n%s\r\n", len(rows), sentinel(nonceOf(t, line))), nil
		}
		some := rows
		if m := pickRange.FindStringSubmatch(line); m != nil {
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			some = rows[min(from, len(rows)):min(to, len(rows))]
		}
		reply := "[" + strings.Join(some, ",") + "]\r\n" + sentinel(nonceOf(t, line)) + "\r\n"
		if len(reply) > maxReply {
			t.Errorf("a reply of %d bytes", len(reply))
		}
		return reply, nil
	}), calls
}

func diskRows(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		slot := fmt.Sprintf("pvc-6a2f41d0-0c8e-4a52-9b1e-%012d", i)
		rows[i] = fmt.Sprintf(`{".id":"*%X","file-path":"/pool/volumes/%s.img","file-size":53687091200,"nvme-tcp-export":true,`+
			`"nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:%s","nvme-tcp-server-port":4420,"size":53687091200,"slot":"%s","type":"file"}`, i, slot, slot, slot)
	}
	return rows
}

func TestListReadsEveryVolumeInPages(t *testing.T) {
	for n, calls := range map[int]int{0: 2, 1: 2, pageSize: 2, pageSize + 1: 3, 2*pageSize - 1: 4, 10_000: 8} {
		x, asked := table(t, diskRows(n), nil)
		got, err := volumes(t, x).List(t.Context())
		if err != nil || len(got) != n || *asked != calls {
			t.Errorf("%d disks: got %d volumes with %d commands, %v; want %d commands", n, len(got), *asked, err, calls)
		}
		for i, volume := range got {
			if want := fmt.Sprintf("pvc-6a2f41d0-0c8e-4a52-9b1e-%012d", i); volume.Slot != want || volume.Size != 53687091200 {
				t.Fatalf("volume %d is %+v", i, volume)
			}
		}
	}
}

func TestListHasOnlyVolumesOfTheBasePath(t *testing.T) {
	rows := []string{diskJSON, elsewhere, strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"by-hand"`, 1), unexported}
	x, _ := table(t, rows, nil)
	got, err := volumes(t, x).List(t.Context())
	if err != nil || len(got) != 2 || got[0] != pvc1 || got[1].Exported {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What a disk elsewhere is like must not keep the volumes from being seen.
func TestListBearsWithDisksOfOthersThatItCannotRead(t *testing.T) {
	swap := `{"slot":"swap","type":"file","file-path":"/pool/swap","size":"16.0GiB"}`
	port := strings.Replace(elsewhere, "4420", "70000", 1)
	x, _ := table(t, []string{swap, diskJSON, port}, nil)
	if got, err := volumes(t, x).List(t.Context()); err != nil || len(got) != 1 || got[0] != pvc1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestListMissesNoVolumeWhenOthersGoMeanwhile(t *testing.T) {
	rows := diskRows(3 * pageSize)
	kept := rows[pageSize : 2*pageSize]
	x, _ := table(t, rows, func(call int, rows []string) []string {
		if call == 3 { // after the first page
			return slices.Delete(slices.Clone(rows), 5, 25)
		}
		return rows
	})
	got, err := volumes(t, x).List(t.Context())
	if err != nil || len(got) != 3*pageSize-20 {
		t.Fatalf("got %d volumes, %v", len(got), err)
	}
	slots := map[string]bool{}
	for _, volume := range got {
		slots[volume.Slot] = true
	}
	for i := range kept {
		if slot := fmt.Sprintf("pvc-6a2f41d0-0c8e-4a52-9b1e-%012d", pageSize+i); !slots[slot] {
			t.Fatalf("%s is missing", slot)
		}
	}
}

func TestListGivesUpOnAListThatNeverHoldsStill(t *testing.T) {
	x, _ := table(t, diskRows(5*pageSize), func(_ int, rows []string) []string { return rows[1:] })
	if got, err := volumes(t, x).List(t.Context()); KindOf(err) != ErrTruncated || got != nil {
		t.Errorf("got %d volumes, %v", len(got), err)
	}
}

func TestListEndsEvenIfTheDeviceDoesNot(t *testing.T) {
	page := "[" + strings.Join(slices.Repeat([]string{diskJSON}, pageSize), ",") + "]\r\nOK-NONCE\r\n"
	replies := 0
	x := repeating(t, func() string {
		if replies++; replies == 1 {
			return "999999\r\nOK-NONCE\r\n"
		}
		return page
	})
	if _, err := volumes(t, x).List(t.Context()); KindOf(err) != ErrMalformed {
		t.Errorf("got %v", err)
	}
}

func TestListSaysWhatIsWrong(t *testing.T) {
	const count = "3\r\nOK-NONCE\r\n"
	for name, c := range map[string]struct {
		steps []step
		want  Kind
	}{
		"no rose-storage": {[]step{{":len", count}, {"proplist", "input does not match any value of value-name\r\n"}}, ErrRoseStorageMissing},
		"no permission":   {[]step{{":len", "not enough permissions\r\n"}}, ErrNotAllowed},
		"no count":        {[]step{{":len", "many\r\nOK-NONCE\r\n"}}, ErrMalformed},
		"a cut page":      {[]step{{":len", count}, {"proplist", "[" + diskJSON}}, ErrTruncated},
		"a mad size":      {[]step{{":len", count}, {"proplist", strings.Replace(found(diskJSON), `"size":1073741824`, `"size":"big"`, 1)}}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := volumes(t, scripted(t, c.steps...)).List(t.Context()); KindOf(err) != c.want || got != nil {
				t.Errorf("got %v, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestListReadsPrintDetailWhereThereIsNoSerialize(t *testing.T) {
	v := volumes(t, scripted(t, step{":len", "2\r\nOK-NONCE\r\n"}, step{"proplist", "bad command name serialize (line 1 column 8)\r\n"},
		step{"/disk print detail where type=file;", sample(t, "detail-split.txt") + done}))
	got, err := v.List(t.Context())
	if err != nil || len(got) != 2 || got[1].Slot != "pvc-2" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzListIsReadWithoutPanic(f *testing.F) {
	f.Add(found(diskJSON+","+unexported), "2\r\nOK-NONCE\r\n")
	f.Add(found(diskJSON), "99999\r\nOK-NONCE\r\n")
	f.Add("[{}]", "-1\r\nOK-NONCE\r\n")
	f.Fuzz(func(t *testing.T, page, count string) {
		first := true
		x := repeating(t, func() string {
			if first {
				first = false
				return count
			}
			return page
		})
		got, err := volumes(t, x).List(t.Context())
		for _, volume := range got {
			if volume.FilePath != "/pool/volumes/"+volume.Slot+".img" {
				t.Errorf("not a volume: %+v", volume)
			}
		}
		if err != nil && (got != nil || KindOf(err) == "") {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// BenchmarkList is the reading alone: the replies are there at once.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			x, _ := table(b, diskRows(n), nil)
			v := volumes(b, x)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if got, err := v.List(b.Context()); err != nil || len(got) != n {
					b.Fatalf("%d volumes, %v", len(got), err)
				}
			}
			runtime.ReadMemStats(&after)
			each := float64(b.N) * float64(n)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/each, "ns/volume")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/each, "B/volume")
		})
	}
}
