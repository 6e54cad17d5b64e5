package routeros

import (
	"context"
	"strings"
	"time"
)

// VolumesConfig says where volumes live on the device.
type VolumesConfig struct {
	Executor Executor // required

	// BasePath is the directory for the files, such as /pool/volumes; a leading slash makes no difference. Required. It
	// must exist.
	BasePath string
	// Pool is the mount point of the file system below BasePath, such as "pool". Default: the first part of BasePath.
	Pool string
	// NQNPrefix comes before the slot in the NVMe qualified name. Default nqn.2000-02.com.mikrotik: with the colon.
	NQNPrefix string
	// Port is the NVMe/TCP port of new volumes. Default 4420.
	Port int
}

// Volumes are the file-backed disks of a device that are exported over NVMe/TCP: a disk with the volume's id as its slot,
// over a file of the same name in the base path.
//
// Its methods hold no state and are safe for concurrent use, also by several controllers: the device decides by what it
// finds when a command arrives, not by what was read before. Of a creation and a deletion of the same volume at a time
// either may win, and the other is ErrOutcomeUnknown. Each method may be repeated after any failure and then goes on
// where the last one stopped.
type Volumes struct {
	x         Executor
	base      string // without slashes at its ends
	pool      string
	nqnPrefix string
	port      int
	page      int // pageSize, except in tests
}

// Volume is one exported disk.
type Volume struct {
	Slot     string
	FilePath string // with a leading slash
	Size     int64  // bytes; 0 while the device does not know it, as before the pool is mounted
	NQN      string // empty if the device gives none
	Port     int
	Exported bool
}

// settle are the waits between looks at a change that the device was told to make. RouterOS answers a command before
// the disk is fully there.
var settle = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// NewVolumes checks the configuration and asks the device nothing.
func NewVolumes(c VolumesConfig) (*Volumes, error) {
	if c.Executor == nil {
		return nil, invalid("no Executor")
	}
	base, err := cleanBase(c.BasePath)
	if err != nil {
		return nil, err
	}
	if c.Pool == "" {
		c.Pool, _, _ = strings.Cut(base, "/")
	}
	pool, err := cleanBase(c.Pool)
	if err != nil {
		return nil, err
	}
	// The pool proves that the base path is on it; another one would let files fill the system's own storage.
	if base != pool && !strings.HasPrefix(base, pool+"/") {
		return nil, invalid("the base path %q is not on the pool %q", base, pool)
	}
	if c.NQNPrefix == "" {
		c.NQNPrefix = "nqn.2000-02.com.mikrotik:"
	}
	if err := checkNQN(c.NQNPrefix); err != nil {
		return nil, err
	}
	if c.Port == 0 {
		c.Port = 4420
	}
	if c.Port < 1 || c.Port > 65535 {
		return nil, invalid("%d is no TCP port", c.Port)
	}
	return &Volumes{x: c.Executor, base: base, pool: pool, nqnPrefix: c.NQNPrefix, port: c.Port, page: pageSize}, nil
}

// named is the volume that belongs to a slot, as Create makes it but for its size.
func (v *Volumes) named(slot string) (Volume, error) {
	if err := checkSlot(slot); err != nil {
		return Volume{}, err
	}
	nqn := v.nqnPrefix + slot
	if err := checkNQN(nqn); err != nil {
		return Volume{}, err
	}
	return Volume{Slot: slot, FilePath: "/" + v.base + "/" + slot + ".img", NQN: nqn, Port: v.port, Exported: true}, nil
}

// fileName is the volume's file as /file names it: without the leading slash that /disk gives it.
func (w Volume) fileName() string { return strings.TrimPrefix(w.FilePath, "/") }

// Get reads one volume. ErrNotFound means that the device said there is none.
func (v *Volumes) Get(ctx context.Context, slot string) (Volume, error) {
	volume, err := v.get(ctx, slot)
	return volume, withOp("get volume", err)
}

func (v *Volumes) get(ctx context.Context, slot string) (Volume, error) {
	if err := checkSlot(slot); err != nil {
		return Volume{}, err
	}
	found, err := v.read(ctx, disksWhere("slot", slot))
	if err != nil {
		return Volume{}, err
	}
	disk, err := one(found[0], "slot", slot)
	if err != nil {
		return Volume{}, err
	}
	if disk == nil {
		return Volume{}, noDisk(slot)
	}
	return volumeOf(disk)
}

// SystemInfo asks the device what it is; see [Verify].
func (v *Volumes) SystemInfo(ctx context.Context) (SystemInfo, error) { return Verify(ctx, v.x) }

// volumeOf reads a disk as a volume. A disk of another type is none, whatever its name.
func volumeOf(disk record) (Volume, error) {
	if err := checkType(disk); err != nil {
		return Volume{}, err
	}
	// Not file-size: it is what the disk was given, rounded in print, or "auto", and proves no file.
	size, err := disk.bytes("size")
	if err != nil {
		return Volume{}, malformed(err)
	}
	port, err := disk.bytes("nvme-tcp-server-port")
	if err != nil || port > 65535 {
		return Volume{}, &Error{Kind: ErrMalformed, Text: "the port is " + oneLine(disk.text("nvme-tcp-server-port"))}
	}
	exported, err := disk.flag("nvme-tcp-export")
	if err != nil {
		return Volume{}, malformed(err)
	}
	return Volume{Slot: disk.text("slot"), FilePath: pathOf(disk), Size: size,
		NQN: disk.text("nvme-tcp-server-nqn"), Port: int(port), Exported: exported}, nil
}

// pathOf is the disk's file with a leading slash, which RouterOS does not need where it is set.
func pathOf(disk record) string { return "/" + strings.TrimPrefix(disk.text("file-path"), "/") }

func checkType(disk record) error {
	if kind := disk.text("type"); kind != "file" {
		return invalid("the disk in slot %q is of type %q, not file", disk.text("slot"), kind)
	}
	return nil
}

func malformed(cause error) *Error { return &Error{Kind: ErrMalformed, Text: oneLine(cause.Error())} }

// await looks until done says so, in the rhythm of settle; the last answer counts.
func await(ctx context.Context, look func() (done bool, err error)) error {
	return awaitIn(ctx, settle, look)
}

func awaitIn(ctx context.Context, waits []time.Duration, look func() (done bool, err error)) error {
	for _, wait := range waits {
		if wait > 0 {
			select {
			case <-ctx.Done():
				return &Error{Kind: ErrOutcomeUnknown, Text: "the change was not yet to be seen", Remedy: remedies[ErrOutcomeUnknown],
					Cause: ctx.Err()}
			case <-time.After(wait):
			}
		}
		if done, err := look(); done || err != nil {
			return err
		}
	}
	return nil
}
