package routeros

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// CreateRequest says which volume is wanted.
type CreateRequest struct {
	Slot string // the volume's id
	Size int64  // bytes; a new volume is rounded up to whole MiB
	// Limit is the largest size that a volume which is already there may have. 0: the size of a new one.
	Limit int64
}

// Create makes a volume and exports it, or finishes what an earlier call began. It returns only what it has read back,
// disk and file. A volume that is there already and fits the request is the answer; one that is not exported is exported
// again. What differs in size or place is ErrAlreadyExists. A file without a disk may hold data, or be the work of a
// command that is still running, so it is ErrOutcomeUnknown. Every kind that says the call is over, such as ErrNoSpace,
// means that the device said so, or that nothing of the volume is to be seen.
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

	here, err := v.lookPastOrphan(ctx, want)
	switch {
	case err != nil:
		return Volume{}, err
	case here.disk != nil:
		return v.reuse(ctx, here, want, fits)
	case here.user != nil:
		return Volume{}, here.taken(want)
	case here.file != nil:
		return Volume{}, orphan(here.file, want)
	}
	if err := here.pool.hold(want.Size); err != nil {
		return Volume{}, err
	}
	return v.add(ctx, want, fits)
}

// add makes the disk, with its file and export, by one command: a refused property leaves nothing behind.
func (v *Volumes) add(ctx context.Context, want Volume, fits func(int64) bool) (Volume, error) {
	refused := v.write(ctx, want.addCommand())
	switch KindOf(refused) {
	case "":
		if refused != nil {
			return Volume{}, refused
		}
	case ErrInvalid:
		return Volume{}, blameLength(refused, want.Slot)
	case ErrNotAllowed, ErrRoseStorageMissing, ErrUnsupported:
		return Volume{}, refused
	}
	// Whatever else the device said: the volume may be there, made by this command, an earlier one or another controller, or
	// a part of it, where the pool became full meanwhile.
	have, err := v.confirm(ctx, want, fits)
	if !errors.Is(err, ErrNotFound) {
		return have, err
	}
	switch KindOf(refused) {
	case "":
		return Volume{}, v.missing(ctx, want)
	case ErrFailure:
		return Volume{}, blameLength(refused, want.Slot)
	case ErrNoSpace, ErrPoolUnavailable, ErrOutcomeUnknown:
		return Volume{}, refused
	}
	return Volume{}, unknownOutcome("nothing is to be seen of the volume, and the device said: " + refused.(*Error).Text)
}

// reuse brings a disk that is already there to the wanted state, if it is the wanted volume.
func (v *Volumes) reuse(ctx context.Context, here presence, want Volume, fits func(int64) bool) (Volume, error) {
	have, err := here.wanted(want, fits)
	if err != nil || have.Exported {
		return have, err
	}
	if err := v.writeSelected(ctx, want.exportCommand()); err != nil {
		return Volume{}, err
	}
	have, err = v.confirm(ctx, want, fits)
	if errors.Is(err, ErrNotFound) {
		return Volume{}, unknownOutcome("the disk in slot " + want.Slot + " was removed meanwhile")
	}
	return have, err
}

// wanted reads the volume and tells whether it is the wanted one. Its name and port count only while it is exported:
// then somebody may be connected to them.
func (here presence) wanted(want Volume, fits func(int64) bool) (Volume, error) {
	have, err := here.volume(want)
	switch {
	case KindOf(err) == ErrInvalid:
		return Volume{}, conflict("%s", err.(*Error).Text)
	case err == nil && here.user != nil: // two disks over one file: whoever uses the other writes into the volume
		return Volume{}, here.taken(want)
	case err == nil && !fits(have.Size):
		return Volume{}, conflict("the disk in slot %s has %d bytes, %d are wanted", want.Slot, have.Size, want.Size)
	case err == nil && have.Exported && (have.NQN != want.NQN || have.Port != want.Port):
		return Volume{}, conflict("the disk in slot %s is exported as %q on port %d, not as %q on port %d", want.Slot, have.NQN, have.Port, want.NQN, want.Port)
	case err != nil:
		return Volume{}, err
	}
	return have, nil
}

// taken tells whose the volume's file is.
func (here presence) taken(want Volume) *Error {
	return conflict("the file %s belongs to the disk in slot %q", want.FilePath, here.user.text("slot"))
}

// confirm looks until the volume is there and exported. ErrNotFound: nothing of it is to be seen.
func (v *Volumes) confirm(ctx context.Context, want Volume, fits func(int64) bool) (Volume, error) {
	var have Volume
	var problem error
	err := await(ctx, func() (bool, error) {
		here, err := v.look(ctx, want)
		if err != nil {
			return false, err
		}
		have, problem = here.wanted(want, fits)
		switch {
		case here.disk == nil && here.file != nil && here.user == nil:
			problem = orphan(here.file, want)
		case problem == nil && !have.Exported:
			problem = unknownOutcome("the disk is there but not exported")
		}
		return problem == nil, unless(problem, ErrNotFound, ErrPoolUnavailable, ErrOutcomeUnknown)
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return Volume{}, err
	}
	return have, nil
}

// unless passes an error on, except one of the kinds that time may heal.
func unless(err error, heals ...Kind) error {
	for _, kind := range heals {
		if errors.Is(err, kind) {
			return nil
		}
	}
	return err
}

// missing explains that a disk which was added is not there under its slot. One that the device has put into a shorter
// slot would be found by nobody, so it is removed again: it was added by this call, and no node knows of it yet.
func (v *Volumes) missing(ctx context.Context, want Volume) error {
	found, err := v.read(ctx, disksWhere("file-path", want.FilePath))
	if err != nil {
		return err
	}
	if len(found[0]) != 1 {
		return unknownOutcome("the device accepted the disk but does not show it")
	}
	added := want
	added.Slot = found[0][0].text("slot")
	isShorter := added.Slot != "" && added.Slot != want.Slot && strings.HasPrefix(want.Slot, added.Slot)
	if !isShorter || found[0][0].text("nvme-tcp-server-nqn") != want.NQN {
		return unknownOutcome(oneLine(fmt.Sprintf("the file %s belongs to the disk in slot %q", want.FilePath, added.Slot)))
	}
	if err := v.remove(ctx, added, true, true); err != nil {
		return err
	}
	if err := v.confirmGone(ctx, added); err != nil {
		return err
	}
	return blameLength(invalid("the device put %s into slot %q", want.FilePath, added.Slot), want.Slot)
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

func unknownOutcome(text string) *Error {
	return &Error{Kind: ErrOutcomeUnknown, Text: oneLine(text), Remedy: remedies[ErrOutcomeUnknown]}
}

// orphan refuses to build on a file without a disk. Whether RouterOS keeps the content of a file that is already there
// is not documented, nor whose data it is.
func orphan(file record, want Volume) error {
	err := unknownOutcome(fmt.Sprintf("the file %s is there (%s bytes) without a disk", want.fileName(), file.text("size")))
	err.Remedy = fmt.Sprintf("if it stays and its data is not needed: /file remove [find name=%s]", quoted(want.fileName()))
	return err
}
