package emulator

import (
	"strings"
	"testing"
	"time"
)

const addVolume = `/disk add type=file file-path=/pool/volumes/v1.img file-size=50G slot=v1 nvme-tcp-export=yes ` +
	`nvme-tcp-server-port=4420 nvme-tcp-server-nqn="nqn.2000-02.com.mikrotik:v1" mount-filesystem=no`

func TestAddedDiskReadsBackAsJSON(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{addVolume, ""},
			{`:put [:serialize to=json [/disk print detail as-value where slot="v1"]]`, `[{".id":"*2","block-device":true,` +
				`"compress":"no","disabled":false,"file-offset":0,"file-path":"/pool/volumes/v1.img","file-size":53687091200,` +
				`"fs":"-","iscsi-export":false,"media-interface":"none","media-sharing":false,"model":"/pool/volumes/v1.img",` +
				`"mount-filesystem":false,"mount-read-only":false,"mounted":false,"nfs-sharing":false,"nvme-tcp-export":true,` +
				`"nvme-tcp-server-allow-host-name":"","nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:v1",` +
				`"nvme-tcp-server-port":4420,"parent":"","raid-master":"none","sector-size":512,"size":53687091200,"slot":"v1",` +
				`"slot-default":"file-pool-volumes-v1.img","smb-sharing":false,"swap":false,"type":"file"}]` + "\n"},
			{`:put [:serialize to=json [/disk print detail as-value where slot="other"]]`, "[]\n"},
			{`:put [/disk add type=file file-path=pool/volumes/v2.img file-size=1M]`, "*3\n"},
			{`:put [/disk get *3 slot]; :put [/disk get *3 file-path]`, "file-pool-volumes-v2.img\n/pool/volumes/v2.img\n"},
			{`:put [/disk print as-value proplist=slot,size where type=file]`, ".id=*2;slot=v1;size=53687091200;.id=*3;slot=file-pool-volumes-v2.img;size=1048576\n"},
		})
	})
}

func TestConditionsOnDisks(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		run(addVolume)
		run(`/disk add type=file file-path=/pool/v2.img file-size=1G slot=v2 comment="two words"`)
		for _, test := range []struct{ where, want string }{
			{`slot="v1"`, "1"},
			{`slot=v1`, "1"},
			{`type=file and slot="v2"`, "1"},
			{`type=file slot="v2"`, "1"},
			{`type=file && (slot="v1" || slot="v2")`, "2"},
			{`slot~"^v"`, "2"},
			{`slot~"^v" and !(slot="v1")`, "1"},
			{`slot!="v1"`, "2"},
			{`nvme-tcp-export=yes`, "1"},
			{`nvme-tcp-export`, "1"},
			{`!nvme-tcp-export`, "2"},
			{`comment`, "1"},
			{`comment=""`, "2"},
			{`comment="two words"`, "1"},
			{`size > 2000000000 and type=file`, "1"},
			{`mounted`, "1"},
			{`mount-point="pool"`, "1"},
			{`.id=*2`, "1"},
			{`file-path="/pool/v2.img"`, "1"},
		} {
			wantAll(t, run, []exchange{{`/disk print count-only where ` + test.where, test.want + "\n"}})
		}
		wantAll(t, run, []exchange{
			{`:put [:len [/disk find where slot="v1"]]; :put [:len [/disk find slot="x"]]`, "1\n0\n"},
			{`/disk print count-only where file-path=/pool/v2.img`, "syntax error (line 1 column 40)\n"},
		})
	})
}

