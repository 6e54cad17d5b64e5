package driver

import (
	"context"
	"path"
	"time"

	"rds-csi/internal/routeros"
)

// Reconciliation is one look at everything on the RDS.
type Reconciliation struct {
	Volumes  int
	Changes  []Change
	Deleted  []string // volumes that were deleted by somebody else
	Err      error    // the look failed; the rest is empty then
	Duration time.Duration
}

// looks are the waits between looks, until one finds everything in place:
// after a reboot a device shows disks before it has mounted their pool.
var looks = []time.Duration{0, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second,
	time.Minute, time.Minute, time.Minute}

// Reconcile looks at the volumes, tells what happened to them since they were
// seen last, and changes nothing. It is meant for OnReconnect and returns when
// all is in place, it has looked often enough, or ctx ends.
func (i *Inventory) Reconcile(ctx context.Context) {
	for _, wait := range looks {
		if !pause(ctx, wait) || i.look(ctx) {
			return
		}
	}
}

// run looks once the first connection is there: that one is no reconnect.
func (i *Inventory) run(ctx context.Context, connection Connection) {
	for !connection.Snapshot().Connected() {
		if !pause(ctx, time.Second) {
			return
		}
	}
	if i.Summary() == nil {
		i.Reconcile(ctx)
	}
}

// pause reports whether ctx is still good after d.
func pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// look looks once and reports whether everything is in place.
func (i *Inventory) look(ctx context.Context) (settled bool) {
	select {
	case i.looking <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-i.looking }()

	start := time.Now()
	ctx = i.cfg.Observer.ReconcileStarted(ctx)
	var r Reconciliation
	defer func() {
		r.Duration = time.Since(start)
		i.cfg.Observer.ReconcileEnded(ctx, r)
		i.report(ctx, r)
	}()
	i.beginLook()
	volumes, lost, err := i.list(ctx)
	if err != nil {
		i.abandonLook()
		r.Err = err
		return false
	}
	r.Volumes = len(volumes)
	r.Changes, r.Deleted = i.endLook(volumes, lost)
	summary := &Summary{At: time.Now(), Volumes: len(volumes), Changes: r.Changes}
	settled = true
	for _, v := range volumes {
		summary.Bytes += v.Size
		settled = settled && v.Size > 0
	}
	var mounted bool
	if summary.Pools, mounted, r.Err = i.measure(ctx); r.Err != nil || !mounted {
		settled = false
	}
	i.summary.Store(summary)
	i.cfg.Observer.VolumesCounted(ctx, len(volumes))
	for _, c := range r.Changes {
		i.cfg.Observer.VolumeChanged(ctx, c)
	}
	return settled
}

// list reads the volumes, and which of those that are gone are lost. What looks
// wrong may be a deletion elsewhere that is under way: it ends the export first
// and removes the file last. So it is looked at again.
func (i *Inventory) list(ctx context.Context) (volumes []routeros.Volume, lost map[string]bool, err error) {
	for again := range 2 {
		if volumes, err = i.cfg.Store.List(ctx); err != nil {
			return nil, nil, err
		}
		missing, unexported := i.suspects(volumes)
		if lost, err = i.lost(ctx, missing); err != nil {
			return nil, nil, err
		}
		if again == 1 || len(lost) == 0 && !unexported {
			break
		}
		if !pause(ctx, deletionTime) {
			return nil, nil, ctx.Err()
		}
	}
	return volumes, lost, nil
}

// deletionTime is what a deletion takes, and more.
const deletionTime = 2 * time.Second

// lost tells which of the volumes that are gone were not simply deleted, by
// another controller or by hand: their file is still there, or cannot be seen
// while its pool is away.
func (i *Inventory) lost(ctx context.Context, missing []routeros.Volume) (map[string]bool, error) {
	lost := make(map[string]bool)
	files := make(map[string]map[string]bool) // by base path; nil: its pool is away
	for _, v := range missing {
		base := path.Dir(v.FilePath)
		there, asked := files[base]
		if !asked {
			var err error
			there, err = i.cfg.Store.Files(ctx, base)
			if err != nil && routeros.KindOf(err) != routeros.ErrPoolUnavailable {
				return nil, err
			}
			files[base] = there
		}
		if there == nil || there[v.FilePath] {
			lost[v.Slot] = true
		}
	}
	return lost, nil
}

// measure reads the pools of all base paths, each once.
func (i *Inventory) measure(ctx context.Context) (pools []Measure, mounted bool, err error) {
	seen := make(map[string]bool)
	mounted = true
	for _, base := range i.cfg.Store.Paths() {
		pool, err := i.cfg.Store.Capacity(ctx, base)
		switch {
		case routeros.KindOf(err) == routeros.ErrPoolUnavailable, err == nil && !pool.Mounted:
			mounted = false
		case err != nil:
			return pools, false, err
		case !seen[pool.MountPoint]:
			seen[pool.MountPoint] = true
			pools = append(pools, Measure{Pool: pool.MountPoint, Size: pool.Size, Free: pool.Free})
			i.cfg.Observer.PoolMeasured(ctx, pool.MountPoint, pool.Size, pool.Free)
		}
	}
	return pools, mounted, nil
}

// report logs a look: a line for each change, and one for the whole.
func (i *Inventory) report(ctx context.Context, r Reconciliation) {
	log := i.cfg.Logger
	if r.Err != nil && ctx.Err() != nil {
		return // the connection is gone again; that is told elsewhere
	}
	count := make(map[ChangeKind]int)
	for _, c := range r.Changes {
		count[c.Kind]++
		if c.Kind == Resized {
			log.WarnContext(ctx, "a volume has another size than it was left with", "volume", c.VolumeID, "was", c.Was, "is", c.Is)
		} else {
			log.WarnContext(ctx, "a volume is not as it was left", "volume", c.VolumeID, "change", string(c.Kind))
		}
	}
	for _, id := range r.Deleted {
		log.InfoContext(ctx, "a volume was deleted elsewhere", "volume", id)
	}
	if r.Err != nil {
		log.WarnContext(ctx, "the volumes were not reconciled completely", "error", r.Err, "duration", r.Duration)
		return
	}
	log.InfoContext(ctx, "volumes reconciled", "volumes", r.Volumes, "vanished", count[Vanished],
		"unexported", count[Unexported], "resized", count[Resized], "deleted_elsewhere", len(r.Deleted), "duration", r.Duration)
}
