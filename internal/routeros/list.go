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
)

// List reads all volumes of the base path, in the device's order. The list comes in pages; one that changes between
// pages is read again, so a volume that was there all the time is in the answer.
func (v *Volumes) List(ctx context.Context) ([]Volume, error) {
	volumes, err := v.list(ctx)
	return volumes, withOp("list volumes", err)
}

func (v *Volumes) list(ctx context.Context) ([]Volume, error) {
	disks, err := v.readAll(ctx, fileDisks)
	if err != nil {
		return nil, err
	}
	volumes := make([]Volume, 0, len(disks))
	for _, disk := range disks {
		if pathOf(disk) != "/"+v.base+"/"+disk.text("slot")+".img" {
			continue // somebody else's, which need not be readable
		}
		volume, err := volumeOf(disk)
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, volume)
	}
	return volumes, nil
}

// readAll reads a list until it did not change under the reading.
func (v *Volumes) readAll(ctx context.Context, l listing) ([]record, error) {
	for range maxListings {
		items, whole, err := v.readPages(ctx, l)
		if whole || err != nil {
			return items, err
		}
	}
	return nil, &Error{Kind: ErrTruncated, Text: "the list kept changing while it was read", Remedy: "ask again"}
}

// listing is a list that is read in pages.
type listing struct {
	selection
	properties string // comma separated
	key        string // the property that tells items apart
}

var fileDisks = listing{
	selection:  selection{"/disk", "type=file"},
	properties: "slot,type,size,file-path,nvme-tcp-export,nvme-tcp-server-port,nvme-tcp-server-nqn",
	key:        "slot",
}

func (l listing) command() string {
	return l.menu + " print as-value proplist=" + l.properties + " where " + l.where
}

// readPages reads the pages. Each begins with the last item of the one before: if that is another one, items were
// removed in front of it, and some may have slipped from one page into the other unseen.
func (v *Volumes) readPages(ctx context.Context, l listing) (items []record, whole bool, err error) {
	count, err := v.count(ctx, l)
	if err != nil {
		return nil, false, err
	}
	if count <= v.page {
		items, err = v.readPage(ctx, l.command())
		if lacksSerialize(err) {
			var lists [][]record
			if lists, err = v.readText(ctx, []selection{l.selection}); err == nil {
				items = lists[0]
			}
		}
		// More than were counted have come meanwhile; far more than that would not have fitted.
		return items, true, err
	}
	for len(items) < maxDisks {
		from := max(len(items)-1, 0)
		page, err := v.readPage(ctx, fmt.Sprintf(":pick [%s] %d %d", l.command(), from, from+v.page))
		if err != nil {
			return nil, false, err
		}
		if len(items) > 0 {
			if len(page) == 0 || page[0].text(l.key) != items[from].text(l.key) {
				return nil, false, nil
			}
			page = page[1:]
		}
		items = append(items, page...)
		if len(items)-from < v.page {
			return items, true, nil
		}
	}
	return nil, false, &Error{Kind: ErrMalformed, Text: fmt.Sprintf("more than %d items in %s", maxDisks, l.menu)}
}

func (v *Volumes) readPage(ctx context.Context, command string) ([]record, error) {
	lists, err := v.readJSON(ctx, ":put [:serialize to=json ["+command+"]]", 1)
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// count asks how many there are: print count-only inside :put would print the number twice.
func (v *Volumes) count(ctx context.Context, l listing) (int, error) {
	text, err := v.ask(ctx, fmt.Sprintf(":put [:len [%s find where %s]]", l.menu, l.where))
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || count < 0 {
		return 0, unread(text, "")
	}
	return count, nil
}
