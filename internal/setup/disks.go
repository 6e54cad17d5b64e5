package setup

import (
	"context"
	"fmt"
	"strings"

	"rds-csi/internal/routeros"
)

// diskList are the disks of the device but for those over files.
type diskList []routeros.Item

func (s *run) disks(ctx context.Context) (diskList, error) {
	return routeros.Items(ctx, s.admin, "/disk", `type!="file"`)
}

// called finds a disk by its slot, or by the slot that it had before it was renamed.
func (l diskList) called(name string) *routeros.Item {
	for _, property := range []string{"slot", "slot-default"} {
		for i := range l {
			if l[i].Text(property) == name {
				return &l[i]
			}
		}
	}
	return nil
}

// isRaw: RouterOS fact: fs is "-" where there is no file system.
func isRaw(disk routeros.Item) bool {
	fs := disk.Text("fs")
	return fs == "" || fs == "-"
}

// mountedAt. RouterOS fact: only a mounted file system has free space.
func mountedAt(disk *routeros.Item, point string) bool {
	return strings.Trim(disk.Text("mount-point"), "/") == point && disk.Text("free") != ""
}

// uses are properties of a disk that something else has a claim to.
var uses = []struct{ property, text string }{
	{"empty", "the slot is empty"},
	{"guid-partition-table", "it has a partition table"},
	{"partition", "it is a partition"},
	{"raid-member", "it belongs to a RAID"},
	{"raid-member-failed", "it belongs to a RAID"},
	{"encrypted", "it is encrypted"},
	{"crypted", "it is encrypted"},
	{"acquired", "something on the device uses it"},
	{"swap", "it is used for swap"},
	{"swap-enabled", "it is used for swap"},
	{"nvme-tcp-export", "it is exported over NVMe/TCP"},
	{"iscsi-export", "it is exported over iSCSI"},
	{"nfs-sharing", "it is shared over NFS"},
	{"smb-sharing", "it is shared over SMB"},
	{"media-sharing", "it is shared over DLNA"},
	{"formatting", "it is being formatted"},
	{"disabled", "it is disabled"},
}

// unfit says why a disk must not become the pool, "" where it may. One with a file system may only be what an earlier run
// left behind: labelled as the pool, and not yet named so.
func (l diskList) unfit(disk routeros.Item, pool string) string {
	slot := disk.Text("slot")
	if kind := disk.Text("type"); kind != "hardware" && kind != "raid" {
		return "it is of the type " + kind
	}
	for _, other := range l {
		if other.Text("parent") == slot {
			return "it has the partition " + other.Text("slot")
		}
	}
	for _, use := range uses {
		if disk.True(use.property) {
			return use.text
		}
	}
	if master := disk.Text("raid-master"); master != "" && master != "none" {
		return "it belongs to the RAID " + master
	}
	if !isRaw(disk) && disk.Text("fs-label") != pool {
		return "it has the file system " + disk.Text("fs")
	}
	return ""
}

// candidates are the disks that may be named.
func (l diskList) candidates() string {
	var names []string
	for _, disk := range l {
		if isRaw(disk) && l.unfit(disk, "") == "" {
			names = append(names, fmt.Sprintf("%s (%.1f GiB)", disk.Text("slot"), float64(disk.Bytes("size"))/(1<<30)))
		}
	}
	if len(names) == 0 {
		return "the device has no disk without a file system and partitions"
	}
	return "disks without a file system and partitions: " + strings.Join(names, ", ")
}
