package routeros

import (
	"context"
	"strings"
)

// Condition is a volume and what else it takes for it to be of use.
type Condition struct {
	Volume
	// PoolMounted is false after a reboot until the device has mounted the pool; files cannot be seen then.
	PoolMounted bool
	// FileMissing: the pool is mounted and does not hold the volume's file.
	FileMissing bool
}

// Condition reads the condition of one volume. ErrNotFound means that the device said there is no such volume. A disk over
// a file outside the base path is ErrInvalid: its file may be on another pool, and its path is none that was checked.
func (v *Volumes) Condition(ctx context.Context, slot string) (Condition, error) {
	c, err := v.condition(ctx, slot)
	return c, withOp("volume condition", err)
}

func (v *Volumes) condition(ctx context.Context, slot string) (Condition, error) {
	volume, err := v.get(ctx, slot)
	if err != nil {
		return Condition{}, err
	}
	want, err := v.named(slot)
	if err == nil && volume.FilePath != want.FilePath {
		err = otherFile(volume, want)
	}
	if err != nil {
		return Condition{}, err
	}
	name := want.fileName()
	found, err := v.read(ctx, v.aroundFiles(where("/file", "name", name))...)
	if err != nil {
		return Condition{}, err
	}
	_, err = v.mountedPool(found)
	mounted := err == nil
	if err != nil && KindOf(err) != ErrPoolUnavailable {
		return Condition{}, err
	}
	file, err := one(found[1], "name", name)
	return Condition{Volume: volume, PoolMounted: mounted, FileMissing: mounted && file == nil}, err
}

// Conditions reads the condition of all volumes of the base path.
func (v *Volumes) Conditions(ctx context.Context) ([]Condition, error) {
	conditions, err := v.conditions(ctx)
	return conditions, withOp("volume conditions", err)
}

func (v *Volumes) conditions(ctx context.Context) ([]Condition, error) {
	conditions, missing, err := v.compare(ctx)
	if err != nil || missing == 0 {
		return conditions, err
	}
	// A volume that was deleted between the two lists looks like one without its file. One that is so twice is not.
	earlier := make(map[string]bool, missing)
	for _, c := range conditions {
		if c.FileMissing {
			earlier[c.Slot] = true
		}
	}
	if conditions, _, err = v.compare(ctx); err != nil {
		return nil, err
	}
	for i := range conditions {
		c := &conditions[i]
		c.FileMissing = c.FileMissing && earlier[c.Slot]
	}
	return conditions, nil
}

// compare reads the volumes, then the files, and counts the volumes without one.
func (v *Volumes) compare(ctx context.Context) (conditions []Condition, missing int, err error) {
	volumes, err := v.list(ctx)
	if err != nil {
		return nil, 0, err
	}
	there, pool, err := v.files(ctx)
	if err != nil {
		return nil, 0, err
	}
	conditions = make([]Condition, len(volumes))
	for i, volume := range volumes {
		c := Condition{Volume: volume, PoolMounted: pool.Mounted, FileMissing: pool.Mounted && !there[volume.FilePath]}
		if c.FileMissing {
			missing++
		}
		conditions[i] = c
	}
	return conditions, missing, nil
}

// Files reads which files of volumes the base path holds, by their paths with a leading slash, with a disk or without.
// ErrPoolUnavailable: the pool is not mounted, and its files cannot be seen.
func (v *Volumes) Files(ctx context.Context) (map[string]bool, error) {
	there, pool, err := v.files(ctx)
	if err == nil && !pool.Mounted {
		err = v.noPool("the pool %s is not mounted")
	}
	if err != nil {
		return nil, withOp("list files", err)
	}
	return there, nil
}

func (v *Volumes) files(ctx context.Context) (there map[string]bool, pool Pool, err error) {
	files, err := v.readAll(ctx, v.volumeFiles())
	if err != nil {
		return nil, Pool{}, err
	}
	// The pool comes last: files that could not be seen while it was away are not missing, and it may just have gone.
	found, err := v.read(ctx, v.poolSelections()...)
	if err != nil {
		return nil, Pool{}, err
	}
	pool, err = v.poolIfThere(found)
	there = make(map[string]bool, len(files))
	for _, file := range files {
		there["/"+strings.TrimPrefix(file.text("name"), "/")] = true
	}
	return there, pool, err
}

// poolIfThere is poolOf for who only wants to know: a pool that is not there is one that is not mounted.
func (v *Volumes) poolIfThere(found [][]record) (Pool, error) {
	pool, err := v.poolOf(found)
	if KindOf(err) == ErrPoolUnavailable {
		return Pool{}, nil
	}
	return pool, err
}

// volumeFiles are the files that look like volumes of the base path. In the regular expression a class stands for the
// dot, so that no backslash has to be escaped twice.
func (v *Volumes) volumeFiles() listing {
	pattern := "^" + strings.ReplaceAll(v.base, ".", "[.]") + "/[^/]*[.]img$"
	return listing{
		selection:  selection{"/file", "name~" + quoted(pattern)},
		properties: "name",
		key:        "name",
	}
}
