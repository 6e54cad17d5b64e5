package simulation

import (
	"fmt"
	"regexp"
	"slices"
	"sync"

	"rds-csi/internal/driver"
)

// ledger knows which volumes there must be: what CreateVolume returned, until
// DeleteVolume is asked for it, and nothing after that returned.
type ledger struct {
	w *world

	mu    sync.Mutex
	sizes map[string]int64 // there, and so large at least
	doubt map[string]bool  // CreateVolume or DeleteVolume was called and has not succeeded
	gone  map[string]bool  // DeleteVolume succeeded
}

func newLedger(w *world) *ledger {
	return &ledger{w: w, sizes: make(map[string]int64), doubt: make(map[string]bool), gone: make(map[string]bool)}
}

// wanted comes before CreateVolume, there after it.
func (l *ledger) wanted(id string) { l.locked(func() { l.doubt[id] = true }) }
func (l *ledger) there(id string, size int64) {
	l.locked(func() { delete(l.doubt, id); l.sizes[id] = max(size, l.sizes[id]) })
}

// unwanted comes before DeleteVolume, deleted after it.
func (l *ledger) unwanted(id string) { l.locked(func() { delete(l.sizes, id); l.doubt[id] = true }) }
func (l *ledger) deleted(id string)  { l.locked(func() { delete(l.doubt, id); l.gone[id] = true }) }

func (l *ledger) locked(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// changed: the look after a reconnect found a volume not as it was left, which
// nobody did.
func (l *ledger) changed(c driver.Change) {
	l.mu.Lock()
	_, there := l.sizes[c.VolumeID]
	l.mu.Unlock()
	if there {
		l.w.violate("CSI", "the volume %s is said to be %s", c.VolumeID, c.Kind)
	}
}

// check looks at the device itself.
func (l *ledger) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, size := range l.sizes {
		if is, ok := l.w.rds.Device().FileSize(fileOf(id)); !ok || is < size {
			l.w.violate("CSI", "the volume %s was created with %d bytes; its file has %d (%v)", id, size, is, ok)
		}
	}
}

// audit compares the disks of the device with the ledger.
func (l *ledger) audit() {
	l.check()
	var slots []string
	for _, disk := range slotPattern.FindAllStringSubmatch(l.w.ask(`:put [:serialize to=json [/disk print as-value where type=file]]`), -1) {
		slots = append(slots, disk[1])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(slots)
	if double := len(slots) - len(slices.Compact(slices.Clone(slots))); double > 0 {
		l.w.violate("CSI", "%d disks are there twice: %v", double, slots)
	}
	for id := range l.sizes {
		if !slices.Contains(slots, id) {
			l.w.violate("CSI", "the volume %s was created, the device has no disk for it", id)
		}
	}
	for _, id := range slots {
		switch _, there := l.sizes[id]; {
		case l.gone[id]:
			l.w.violate("CSI", "the volume %s was deleted, the device has its disk", id)
		case !there && !l.doubt[id]:
			l.w.violate("CSI", "nobody created the disk %s", id)
		}
	}
	for id := range l.gone {
		if _, ok := l.w.rds.Device().FileSize(fileOf(id)); ok {
			l.w.violate("CSI", "the volume %s was deleted, the device has its file", id)
		}
	}
	if len(l.gone) > 200 { // old ones were looked at often enough
		clear(l.gone)
	}
}

var slotPattern = regexp.MustCompile(`"slot":"([^"]*)"`)

func fileOf(id string) string { return fmt.Sprintf("pool/volumes/%s.img", id) }
