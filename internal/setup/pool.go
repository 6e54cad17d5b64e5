package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"rds-csi/internal/routeros"
)

// fileSystem of a pool that is made here.
const fileSystem = "ext4"

// poolTimeout bounds the wait for a file system to be made and mounted.
const poolTimeout = 2 * time.Minute

// makePool formats the disk that was named, if there is no pool. A disk that holds anything is never formatted.
func (s *run) makePool(ctx context.Context) (outcome, error) {
	disks, err := s.disks(ctx)
	if err != nil {
		return outcome{}, err
	}
	pool := disks.called(s.pool())
	switch {
	case pool != nil && mountedAt(pool, s.pool()):
		return s.isPool(*pool)
	case pool != nil && !isRaw(*pool): // as for some time after a boot
		if err := s.awaitMount(ctx); err != nil {
			return outcome{}, err
		}
		return there("/%s, mounted by now", s.pool())
	case s.PoolDisk == "":
		return outcome{}, fault("name the disk that becomes the pool with --pool-disk; "+disks.candidates(),
			"no disk is mounted at /%s", s.pool())
	}
	disk := disks.called(s.PoolDisk)
	if disk == nil {
		return outcome{}, fault("name one of those that are there; "+disks.candidates(), "there is no disk %s", s.PoolDisk)
	}
	if text := disks.unfit(*disk, s.pool()); text != "" {
		return outcome{}, fault("name another disk with --pool-disk; "+disks.candidates()+
			"; if nothing on it is needed, remove it by hand: see /disk/print", "the disk %s is not formatted: %s", s.PoolDisk, text)
	}
	if isRaw(*disk) {
		if err := s.format(ctx, disk.Text("slot")); err != nil {
			return outcome{}, err
		}
	}
	if slot := disk.Text("slot"); slot != s.pool() { // the mount point follows the slot
		if err := routeros.Change(ctx, s.admin, "/disk/set [find slot="+quote(slot)+"] slot="+quote(s.pool())); err != nil {
			return outcome{}, err
		}
	}
	if err := s.awaitMount(ctx); err != nil {
		return outcome{}, err
	}
	return done("%s, with %s, is mounted at /%s", s.PoolDisk, fileSystem, s.pool())
}

// isPool accepts the pool that is there, unless another disk was named.
func (s *run) isPool(pool routeros.Item) (outcome, error) {
	slot, original := pool.Text("slot"), pool.Text("slot-default")
	if s.PoolDisk != "" && original != "" && s.PoolDisk != slot && s.PoolDisk != original {
		return outcome{}, fault("leave --pool-disk out, or choose another --volume-base-path",
			"the disk %s is mounted at /%s already, not %s", original, s.pool(), s.PoolDisk)
	}
	return there("%s is mounted at /%s, %d of %d GiB free", slot, s.pool(), pool.Bytes("free")>>30, pool.Bytes("size")>>30)
}

// format makes a file system. Whether a line without a terminal is asked if it is sure is not known; where it is, a
// script in the background is not.
func (s *run) format(ctx context.Context, slot string) error {
	command := fmt.Sprintf("/disk format [find slot=%s] file-system=%s label=%s without-paging", quote(slot), fileSystem, quote(s.pool()))
	err := routeros.Change(ctx, s.admin, command)
	if e, ok := errors.AsType[*routeros.Error](err); ok && strings.Contains(strings.ToLower(e.Text), "are you sure") {
		if _, err = s.admin.Exec(ctx, ":execute {"+command+"}"); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return s.until(ctx, func(disks diskList) error {
		if disk := disks.called(slot); disk == nil || isRaw(*disk) || disk.True("formatting") {
			return fault("see /log/print and /disk/print on the device; then "+again, "the disk %s has no file system after %v", slot, poolTimeout)
		}
		return nil
	})
}

func (s *run) awaitMount(ctx context.Context) error {
	return s.until(ctx, func(disks diskList) error {
		if pool := disks.called(s.pool()); pool == nil || !mountedAt(pool, s.pool()) {
			return fault("see /disk/print on the device: mount-filesystem and mount-point-template; then "+again,
				"the disk %s is not mounted at /%s after %v", s.pool(), s.pool(), poolTimeout)
		}
		return nil
	})
}

// until looks at the disks until there is no objection, or gives the last one.
func (s *run) until(ctx context.Context, objection func(diskList) error) error {
	for deadline := time.Now().Add(poolTimeout); ; {
		disks, err := s.disks(ctx)
		if err != nil {
			return err
		}
		if err = objection(disks); err == nil || time.Now().After(deadline) {
			return err
		}
		if !sleep(ctx, s.Poll) {
			return ctx.Err()
		}
	}
}

// basePath makes the directory over SFTP.
func (s *run) basePath(ctx context.Context) (outcome, error) {
	if s.base() == s.pool() {
		return there("/%s, the pool itself", s.base())
	}
	found, err := routeros.Items(ctx, s.admin, "/file", "name="+quote(s.base()))
	if err != nil {
		return outcome{}, err
	}
	if len(found) > 0 {
		if kind := found[0].Text("type"); kind != "directory" && kind != "disk" {
			return outcome{}, fault("choose another --volume-base-path", "/%s is there, and is no directory but a %s", s.base(), kind)
		}
		return there("/%s", s.base())
	}
	made := true
	err = s.admin.files(ctx, func(c *sftp.Client) error {
		if info, err := c.Stat("/" + s.base()); err == nil && info.IsDir() {
			made = false // the device does not list it
			return nil
		}
		return c.MkdirAll("/" + s.base())
	})
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, os.ErrNotExist):
		return outcome{}, fault("make it by hand, or choose another --volume-base-path", "the directory /%s cannot be made: %w", s.base(), err)
	case err != nil:
		return outcome{}, fmt.Errorf("the directory /%s: %w", s.base(), err)
	case !made:
		return there("/%s", s.base())
	}
	return done("/%s", s.base())
}
