package routeros

import "context"

// presence is everything on the device that bears on one volume.
type presence struct {
	disk record // the disk in its slot, nil if there is none
	file record // its file, nil if there is none
	user string // another slot that has the file, "" if there is none
	pool Pool   // mounted
}

// look reads what there is of a volume, in one line unless names are very long.
func (v *Volumes) look(ctx context.Context, want Volume) (presence, error) {
	selections := append(v.poolSelections(),
		disksWhere("slot", want.Slot), disksWhere("file-path", want.FilePath), where("/file", "name", want.fileName()))
	found, err := v.read(ctx, selections...)
	if err != nil {
		return presence{}, err
	}
	var here presence
	if here.pool, err = v.mountedPool(found); err != nil {
		return presence{}, err
	}
	if here.disk, err = one(found[2], "slot", want.Slot); err != nil {
		return presence{}, err
	}
	for _, user := range found[3] {
		if slot := user.text("slot"); slot != want.Slot {
			here.user = slot
		}
	}
	here.file, err = one(found[4], "name", want.fileName())
	return here, err
}
