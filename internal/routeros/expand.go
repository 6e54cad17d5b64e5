package routeros

import (
	"context"
	"fmt"
)

// Expand makes a volume at least so large, rounded up to whole MiB, and returns what it has read back. A volume that is
// large enough stays as it is: no command here makes one smaller.
func (v *Volumes) Expand(ctx context.Context, slot string, size int64) (Volume, error) {
	volume, err := v.expand(ctx, slot, size)
	return volume, withOp("expand volume", err)
}

func (v *Volumes) expand(ctx context.Context, slot string, size int64) (Volume, error) {
	want, err := v.named(slot)
	if err != nil {
		return Volume{}, err
	}
	if want.Size, err = roundUp(size); err != nil {
		return Volume{}, err
	}
	here, err := v.look(ctx, want)
	if err != nil {
		return Volume{}, err
	}
	if here.disk == nil {
		return Volume{}, &Error{Kind: ErrNotFound, Text: "no disk has the slot " + slot}
	}
	have, err := volumeOf(here.disk)
	switch {
	case err != nil:
		return Volume{}, err
	case have.FilePath != want.FilePath:
		return Volume{}, invalid("the disk in slot %s has the file %s, not %s", slot, have.FilePath, want.FilePath)
	case have.Size == 0:
		return Volume{}, &Error{Kind: ErrPoolUnavailable, Text: "the device does not know the size of " + have.FilePath}
	case have.Size >= size:
		return have, nil
	}
	if err := here.pool.hold(want.Size - have.Size); err != nil {
		return Volume{}, err
	}
	if err := v.write(ctx, fmt.Sprintf(`/disk set [find slot=%s] file-size=%s`, quoted(slot), sizeText(want.Size))); err != nil {
		return Volume{}, err
	}
	return v.confirmSize(ctx, want)
}

// confirmSize reads the volume back until it has grown.
func (v *Volumes) confirmSize(ctx context.Context, want Volume) (have Volume, err error) {
	err = await(ctx, func() (bool, error) {
		var err error
		have, err = v.get(ctx, want.Slot)
		return have.Size >= want.Size, err
	})
	if err == nil && have.Size < want.Size {
		err = &Error{Kind: ErrOutcomeUnknown, Text: fmt.Sprintf("the volume still has %d bytes, not %d", have.Size, want.Size),
			Remedy: remedies[ErrOutcomeUnknown]}
	}
	if err != nil {
		return Volume{}, err
	}
	return have, nil
}
