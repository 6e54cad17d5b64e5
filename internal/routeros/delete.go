package routeros

import (
	"context"
	"fmt"
)

// Delete ends the export of a volume, removes its disk and its file, and returns when neither is there any more. It does
// what is left to do: nothing for a volume that is gone, the file alone where an earlier call removed the disk. A disk
// in that slot which is not a volume of the base path is ErrInvalid and stays.
func (v *Volumes) Delete(ctx context.Context, slot string) error {
	return withOp("delete volume", v.delete(ctx, slot))
}

func (v *Volumes) delete(ctx context.Context, slot string) error {
	want, err := v.named(slot)
	if err != nil {
		return err
	}
	here, err := v.look(ctx, want)
	if err != nil || here.disk == nil && here.file == nil {
		return err
	}
	if here.user != "" {
		return &Error{Kind: ErrInUse, Text: oneLine(fmt.Sprintf("the file %s belongs to the disk in slot %q", want.FilePath, here.user)),
			Remedy: "remove that disk by hand, or keep the file"}
	}
	if here.disk != nil {
		if err := v.removeDisk(ctx, here.disk, want); err != nil {
			return err
		}
	}
	// RouterOS leaves the file when a disk is removed.
	if err := v.writeGone(ctx, fmt.Sprintf(`/file remove [find name=%s]`, quoted(want.fileName()))); err != nil {
		return err
	}
	return v.confirmGone(ctx, want)
}

func (v *Volumes) removeDisk(ctx context.Context, disk record, want Volume) error {
	have, err := volumeOf(disk)
	if err != nil {
		return err
	}
	if have.FilePath != want.FilePath {
		err := invalid("the disk in slot %s has the file %s, not %s", want.Slot, have.FilePath, want.FilePath)
		err.Remedy = "set the base path to that of the file, or remove the disk by hand"
		return err
	}
	if have.Exported {
		if err := v.writeGone(ctx, fmt.Sprintf(`/disk set [find slot=%s] nvme-tcp-export=no`, quoted(want.Slot))); err != nil {
			return err
		}
	}
	return v.writeGone(ctx, fmt.Sprintf(`/disk remove [find slot=%s]`, quoted(want.Slot)))
}

// confirmGone looks until disk and file are gone. A removal by a [find] that matches nothing succeeds without a word, so
// only this tells.
func (v *Volumes) confirmGone(ctx context.Context, want Volume) error {
	var here presence
	gone := false
	err := await(ctx, func() (bool, error) {
		var err error
		here, err = v.look(ctx, want)
		gone = err == nil && here.disk == nil && here.file == nil
		return gone, err
	})
	if err != nil || gone {
		return err
	}
	left := "disk in slot " + want.Slot
	if here.disk == nil {
		left = "file " + want.fileName()
	}
	return &Error{Kind: ErrOutcomeUnknown, Text: "the " + left + " is still there", Remedy: "repeat the deletion; see who uses it: /disk print"}
}
