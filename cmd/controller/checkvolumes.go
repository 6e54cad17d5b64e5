package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rds-csi/internal/routeros"
)

// volumes reports what volumes need of the RDS, and whether all of it is there.
// Nothing on the RDS is changed.
func (r *report) volumes(ctx context.Context, client routeros.Executor, paths []string) bool {
	if len(paths) == 0 {
		r.row("base path", verdictOff, 0, "no --rds-volume-base-path: volumes are not served")
		return true
	}
	good := true
	for i, path := range paths {
		v, err := routeros.NewVolumes(routeros.VolumesConfig{Executor: client, BasePath: path})
		if err != nil {
			r.row("base path", verdictFail, 0, err.Error())
			return false
		}
		if i == 0 {
			good = r.rights(ctx, v)
		}
		good = r.basePath(ctx, v, path) && good
	}
	return good
}

// rights reports the user's policies and the package, which one command tells.
func (r *report) rights(ctx context.Context, v *routeros.Volumes) bool {
	begin := time.Now()
	err := v.CheckWrite(ctx)
	took := time.Since(begin)
	switch {
	case err == nil:
		r.row("policy", verdictOK, took, "the user may change disks")
		r.row("rose-storage", verdictOK, 0, "disks can be exported over NVMe/TCP")
	case errors.Is(err, routeros.ErrRoseStorageMissing):
		r.row("policy", verdictOK, took, "the user may change disks")
		r.row("rose-storage", verdictFail, 0, err.Error())
	default:
		r.row("policy", verdictFail, took, err.Error())
	}
	return err == nil
}

// basePath reports the pool, and the directory in it.
func (r *report) basePath(ctx context.Context, v *routeros.Volumes, path string) bool {
	begin := time.Now()
	pool, err := v.Capacity(ctx)
	took := time.Since(begin)
	if err == nil && !pool.Mounted {
		err = fmt.Errorf("the pool %s is not mounted: see /disk print", pool.MountPoint)
	}
	if err != nil {
		r.row("base path", verdictFail, took, path, err.Error())
		return false
	}
	seen, err := v.CheckDirectory(ctx)
	if err != nil {
		r.row("base path", verdictFail, took, path, err.Error())
		return false
	}
	lines := []string{fmt.Sprintf("%s, %d of %d GiB free on %s", path, pool.Free>>30, pool.Size>>30, pool.MountPoint)}
	if !seen {
		lines = append(lines, "The directory is not among the files that the RDS lists. Where it is missing, volumes cannot be made: see /file print.")
	}
	r.row("base path", verdictOK, took, lines...)
	return true
}
