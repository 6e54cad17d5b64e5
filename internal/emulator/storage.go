package emulator

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
)

// Pool is a mounted file system for volumes.
type Pool struct {
	Slot string // also its mount point
	Size int64  // bytes
	Used int64  // bytes that are taken by something else than the files the device knows of
	Raw  bool   // it has no file system yet
	// Partitioned gives it a partition without a file system.
	Partitioned bool
}

// storage is what /disk and /file show. It is guarded by the device's lock.
type storage struct {
	disks       []*disk // in the order in which they were added
	files       map[string]*file
	directories []string // as /file names them
	nextID      int64
	careless    bool // makes files smaller when told to
}

// disk is a row of /disk: a pool, or a disk over a file.
type disk struct {
	id          int64
	slot        string
	slotDefault string
	comment     string
	disabled    bool

	pool    *Pool // nil: a file disk
	mounted bool
	fs      string // "-": none
	label   string
	parent  string // of a partition: the slot of the disk that it is on

	filePath string // without leading slash, as /file names it
	fileSize int64  // as it was given last; 0: the file was taken as it is
	offset   int64
	export   bool
	port     int64
	nqn      string
	allow    string
	mountFS  bool
}

// file is a row of /file.
type file struct {
	name     string // without leading slash
	size     int64
	modified time.Time
	content  []byte // of an uploaded file; nil: nobody asks
}

func (d *Device) newStorage() storage {
	s := storage{files: map[string]*file{}, directories: slices.Clone(d.options.Directories), careless: d.options.Careless}
	for _, p := range d.options.Pools {
		fs := "btrfs"
		if p.Raw {
			fs = "-"
		}
		s.add(&disk{slot: p.Slot, slotDefault: p.Slot, pool: &p, fs: fs, mounted: !p.Raw, mountFS: true, port: defaultPort})
		if p.Partitioned {
			slot := p.Slot + "-part1"
			s.add(&disk{slot: slot, slotDefault: slot, parent: p.Slot, pool: &Pool{Slot: slot, Size: p.Size}, fs: "-", mountFS: true, port: defaultPort})
		}
	}
	return s
}

const defaultPort = 4420

func (s *storage) add(k *disk) {
	s.nextID++
	k.id = s.nextID
	s.disks = append(s.disks, k)
}

func (s *storage) bySlot(slot string) *disk {
	return s.find(func(k *disk) bool { return k.slot == slot })
}

func (s *storage) byFile(name string) *disk {
	return s.find(func(k *disk) bool { return k.pool == nil && k.filePath == name })
}

func (s *storage) find(match func(*disk) bool) *disk {
	if i := slices.IndexFunc(s.disks, match); i >= 0 {
		return s.disks[i]
	}
	return nil
}

// poolOf returns the pool that a file name is on, mounted or not.
func (s *storage) poolOf(name string) *disk {
	return s.find(func(k *disk) bool { return k.pool != nil && strings.HasPrefix(name, k.slot+"/") })
}

// free is what a pool has left. RouterOS fact: the space of a file looks taken in full as soon as the file is made.
func (s *storage) free(pool *disk) int64 {
	free := pool.pool.Size - pool.pool.Used
	for name, f := range s.files {
		if s.poolOf(name) == pool {
			free -= f.size
		}
	}
	return free
}

// resize makes a file of that size, or makes it larger.
func (s *storage) resize(name string, size int64) error {
	pool := s.poolOf(name)
	switch f := s.files[name]; {
	case pool == nil:
		return noDirectory
	case !pool.mounted:
		return notMounted
	case f == nil && s.free(pool) < size, f != nil && s.free(pool) < size-f.size:
		return noSpace
	case f != nil && size < f.size && !s.careless:
		return cannotShrink
	case f == nil:
		s.files[name] = &file{name: name, size: size, modified: time.Now()}
	default:
		f.size, f.modified = size, time.Now()
	}
	return nil
}

// directoryExists reports whether a file may be made there.
func (d *Device) directoryExists(name string) bool {
	dir := path.Dir(name)
	pool := d.storage.poolOf(name)
	if pool == nil {
		return false
	}
	return d.options.Directories == nil || dir == pool.slot || slices.Contains(d.storage.directories, dir)
}

// sortedFiles returns the files by name.
func (s *storage) sortedFiles() []*file {
	files := make([]*file, 0, len(s.files))
	for _, f := range s.files {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *file) int { return cmp.Compare(a.name, b.name) })
	return files
}

// SetPoolMounted mounts or unmounts a pool, as a device does some time after its boot. The disks over its files are there
// meanwhile, without a size. It reports whether there is such a pool.
func (d *Device) SetPoolMounted(slot string, mounted bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	pool := d.storage.bySlot(slot)
	if pool == nil || pool.pool == nil {
		return false
	}
	pool.mounted = mounted
	return true
}

// WriteFile makes a file, or changes the size of one, as something else than /disk would: an orphan, say. Names are as
// in /file, without a leading slash.
func (d *Device) WriteFile(name string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.storage.resize(name, size)
}

// FileSize returns the size of a file and whether it is there.
func (d *Device) FileSize(name string) (int64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.storage.files[name]
	if f == nil {
		return 0, false
	}
	return f.size, true
}
