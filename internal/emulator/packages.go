package emulator

import (
	"bytes"
	"strings"
)

// packageFile is the file that brings rose-storage. RouterOS fact: its version must be that of the system, and all but
// x86 have the architecture in the name.
func (d *Device) packageFile() string {
	if d.options.CHR {
		return "rose-storage-" + d.options.Version + ".npk"
	}
	return "rose-storage-" + d.options.Version + "-arm64.npk"
}

// packageMagic is what every package begins with.
var packageMagic = []byte{0x1e, 0xf1, 0xd0, 0xba}

// installPackages is what a boot does with uploaded packages: one that fits is installed and gone from /file. One that
// does not, or that is no package at all, stays. It is called with the device locked.
func (d *Device) installPackages() {
	f := d.storage.files[d.packageFile()]
	if f == nil || !bytes.HasPrefix(f.content, packageMagic) {
		return
	}
	delete(d.storage.files, f.name)
	d.roseStorage = true
	d.root = d.commands() // new properties are new words
}

func fileKind(name string) string {
	if strings.HasSuffix(name, ".npk") {
		return "package"
	}
	if i := strings.LastIndexByte(name, '.'); i > strings.LastIndexByte(name, '/') {
		return name[i:] + " file"
	}
	return "file"
}

func (d *Device) packages() []record {
	size := byteCount(13 << 20)
	rows := []record{{{".id", "*1"}, {"name", "routeros"}, {"version", d.options.Version}, {"build-time", buildTime}, {"size", size}}}
	if d.roseStorage {
		size := byteCount(3<<20 + 100<<10)
		rows = append(rows, record{{".id", "*2"}, {"name", "rose-storage"}, {"version", d.options.Version}, {"build-time", buildTime}, {"size", size}})
	}
	return rows
}
