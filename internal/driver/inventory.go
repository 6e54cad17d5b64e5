package driver

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rds-csi/internal/routeros"
)

// InventoryConfig configures an Inventory.
type InventoryConfig struct {
	Store    Store        // required
	Observer Observer     // nil: nobody
	Logger   *slog.Logger // nil: slog.Default()
}

// Inventory remembers how the volumes were left, to notice what happened to
// them while nobody was connected. No RPC is answered from it, it changes
// nothing on the RDS, and losing it loses one comparison. Safe for concurrent
// use.
type Inventory struct {
	cfg     InventoryConfig // immutable
	looking chan struct{}   // has a token while somebody looks at the RDS
	summary atomic.Pointer[Summary]

	mu    sync.Mutex                 // guards the rest; nothing blocks while it is held
	known map[string]routeros.Volume // nil before the first look
	// working are the volumes that RPCs change now; touched those that one
	// changed since the look under way began, nil without one. What a look says
	// of either may be older than what the RPC said.
	working map[string]bool
	touched map[string]bool
}

// Summary is what the newest look found.
type Summary struct {
	At      time.Time
	Volumes int
	Bytes   int64    // of all volumes
	Changes []Change // found by that look
	Pools   []Measure
}

// Measure is the size of a pool.
type Measure struct {
	Pool       string
	Size, Free int64
}

// NewInventory returns an inventory that knows nothing yet.
func NewInventory(cfg InventoryConfig) *Inventory {
	if cfg.Observer == nil {
		cfg.Observer = NopObserver{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Inventory{cfg: cfg, looking: make(chan struct{}, 1), working: make(map[string]bool)}
}

// Summary returns what the newest look found, nil before the first one. It
// must not be changed.
func (i *Inventory) Summary() *Summary { return i.summary.Load() }

// during runs an RPC's work on a volume, whose lock the RPC has, and takes over
// how it left it; without a slot it is gone, and with an error nobody knows.
func (i *Inventory) during(id string, work func() (routeros.Volume, error)) (volume routeros.Volume, err error) {
	i.mu.Lock()
	i.touchLocked(id)
	i.working[id] = true
	delete(i.known, id)
	i.mu.Unlock()
	done := false
	defer func() { // work may panic
		i.mu.Lock()
		defer i.mu.Unlock()
		i.touchLocked(id)
		delete(i.working, id)
		if done && i.known != nil && err == nil && volume.Slot != "" {
			i.known[id] = volume
		}
	}()
	volume, err = work()
	done = true
	return volume, err
}

func (i *Inventory) touchLocked(id string) {
	if i.touched != nil {
		i.touched[id] = true
	}
}

// beginLook must come before the RDS is asked.
func (i *Inventory) beginLook() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.touched = maps.Clone(i.working)
}

func (i *Inventory) abandonLook() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.touched = nil
}

// suspects are the volumes that were known and are not among these, and whether
// any of these lost its export. Those that an RPC is at work on are none.
func (i *Inventory) suspects(volumes []routeros.Volume) (missing []routeros.Volume, unexported bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	there := make(map[string]bool, len(volumes))
	for _, v := range volumes {
		there[v.Slot] = true
		unexported = unexported || !i.touched[v.Slot] && i.lostExport(v)
	}
	for id, v := range i.known {
		if !there[id] && !i.touched[id] {
			missing = append(missing, v)
		}
	}
	return missing, unexported
}

// lostExport reports whether nodes cannot connect to a volume, which is news.
func (i *Inventory) lostExport(is routeros.Volume) bool {
	was, known := i.known[is.Slot]
	return !is.Exported && (!known || was.Exported)
}

// endLook compares what there is with what was known and takes it over. Of the
// volumes that are not there any more those that are lost have vanished; the
// rest was deleted by somebody else. Both lists are in the order of the volumes'
// ids.
func (i *Inventory) endLook(volumes []routeros.Volume, lost map[string]bool) (changes []Change, deleted []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	found := make(map[string]routeros.Volume, len(volumes))
	for _, is := range volumes {
		if i.touched[is.Slot] {
			continue
		}
		was, known := i.known[is.Slot]
		if i.lostExport(is) {
			changes = append(changes, Change{Kind: Unexported, VolumeID: is.Slot})
		}
		if is.Size == 0 {
			is.Size = was.Size // the pool is not mounted yet: still unknown
		}
		if known && was.Size != 0 && was.Size != is.Size {
			changes = append(changes, Change{Kind: Resized, VolumeID: is.Slot, Was: was.Size, Is: is.Size})
		}
		found[is.Slot] = is
	}
	for id, was := range i.known {
		switch _, there := found[id]; {
		case i.touched[id]:
			found[id] = was
		case !there && lost[id]:
			changes = append(changes, Change{Kind: Vanished, VolumeID: id})
		case !there:
			deleted = append(deleted, id)
		}
	}
	i.known, i.touched = found, nil
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.VolumeID, b.VolumeID) })
	slices.Sort(deleted)
	return changes, deleted
}
