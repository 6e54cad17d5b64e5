package routeros

import (
	"context"
	"fmt"
)

// Pool is the file system that holds the volumes' files.
type Pool struct {
	Slot       string
	MountPoint string // without slashes at its ends
	FileSystem string
	Size       int64 // bytes
	Free       int64 // bytes; files take their full size from it when they are made
	Mounted    bool
	RAIDState  string // "clean"; empty if it is no RAID
}

// Capacity reads the pool. One that is there but not mounted has Mounted false and neither size nor free space; one that
// is not there is ErrPoolUnavailable.
func (v *Volumes) Capacity(ctx context.Context) (Pool, error) {
	found, err := v.read(ctx, v.poolSelections()...)
	if err != nil {
		return Pool{}, withOp("capacity", err)
	}
	pool, err := v.poolOf(found)
	return pool, withOp("capacity", err)
}

// poolSelections look for the pool by its mount point, and by its name to tell what is not mounted.
func (v *Volumes) poolSelections() []selection {
	return []selection{v.mountPoint(), disksWhere("slot", v.pool)}
}

func (v *Volumes) mountPoint() selection { return disksWhere("mount-point", v.pool) }

// aroundFiles puts the pool in front of selections that look for its files, and once more behind them: a file that is not
// to be seen is gone only if the pool was mounted all the time.
func (v *Volumes) aroundFiles(selections ...selection) []selection {
	return append(append([]selection{v.mountPoint()}, selections...), v.mountPoint())
}

// poolOf reads the answers to poolSelections. A disk that only has the name may be mounted somewhere else: then files in
// the base path would fill the system's own storage.
func (v *Volumes) poolOf(found [][]record) (Pool, error) {
	disk, err := one(found[0], "mount-point", v.pool)
	if err != nil {
		return Pool{}, err
	}
	if disk == nil {
		return v.unmounted(found[1])
	}
	mounted, err := disk.flag("mounted")
	if err != nil {
		return Pool{}, malformed(err)
	}
	// Only a mounted file system has free space, and before 7.20 flags are not among the values.
	mounted = disk.has("free") && (mounted || !disk.has("mounted"))
	pool := Pool{Slot: disk.text("slot"), MountPoint: v.pool, FileSystem: disk.text("fs"), RAIDState: disk.text("state"), Mounted: mounted}
	if !mounted {
		return pool, nil
	}
	if pool.Size, err = disk.bytes("size"); err == nil {
		pool.Free, err = disk.bytes("free")
	}
	if err != nil {
		return Pool{}, malformed(err)
	}
	if pool.Free > pool.Size {
		return Pool{}, &Error{Kind: ErrMalformed, Text: fmt.Sprintf("%d bytes free of %d", pool.Free, pool.Size)}
	}
	return pool, nil
}

// unmounted is the pool that is not mounted, where its name is to be seen at least.
func (v *Volumes) unmounted(named []record) (Pool, error) {
	disk, err := one(named, "slot", v.pool)
	if err == nil && disk == nil {
		err = v.noPool("no disk is mounted at %s")
	}
	if err != nil {
		return Pool{}, err
	}
	return Pool{Slot: disk.text("slot"), MountPoint: v.pool, FileSystem: disk.text("fs"), RAIDState: disk.text("state")}, nil
}

func (v *Volumes) noPool(format string) *Error {
	return &Error{Kind: ErrPoolUnavailable, Text: fmt.Sprintf(format, v.pool),
		Remedy: "after a reboot wait until the pool is mounted; otherwise see /disk print and the base path's first part"}
}

// mountedPool reads the pool from the answers to aroundFiles, and needs it mounted in both: without the pool a new file
// would fill the system's own storage, and an old one could not be seen.
func (v *Volumes) mountedPool(found [][]record) (Pool, error) {
	var pool Pool
	for _, list := range [][]record{found[0], found[len(found)-1]} {
		var err error
		pool, err = v.poolOf([][]record{list, nil})
		if err == nil && !pool.Mounted {
			err = v.noPool("the pool %s is not mounted")
		}
		if err != nil {
			return Pool{}, err
		}
	}
	return pool, nil
}

// hold refuses a file, or a file's growth, that does not fit.
func (p Pool) hold(bytes int64) error {
	if bytes > p.Free {
		return &Error{Kind: ErrNoSpace, Text: fmt.Sprintf("%d bytes are wanted, the pool %s has %d free", bytes, p.MountPoint, p.Free),
			Remedy: remedies[ErrNoSpace]}
	}
	return nil
}
