package routeros

import "context"

// CheckWrite tells whether volumes can be made at all: the user may change disks, and the package with NVMe/TCP is there.
// It sets properties of a disk that does not exist, so nothing changes.
func (v *Volumes) CheckWrite(ctx context.Context) error {
	want, err := v.named("rds-csi-check-that-does-not-exist")
	if err != nil {
		return withOp("check", err)
	}
	return withOp("check", v.writeSelected(ctx, want.exportCommand()))
}

// CheckDirectory tells whether the base path is to be seen as a directory. Where it is not, it may be missing, or the
// device does not list directories of that file system.
func (v *Volumes) CheckDirectory(ctx context.Context) (seen bool, err error) {
	found, err := v.read(ctx, where("/file", "name", v.base))
	return err == nil && len(found[0]) == 1, withOp("check", err)
}
