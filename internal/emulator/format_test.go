package emulator

import "testing"

func TestARawDiskBecomesThePool(t *testing.T) {
	rds(t, DeviceOptions{CHR: true, Pools: []Pool{{Slot: "virtio1", Size: 4 << 30, Raw: true}}}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:put [/disk print detail as-value proplist=slot,fs,mounted,free where type=hardware]`, ".id=*1;mounted=false;slot=virtio1;fs=-\n"},
			{`/disk add type=file file-path=/virtio1/v.img file-size=1M`, string(notMounted) + "\n"},
			{`/disk format virtio1 label=pool`, "missing value(s) of argument(s) file-system\n"},
			{`/disk format virtio1 file-system=ntfs`, "input does not match any value of file-system\n"},
			{`/disk format nowhere file-system=ext4`, "no such item\n"},
			{`/disk format virtio1 file-system=ext4 label=pool without-paging`, ""},
			{`/disk add type=file file-path=/virtio1/v.img file-size=1M slot=v; /disk set virtio1 slot=pool`, ""},
			{`:put [/disk get pool fs-label]; :put [/disk get pool mount-point]; :put [/disk get v file-path]; :put [/file get pool/v.img size]`,
				"pool\npool\n/pool/v.img\n1048576\n"},
			{`/disk format pool file-system=ext4`, string(stopUsingItFirst) + "\n"},
			{`/disk remove v; /disk format pool file-system=xfs; :put [:len [/file find where name="pool/v.img"]]; :put [/disk get pool fs]`, "0\nxfs\n"},
		})
	})
}

func TestAPartitionIsARowOfItsOwn(t *testing.T) {
	rds(t, DeviceOptions{Pools: []Pool{{Slot: "nvme1", Size: 4 << 30, Raw: true, Partitioned: true}}}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:put [/disk print as-value proplist=slot,type,parent where parent=nvme1]`, ".id=*2;type=partition;slot=nvme1-part1;parent=nvme1\n"},
			{`:put [/disk get nvme1 guid-partition-table]; :put [/disk get nvme1-part1 partition]`, "true\ntrue\n"},
		})
	})
}

func TestAQuestionThatNobodyAnswersIsANo(t *testing.T) {
	options := DeviceOptions{AskBeforeFormat: true, Pools: []Pool{{Slot: "nvme1", Size: 4 << 30, Raw: true}}}
	rds(t, options, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`/disk format nvme1 file-system=ext4`, string(formatQuestion) + "\n"},
			{`:put [/disk get nvme1 fs]`, "-\n"},
			{`:execute {/disk format nvme1 file-system=ext4}; :put [/disk get nvme1 fs]`, "ext4\n"},
		})
	})
}
