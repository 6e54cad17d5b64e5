package routeros

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

const (
	// pageSize is the number of disks of a page. It keeps a page below 2 MiB, where RouterOS may cut: a disk takes about 300 bytes, and with the longest
	// names possible about 1,300.
	pageSize = 1500

	// maxDisks is more than any device has; a list that goes on and on must end.
	maxDisks = 20_000

	// maxListings is how often a list is read again from its start because it changed under the reading.
	maxListings = 3

	listCommand = `/disk print as-value proplist=slot,type,size,file-path,file-size,` +
		`nvme-tcp-export,nvme-tcp-server-port,nvme-tcp-server-nqn where type=file`
)

// List reads all volumes of the base path, in the device's order. The list comes in pages; one that changes between
// pages is read again, so a volume that was there all the time is in the answer.
func (v *Volumes) List(ctx context.Context) ([]Volume, error) {
	for range maxListings {
		disks, whole, err := v.listDisks(ctx)
		if err != nil {
			return nil, withOp("list volumes", err)
		}
		if !whole {
			continue
		}
		volumes := make([]Volume, 0, len(disks))
		for _, disk := range disks {
			volume, err := volumeOf(disk)
			if err != nil {
				return nil, withOp("list volumes", err)
			}
			if volume.FilePath == "/"+v.base+"/"+volume.Slot+".img" {
				volumes = append(volumes, volume)
			}
		}
		return volumes, nil
	}
	return nil, &Error{Kind: ErrTruncated, Op: "list volumes", Text: "the list kept changing while it was read", Remedy: "ask again"}
}

// listDisks reads the pages. Each begins with the last disk of the one before: if that is another one, disks were
// removed in front of it, and some may have slipped from one page into the other unseen.
func (v *Volumes) listDisks(ctx context.Context) (disks []record, whole bool, err error) {
	count, err := v.countDisks(ctx)
	if err != nil {
		return nil, false, err
	}
	if count <= v.page {
		disks, err = v.listPage(ctx, listCommand)
		// More than were counted have come meanwhile; far more than that would not have fitted.
		return disks, true, err
	}
	for len(disks) < maxDisks {
		from := max(len(disks)-1, 0)
		page, err := v.listPage(ctx, fmt.Sprintf(":pick [%s] %d %d", listCommand, from, from+v.page))
		if err != nil {
			return nil, false, err
		}
		if len(disks) > 0 {
			if len(page) == 0 || page[0].text("slot") != disks[from].text("slot") {
				return nil, false, nil
			}
			page = page[1:]
		}
		disks = append(disks, page...)
		if len(disks)-from < v.page {
			return disks, true, nil
		}
	}
	return nil, false, &Error{Kind: ErrMalformed, Text: fmt.Sprintf("more than %d disks", maxDisks)}
}

func (v *Volumes) listPage(ctx context.Context, command string) ([]record, error) {
	lists, err := v.readJSON(ctx, ":put [:serialize to=json ["+command+"]]", 1)
	if lacksSerialize(err) && command == listCommand {
		lists, err = v.readText(ctx, []selection{{"/disk", "type=file"}})
	}
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// countDisks asks how many there are: print count-only inside :put would print the number twice.
func (v *Volumes) countDisks(ctx context.Context) (int, error) {
	text, err := v.ask(ctx, ":put [:len [/disk find where type=file]]")
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || count < 0 {
		return 0, refusal(text, "")
	}
	return count, nil
}