func TestWritesAreSilentAndErrorsAreNot(t *testing.T) {
	rds(t, DeviceOptions{Directories: []string{"pool/volumes"}, SlotLimit: 8}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{addVolume, ""},
			{addVolume, string(fileTaken) + "\n"},
			{`/disk add type=file file-path=/pool/volumes/b.img file-size=1G slot=v1`, string(slotTaken) + "\n"},
			{`/disk add type=file file-path=/pool/volumes/b.img file-size=1G slot=ninechars`, string(slotTooLong) + "\n"},
			{`/disk add type=file file-path=/pool/volumes/b.img file-size=9T slot=b`, string(noSpace) + "\n"},
			{`/disk add type=file file-path=/pool/other/b.img file-size=1G slot=b`, string(noDirectory) + "\n"},
			{`/disk add type=file file-path=/elsewhere/b.img file-size=1G slot=b`, string(noDirectory) + "\n"},
			{`/disk add type=file file-path=/pool/volumes/b.img slot=b`, "missing value(s) of argument(s) file-size\n"},
			{`/disk add file-path=/pool/volumes/b.img slot=b`, "missing value(s) of argument(s) type\n"},
			{`/disk add type=fil file-path=/pool/volumes/b.img`, "input does not match any value of type\n"},
			{`/disk add type=file file-path=/pool/volumes/b.img file-size=1X`, "invalid value for argument file-size\n"},
			{`/disk set v1 nvme-tcp-server-port=70000`, "value of nvme-tcp-server-port out of range (1..65535)\n"},
			{`/disk set v1 nvme-tcp-export=perhaps`, "input does not match any value of nvme-tcp-export\n"},
			{`/disk set v1 sloth=x`, "expected end of command (line 1 column 14)\n"},
			{`/disk set [find slot="v1"] file-size=60G; /disk/set *2 comment=x`, ""},
			{`/disk set v1 file-size=50G`, string(cannotShrink) + "\n"},
			{`:put [/disk get [find slot=v1] size]`, "64424509440\n"},
			{`/disk set [find slot="none"] comment=x; /disk remove [find slot="none"]`, ""},
			{`/disk set none comment=x`, "no such item\n"},
			{`/disk remove none`, "no such item\n"},
			{`/disk remove pool`, "failure: could not unmount, stop using it first\n"},
			{`/disk print count-only where type=file`, "1\n"},
		})
	})
}

func TestRemovedDiskLeavesItsFile(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{addVolume, ""},
			{`:put [:serialize to=json [/file print detail as-value where name="pool/volumes/v1.img"]]`,
				`[{".id":"**8OBit5JAVTa","last-modified":"2000-01-01 00:00:00","name":"pool/volumes/v1.img","size":53687091200,"type":".img file"}]` + "\n"},
			{`/file remove [find name="pool/volumes/v1.img"]`, string(fileInUse) + "\n"},
			{`/disk remove [find slot="v1"]; /disk print count-only where slot="v1"`, "0\n"},
			{`/file print count-only where name="pool/volumes/v1.img"`, "1\n"},
			{`:put [/disk get pool free]`, "8742405931008\n"},
			{addVolume, ""}, // over the file that is there
			{`/disk remove v1; /file remove [find name="pool/volumes/v1.img"]; /file remove [find name="pool/volumes/v1.img"]`, ""},
			{`:put [/disk get pool free]`, "8796093022208\n"},
			{`/file remove pool/x`, "no such item\n"},
		})
	})
}

func TestExportedDiskCanRefuseToGo(t *testing.T) {
	rds(t, DeviceOptions{KeepExported: true}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{addVolume, ""},
			{`/disk remove v1`, "failure: could not unmount, stop using it first\n"},
			{`/disk set v1 nvme-tcp-export=no; /disk remove v1`, ""},
		})
	})
}

func TestWithoutRoseStorageTheExportIsAnUnknownWord(t *testing.T) {
	rds(t, DeviceOptions{NoRoseStorage: true}, func(t *testing.T, run func(string) string) {
		column := strings.Index(addVolume, "nvme-tcp-export") + 1
		if column != 74 {
			t.Fatalf("the command has changed: column %d", column)
		}
		wantAll(t, run, []exchange{
			{addVolume, "expected end of command (line 1 column 74)\n"},
			{`/disk add type=file file-path=/pool/v1.img file-size=1G slot=v1`, ""},
			{`/disk print count-only where nvme-tcp-export=no`, "0\n"},
		})
	})
}

