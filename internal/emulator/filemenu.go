package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

// fileMenu is /file.
func (d *Device) fileMenu(m *menu) {
	list(m, listing{rows: d.fileRows, columns: []string{"name", "type", "size", "last-modified"}, layout: d.options.PrintDetail})
	m.verbs["remove"] = &verb{run: d.removeFiles, policy: "write", parameters: []string{"numbers"}, positional: []string{"numbers"}}
}

// fileRows are the files and directories that can be seen: those of the system and of mounted pools. RouterOS fact: names have no leading
// slash.
func (d *Device) fileRows() []record {
	row := func(name, kind string, modified time.Time) record {
		return record{{".id", fileID(name)}, {"name", name}, {"type", kind}, {"last-modified", fileTime(modified)}}
	}
	var rows []record
	for _, k := range d.storage.disks {
		if k.pool != nil && k.mounted {
			rows = append(rows, row(k.slot, "disk", d.boot))
		}
	}
	for _, dir := range d.storage.directories {
		rows = append(rows, row(dir, "directory", d.boot))
	}
	for _, f := range d.storage.sortedFiles() {
		if pool := d.storage.poolOf(f.name); pool == nil || pool.mounted {
			r := row(f.name, fileKind(f.name), f.modified)
			rows = append(rows, slices.Insert(r, 3, property{"size", fileSize(f.size)}))
		}
	}
	return rows
}

// fileID. RouterOS fact: ids of files look like **iCZmBt9q4dj.
func fileID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "**" + base64.RawURLEncoding.EncodeToString(sum[:])[:11]
}

func fileTime(t time.Time) string { return t.UTC().Format(time.DateTime) }

// removeFiles is /file remove.
func (d *Device) removeFiles(c *call) (any, error) {
	return d.eachItem(c, func(item string) error {
		f := d.fileNamed(item)
		switch {
		case f == nil:
			return noSuchItem
		case d.storage.byFile(f.name) != nil && !d.options.Careless:
			return fileInUse
		case d.keepsFiles:
			return timedOut
		}
		delete(d.storage.files, f.name)
		return nil
	})
}

// SetKeepFiles has /file remove fail, and leave the file, while everything else works.
func (d *Device) SetKeepFiles(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keepsFiles = on
}

func (d *Device) fileNamed(item string) *file {
	for _, f := range d.storage.files {
		if f.name == item || fileID(f.name) == item {
			return f
		}
	}
	return nil
}
