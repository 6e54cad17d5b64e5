package routeros

import (
	"context"
	"errors"
	"fmt"
)

// CreateRequest says which volume is wanted.
type CreateRequest struct {
	Slot string // the volume's id
	Size int64  // bytes; a new volume is rounded up to whole MiB
	// Limit is the largest size that a volume which is already there may have. 0: the size of a new one.
	Limit int64
}

// Create makes a volume and exports it, or finishes what an earlier call began. It returns only what it has read back.
// A volume that is there already and fits the request is the answer; one that is not exported is exported again. What
// differs in size or place is ErrAlreadyExists, and so is a file without a disk: it may hold data.
func (v *Volumes) Create(ctx context.Context, request CreateRequest) (Volume, error) {
	volume, err := v.create(ctx, request)
	return volume, withOp("create volume", err)
}

func (v *Volumes) create(ctx context.Context, request CreateRequest) (Volume, error) {
	want, err := v.named(request.Slot)
	if err != nil {
		return Volume{}, err
	}
	if want.Size, err = roundUp(request.Size); err != nil {
		return Volume{}, err
	}
	fits := func(size int64) bool { return request.Size <= size && size <= max(request.Limit, want.Size) }

	here, err := v.look(ctx, want)
	if err != nil {
		return Volume{}, err
	}
	if here.disk != nil {
		return v.reuse(ctx, here.disk, want, fits)
	}
	if here.user != "" {
		return Volume{}, conflict("the file %s belongs to the disk in slot %q", want.FilePath, here.user)
	}
	if here.file != nil {
		return Volume{}, orphan(here.file, want)
	}
	if err := here.pool.hold(want.Size); err != nil {
		return Volume{}, err
	}
	return v.add(ctx, want, fits)
}

// add makes the disk, with its file and export, by one command: a refused property leaves nothing behind.
func (v *Volumes) add(ctx context.Context, want Volume, fits func(int64) bool) (Volume, error) {
	err := v.write(ctx, fmt.Sprintf(`/disk add type=file file-path=%s file-size=%s slot=%s %s`,
		quoted(want.FilePath), sizeText(want.Size), quoted(want.Slot), exportArguments(want)))
	switch {
	case errors.Is(err, ErrAlreadyExists):
		// An earlier command that was given up here may have been at work there all along.
		volume, confirmErr := v.confirm(ctx, want, fits)
		if confirmErr == nil || KindOf(confirmErr) == "" {
			return volume, confirmErr
		}
		return Volume{}, err
	case errors.Is(err, ErrInvalid):
		return Volume{}, blameLength(err, want.Slot)
	case err != nil:
		return Volume{}, err
	}
	return v.confirm(ctx, want, fits)
}

// reuse brings a disk that is already there to the wanted state, if it is the wanted volume.
func (v *Volumes) reuse(ctx context.Context, disk record, want Volume, fits func(int64) bool) (Volume, error) {
	if checkType(disk) != nil {
		return Volume{}, conflict("the slot %s is taken by a disk of type %q", want.Slot, disk.text("type"))
	}
	have, err := volumeOf(disk)
	if err != nil {
		return Volume{}, err
	}
	if err := matches(have, want, fits); err != nil {
		return Volume{}, err
	}
	if have.Exported {
		return have, nil
	}
	command := fmt.Sprintf(`/disk set [find slot=%s] %s`, quoted(want.Slot), exportArguments(want))
	if err := v.write(ctx, command); err != nil {
		return Volume{}, err
	}
	return v.confirm(ctx, want, fits)
}

// exportArguments export a disk. mount-filesystem=no keeps RouterOS from mounting the file system that the guest makes.
func exportArguments(want Volume) string {
	return fmt.Sprintf(`nvme-tcp-export=yes nvme-tcp-server-port=%d nvme-tcp-server-nqn=%s mount-filesystem=no`,
		want.Port, quoted(want.NQN))
}

// matches tells whether a disk is the wanted volume. Its name and port count only while it is exported: then somebody
// may be connected to them.
func matches(have, want Volume, fits func(int64) bool) error {
	switch {
	case have.FilePath != want.FilePath:
		return conflict("the disk in slot %s has the file %s, not %s", want.Slot, have.FilePath, want.FilePath)
	case have.Size == 0:
		return &Error{Kind: ErrPoolUnavailable, Text: "the device does not know the size of " + have.FilePath}
	case !fits(have.Size):
		return conflict("the disk in slot %s has %d bytes, %d are wanted", want.Slot, have.Size, want.Size)
	case have.Exported && (have.NQN != want.NQN || have.Port != want.Port):
		return conflict("the disk in slot %s is exported as %q on port %d, not as %q on port %d", want.Slot, have.NQN, have.Port, want.NQN, want.Port)
	}
	return nil
}

// confirm reads the volume back until it is there and exported.
func (v *Volumes) confirm(ctx context.Context, want Volume, fits func(int64) bool) (Volume, error) {
	var have Volume
	var problem error
	err := await(ctx, func() (bool, error) {
		var err error
		if have, err = v.get(ctx, want.Slot); err != nil {
			problem = err
			return false, unless(err, ErrNotFound)
		}
		if problem = matches(have, want, fits); problem != nil {
			return false, unless(problem, ErrPoolUnavailable)
		}
		if !have.Exported {
			problem = &Error{Kind: ErrOutcomeUnknown, Text: "the disk is there but not exported"}
		}
		return have.Exported, nil
	})
	switch {
	case err != nil:
		return Volume{}, err
	case errors.Is(problem, ErrNotFound):
		return Volume{}, v.missing(ctx, want)
	case problem != nil:
		return Volume{}, problem
	}
	return have, nil
}

// unless passes an error on, except one of a kind that time may heal.
func unless(err error, heals Kind) error {
	if errors.Is(err, heals) {
		return nil
	}
	return err
}

// missing explains that a disk which was added is not there under its slot.
func (v *Volumes) missing(ctx context.Context, want Volume) error {
	found, err := v.read(ctx, disksWhere("file-path", want.FilePath))
	if err == nil && len(found[0]) == 1 {
		return blameLength(invalid("the device put %s into slot %q", want.FilePath, found[0][0].text("slot")), want.Slot)
	}
	return &Error{Kind: ErrOutcomeUnknown, Text: "the device accepted the disk but does not show it", Remedy: remedies[ErrOutcomeUnknown]}
}

// blameLength adds the remedy for a slot that only some devices take.
func blameLength(err error, slot string) error {
	if e, ok := err.(*Error); ok && len(slot) > safeSlot {
		blamed := *e
		blamed.Remedy = fmt.Sprintf("the slot has %d characters, and some devices take only %d: %s", len(slot), safeSlot, shorterSlot)
		return &blamed
	}
	return err
}

func conflict(format string, args ...any) *Error {
	return &Error{Kind: ErrAlreadyExists, Text: oneLine(fmt.Sprintf(format, args...))}
}

// orphan refuses to build on a file without a disk. Whether RouterOS keeps the content of a file that is already there
// is not documented, nor whose data it is.
func orphan(file record, want Volume) error {
	err := conflict("the file %s is there (%s bytes) without a disk", want.fileName(), file.text("size"))
	err.Remedy = fmt.Sprintf("if its data is not needed: /file remove [find name=%s]", quoted(want.fileName()))
	return err
}