func TestPrintDetailLooksAsOnTheDevice(t *testing.T) {
	const pairs = `type=file slot="v1" slot-default="file-pool-volumes-v1.img" parent="" fs=- model="/pool/volumes/v1.img" ` +
		`size=53 687 091 200 mount-filesystem=no mount-read-only=no compress=no sector-size=512 raid-master=none nvme-tcp-export=yes ` +
		`nvme-tcp-server-port=4420 nvme-tcp-server-nqn="nqn.2000-02.com.mikrotik:v1" nvme-tcp-server-allow-host-name="" ` +
		`iscsi-export=no nfs-sharing=no smb-sharing=no media-sharing=no media-interface=none swap=no ` +
		`file-path=/pool/volumes/v1.img file-size=50.0GiB file-offset=0`
	const legend = "Flags: B - BLOCK-DEVICE; t - NVME-TCP-EXPORT\n"
	detail := func(layout Layout) string {
		var got string
		rds(t, DeviceOptions{PrintDetail: layout}, func(t *testing.T, run func(string) string) {
			run(addVolume)
			got = strings.ReplaceAll(run(`/disk print detail where slot="v1"`), "\r\n", "\n")
		})
		return got
	}
	if got, want := detail(Layout{}), legend+" 0 Bt "+pairs+"\n"; got != want {
		t.Errorf("unwrapped\n got %s\nwant %s", got, want)
	}
	wrapped := detail(Layout{Width: 80, Indent: 15})
	if unwrapped := strings.ReplaceAll(wrapped, "\n               ", " "); unwrapped != legend+" 0 Bt "+pairs+"\n" {
		t.Errorf("wrapped\n%s", wrapped)
	}
	split := detail(Layout{Width: 80, SplitWords: true})
	if whole := strings.ReplaceAll(split, "\n      ", ""); whole != legend+" 0 Bt "+pairs+"\n" {
		t.Errorf("split\n%s", split)
	}
	for _, text := range []string{wrapped, split} {
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > 80 {
				t.Errorf("a line of %d characters: %s", len(line), line)
			}
		}
	}
}

func TestOtherPrintsOfDisks(t *testing.T) {
	rds(t, DeviceOptions{Pools: []Pool{{Slot: "pool", Size: 1 << 40, Used: 1 << 39}}}, func(t *testing.T, run func(string) string) {
		run(`/disk add type=file file-path=/pool/v1.img file-size=1G slot=v1`)
		wantAll(t, run, []exchange{
			{`/disk print`, "Flags: B - BLOCK-DEVICE; M - MOUNTED\n" +
				"Columns: SLOT, MOUNT-POINT, SIZE, FS, SWAP\n" +
				"#      SLOT  MOUNT-POINT  SIZE               FS     SWAP  \n" +
				"0  BM  pool  pool         1 099 511 627 776  btrfs  no    \n" +
				"1  B   v1                 1 073 741 824      -      no    \n"},
			{`/disk print detail where slot="none"`, "Flags: X - DISABLED\n"},
			{`:put [/disk get pool use]; :put [/disk get pool free]`, "50\n548682072064\n"},
		})
		got := run(`/disk print terse where slot="v1"`)
		if !strings.HasPrefix(got, `0 B type=file slot=v1 `) || !strings.HasSuffix(got, "file-size=1024.0MiB file-offset=0\r\n") {
			t.Errorf("terse: %q", got)
		}
		if got := run(`/disk monitor-traffic v1 once`); !strings.Contains(got, " read-rate: 0bps\r\n") {
			t.Errorf("monitor-traffic: %q", got)
		}
	})
}

func TestUnmountedPoolHidesSizesAndFiles(t *testing.T) {
	d := NewDevice(DeviceOptions{})
	run := func(line string) string { return d.Run(t.Context(), "admin", line).Output }
	run(addVolume)
	if !d.SetPoolMounted("pool", false) || d.SetPoolMounted("v1", false) {
		t.Error("only pools can be mounted")
	}
	wantAll(t, run, []exchange{
		{`/disk print count-only where slot="v1"`, "1\n"},
		{`:put [/disk get v1 size]`, "input does not match any value of value-name\n"},
		{`:put [/disk get pool free]`, "input does not match any value of value-name\n"},
		{`/file print count-only`, "0\n"},
		{`/disk add type=file file-path=/pool/v2.img file-size=1G`, string(notMounted) + "\n"},
	})
	d.SetPoolMounted("pool", true)
	wantAll(t, run, []exchange{{`:put [/disk get v1 size]`, "53687091200\n"}})
}

