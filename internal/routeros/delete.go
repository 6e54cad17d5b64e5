package routeros

import (
	"context"
	"fmt"
)

// Delete ends the export of a volume, removes its disk and its file, and returns when neither is there any more. It does
// what is left to do: nothing for a volume that is gone, the file alone where an earlier call removed the disk. To such a
// file it gives 2 s to get a disk, as it may be that of a creation under way, whose disk would stay without it. A disk
// in that slot which is not a volume of the base path is ErrInvalid and stays. A volume that somebody exported again
// meanwhile stays too, as ErrOutcomeUnknown.
func (v *Volumes) Delete(ctx context.Context, slot string) error {
	return withOp("delete volume", v.delete(ctx, slot))
}

func (v *Volumes) delete(ctx context.Context, slot string) error {
	want, err := v.named(slot)
	if err != nil {
		return err
	}
	here, err := v.lookPastOrphan(ctx, want)
	if err != nil {
		return err
	}
	if here.user != nil {
		return inUse(here.user, want)
	}
	exported := false
	if here.disk != nil {
		have, err := here.volume(want)
		// A disk whose file is gone, or cannot be measured, is one to be removed all the same.
		if err != nil && KindOf(err) != ErrPoolUnavailable {
			return err
		}
		exported = have.Exported
	}
	if here.disk == nil && here.file == nil {
		return nil
	}
	if err := v.remove(ctx, want, here.disk != nil, exported); err != nil {
		return err
	}
	return v.confirmGone(ctx, want)
}

// remove gives the commands of a deletion. None of them tells whether it found anything to remove.
func (v *Volumes) remove(ctx context.Context, w Volume, disk, exported bool) error {
	var commands []string
	if exported {
		commands = append(commands, w.unexportCommand())
	}
	if disk {
		commands = append(commands, w.removeDiskCommand())
	}
	for _, command := range append(commands, w.removeFileCommand()) {
		if err := v.writeSelected(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// confirmGone looks until disk and file are gone. A removal by a [find] that matches nothing succeeds without a word, so
// only this tells.
func (v *Volumes) confirmGone(ctx context.Context, want Volume) error {
	var here presence
	gone := false
	err := await(ctx, func() (bool, error) {
		var err error
		here, err = v.look(ctx, want)
		gone = err == nil && here.disk == nil && here.file == nil && here.user == nil
		return gone, err
	})
	switch {
	case err != nil || gone:
		return err
	case here.user != nil:
		return inUse(here.user, want)
	}
	left := "disk in slot " + want.Slot
	if here.disk == nil {
		left = "file " + want.fileName()
	}
	return &Error{Kind: ErrOutcomeUnknown, Text: "the " + left + " is still there", Remedy: "repeat the deletion; see who uses it: /disk print"}
}

func inUse(user record, want Volume) *Error {
	return &Error{Kind: ErrInUse, Text: oneLine(fmt.Sprintf("the file %s belongs to the disk in slot %q", want.FilePath, user.text("slot"))),
		Remedy: "remove that disk by hand, or keep the file"}
}
