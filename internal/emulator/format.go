package emulator

import "strings"

// formatDisks is /disk format. The console asks whether it may; a line without a terminal is taken not to be asked.
func (d *Device) formatDisks(c *call) (any, error) {
	fs := text(c.parameters["file-system"])
	switch fs {
	case "":
		return nil, missingValue("file-system")
	case "ext4", "btrfs", "xfs", "exfat", "fat32":
	default:
		return nil, noMatch("file-system")
	}
	if d.options.AskBeforeFormat && !c.background {
		return nil, formatQuestion
	}
	return d.eachDisk(c, func(k *disk) error {
		if k.pool == nil {
			return notAFileDisk
		}
		inUse := d.storage.find(func(other *disk) bool { return other.pool == nil && d.storage.poolOf(other.filePath) == k })
		if inUse != nil {
			return stopUsingItFirst
		}
		for name := range d.storage.files {
			if d.storage.poolOf(name) == k {
				delete(d.storage.files, name)
			}
		}
		k.pool.Used = 0
		k.fs, k.label, k.mounted = fs, text(c.parameters["label"]), k.mountFS
		return nil
	})
}

// move renames what is on a pool whose slot changes, and with it its mount point.
func (s *storage) move(from, to string) {
	rename := func(name string) string {
		if rest, ok := strings.CutPrefix(name, from+"/"); ok {
			return to + "/" + rest
		}
		return name
	}
	files := make(map[string]*file, len(s.files))
	for _, f := range s.files {
		f.name = rename(f.name)
		files[f.name] = f
	}
	s.files = files
	for i, dir := range s.directories {
		s.directories[i] = rename(dir)
	}
	for _, k := range s.disks {
		if k.pool == nil {
			k.filePath = rename(k.filePath)
		}
	}
}