func TestFilesCanBeMadeFromOutside(t *testing.T) {
	d := NewDevice(DeviceOptions{})
	if err := d.WriteFile("pool/orphan.img", 1<<20); err != nil {
		t.Fatal(err)
	}
	if size, ok := d.FileSize("pool/orphan.img"); !ok || size != 1<<20 {
		t.Errorf("got %d, %v", size, ok)
	}
	run := func(line string) string { return d.Run(t.Context(), "admin", line).Output }
	wantAll(t, run, []exchange{
		{`/disk add type=file file-path=/pool/orphan.img file-size=auto slot=o; :put [/disk get o size]`, "1048576\n"},
	})
}

func TestSizesOfSpecialForms(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 53687091200: "53 687 091 200"} {
		if got := spacedText(n); got != want {
			t.Errorf("spaced %d: got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{512: "512", 1 << 30: "1024.0MiB", 1 << 40: "1024.0GiB", 10 << 30: "10.0GiB", 50 << 30: "50.0GiB"} {
		if got := fileSizeText(n); got != want {
			t.Errorf("file size %d: got %q, want %q", n, got, want)
		}
	}
}

func TestACarelessDeviceLosesData(t *testing.T) {
	for name, careless := range map[string]bool{"careless": true, "careful": false} {
		t.Run(name, func(t *testing.T) {
			rds(t, DeviceOptions{Careless: careless}, func(t *testing.T, run func(string) string) {
				run(addVolume)
				size := `:put [/disk get v1 size]`
				for _, line := range []string{
					`/disk set v1 file-size=40G`,
					strings.Replace(addVolume, "50G", "30G", 1),
				} {
					before := run(size)
					run(line)
					if after := run(size); (after != before) != careless {
						t.Errorf("%s: the size was %s and is %s", line, before, after)
					}
				}
				run(`/file remove [find name="pool/volumes/v1.img"]`)
				if gone := strings.HasPrefix(run(`:put [:len [/file find name="pool/volumes/v1.img"]]`), "0"); gone != careless {
					t.Errorf("the file is gone: %v", gone)
				}
			})
		})
	}
}

func TestADeviceMayShowAFileSizeAndNoSize(t *testing.T) {
	rds(t, DeviceOptions{FileSizeAlone: true, Careless: true}, func(t *testing.T, run func(string) string) {
		run(addVolume)
		run(`/file remove [find name="pool/volumes/v1.img"]`)
		wantAll(t, run, []exchange{
			{`:put [/disk print as-value proplist=size,file-size where slot="v1"]`, ".id=*2;file-size=53687091200\n"},
		})
	})
}

func TestAFileMayBeThereBeforeItsDisk(t *testing.T) {
	rds(t, DeviceOptions{AddTime: time.Second}, func(t *testing.T, run func(string) string) {
		added := make(chan string, 1)
		go func() { added <- run(addVolume) }()
		count := `:put [:len [/disk find slot="v1"]]; :put [:len [/file find name="pool/volumes/v1.img"]]`
		time.Sleep(time.Second / 2)
		wantAll(t, run, []exchange{{count, "0\n1\n"}})
		if said := <-added; said != "" {
			t.Errorf("the device said %q", said)
		}
		wantAll(t, run, []exchange{{count, "1\n1\n"}})
	})
}

func TestAFileMayOutliveTheCommandThatRemovesIt(t *testing.T) {
	d := NewDevice(DeviceOptions{})
	run := func(line string) string { return d.Run(t.Context(), "admin", line).Output }
	run(addVolume + "; /disk remove v1")
	const remove, count = `/file remove [find name="pool/volumes/v1.img"]`, `/file print count-only where name="pool/volumes/v1.img"`
	d.SetKeepFiles(true)
	wantAll(t, run, []exchange{{remove, string(timedOut) + "\n"}, {count, "1\n"}})
	d.SetKeepFiles(false)
	wantAll(t, run, []exchange{{remove, ""}, {count, "0\n"}})
}
