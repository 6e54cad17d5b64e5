package routeros

import "context"

// presence is everything on the device that bears on one volume.
type presence struct {
	disk record // the disk in its slot, nil if there is none
	file record // its file, nil if there is none
	user record // a disk in another slot that has the file, nil if there is none
	pool Pool   // mounted
}

// look reads what there is of a volume, in one line unless names are very long.
func (v *Volumes) look(ctx context.Context, want Volume) (presence, error) {
	found, err := v.read(ctx, v.aroundFiles(disksWhere("slot", want.Slot), disksWhere("file-path", want.FilePath),
		where("/file", "name", want.fileName()))...)
	if err != nil {
		return presence{}, err
	}
	var here presence
	if here.pool, err = v.mountedPool(found); err != nil {
		return presence{}, err
	}
	if here.disk, err = one(found[1], "slot", want.Slot); err != nil {
		return presence{}, err
	}
	for _, user := range found[2] {
		if user.text("slot") != want.Slot {
			here.user = user
		}
	}
	here.file, err = one(found[3], "name", want.fileName())
	return here, err
}

// lookPastOrphan looks until a file has its disk, or is gone, but no longer than a disk takes to be added: the file may
// belong to a creation or a deletion under way, an earlier command of this controller included.
func (v *Volumes) lookPastOrphan(ctx context.Context, want Volume) (here presence, err error) {
	err = awaitIn(ctx, settle[:4], func() (bool, error) {
		var err error
		here, err = v.look(ctx, want)
		return here.disk != nil || here.user != nil || here.file == nil, err
	})
	return here, err
}

// volume reads the disk in the slot as the volume, which it is with the volume's file alone. A volume whose size or file
// is not to be seen is ErrPoolUnavailable, and returned with it: RouterOS shows a disk before the file system below is
// ready, and also when the file is gone.
func (here presence) volume(want Volume) (Volume, error) {
	if here.disk == nil {
		return Volume{}, noDisk(want.Slot)
	}
	have, err := volumeOf(here.disk)
	switch {
	case err != nil:
		return Volume{}, err
	case have.FilePath != want.FilePath:
		return Volume{}, otherFile(have, want)
	case have.Size == 0:
		return have, &Error{Kind: ErrPoolUnavailable, Text: "the device does not know the size of " + have.FilePath}
	case here.file == nil:
		return have, &Error{Kind: ErrPoolUnavailable, Text: "the disk in slot " + want.Slot + " is there, and its file " + want.FilePath + " is not",
			Remedy: "if it stays away, the data is lost: delete the volume"}
	}
	return have, nil
}

// otherFile refuses a disk over another file than the volume's: somebody else's, or a volume of another base path.
func otherFile(have, want Volume) *Error {
	err := invalid("the disk in slot %s has the file %s, not %s", want.Slot, have.FilePath, want.FilePath)
	err.Remedy = "set the base path to that of the file, or remove the disk by hand"
	return err
}

func noDisk(slot string) *Error {
	return &Error{Kind: ErrNotFound, Text: "no disk has the slot " + slot}
}
