package routeros

import (
	"context"
	"fmt"
)

// Expand makes a volume at least so large, rounded up to whole MiB, and returns what it has read back. A volume that is
// large enough stays as it is: no command here makes one smaller, however late it arrives.
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
	for races := 0; ; races++ {
		var have Volume
		if err == nil {
			have, err = here.volume(want)
		}
		switch {
		case err != nil:
			return Volume{}, err
		case have.Size >= size:
			return have, nil
		case races == maxRaces:
			return Volume{}, unknownOutcome("others kept changing the size of the volume")
		}
		if err := here.keepsFile(want); err != nil {
			return Volume{}, err
		}
		if err := here.pool.hold(want.Size - have.Size); err != nil {
			return Volume{}, err
		}
		if err := v.writeSelected(ctx, want.growCommand(have.Size)); err != nil {
			return Volume{}, err
		}
		here, err = v.resized(ctx, want, have.Size)
	}
}

// keepsFile refuses a growth of the disk that would cut off the end of its file: the disk may begin later in the file, or
// not show yet how large the file became. A rounded size, of a RouterOS without :serialize, tells nothing.
func (here presence) keepsFile(want Volume) error {
	if size, err := here.file.bytes("size"); err == nil && size > want.Size {
		return unknownOutcome(fmt.Sprintf("the file %s has %d bytes already, and its disk shows less", want.FilePath, size))
	}
	return nil
}

// maxRaces is how often a volume that somebody else grows at the same time is looked at again.
const maxRaces = 3

// resized looks at the volume until it has another size than before.
func (v *Volumes) resized(ctx context.Context, want Volume, before int64) (here presence, err error) {
	var have Volume
	err = await(ctx, func() (bool, error) {
		var err error
		if here, err = v.look(ctx, want); err != nil {
			return false, err
		}
		have, err = here.volume(want)
		return err == nil && have.Size != before, unless(err, ErrPoolUnavailable)
	})
	if err == nil && have.Size == before {
		err = unknownOutcome(fmt.Sprintf("the volume still has %d bytes, not %d", before, want.Size))
	}
	return here, err
}
