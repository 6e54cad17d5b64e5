package emulator

import (
	"slices"
	"strconv"
	"strings"
)

// diskSettings are the parameters of /disk add and set, besides those that only add has.
var diskSettings = []string{"slot", "comment", "disabled", "file-size", "file-offset", "mount-filesystem"}

// exportSettings need the rose-storage package. RouterOS fact: without it they are unknown words.
var exportSettings = []string{"nvme-tcp-export", "nvme-tcp-server-port", "nvme-tcp-server-nqn",
	"nvme-tcp-server-allow-host-name"}

// diskMenu is /disk.
func (d *Device) diskMenu(m *menu) {
	settings := slices.Clone(diskSettings)
	if d.roseStorage {
		settings = append(settings, exportSettings...)
	}
	l := listing{
		rows:    d.diskRows,
		columns: []string{"slot", "mount-point", "size", "fs", "swap"},
		flags: []rowFlag{
			{'X', "DISABLED", "disabled"}, {'B', "BLOCK-DEVICE", "block-device"}, {'M', "MOUNTED", "mounted"},
			{'g', "GUID-PARTITION-TABLE", "guid-partition-table"}, {'p', "PARTITION", "partition"}, {'t', "NVME-TCP-EXPORT", "nvme-tcp-export"},
		},
		hidden: []string{"block-device", "mounted", "guid-partition-table", "partition", "disabled"},
		layout: d.options.PrintDetail,
	}
	list(m, l)
	m.verbs["add"] = &verb{run: d.addDisk, policy: "write", parameters: append([]string{"type", "file-path"}, settings...)}
	m.verbs["set"] = &verb{run: d.setDisks, policy: "write", parameters: append([]string{"numbers"}, settings...), positional: []string{"numbers"}}
	m.verbs["remove"] = &verb{run: d.removeDisks, policy: "write", parameters: []string{"numbers"}, positional: []string{"numbers"}}
	m.verbs["format"] = &verb{run: d.formatDisks, policy: "write", parameters: []string{"numbers", "file-system", "label"},
		positional: []string{"numbers"}, flags: []string{"without-paging"}}
	m.verbs["monitor-traffic"] = &verb{run: d.monitorTraffic, policy: "test", parameters: []string{"numbers"}, positional: []string{"numbers"}, flags: []string{"once"}}
}

// diskRows are the rows of /disk, with their properties in the order of a print.
func (d *Device) diskRows() []record {
	var rows []record
	for _, k := range d.storage.disks {
		if k.pool != nil {
			rows = append(rows, d.poolRow(k))
		} else {
			rows = append(rows, d.fileDiskRow(k))
		}
	}
	return rows
}

func (k *disk) idText() string { return itemID(k.id) }

// itemID: RouterOS fact: ids are an asterisk and a hexadecimal number in capitals.
func itemID(n int64) string { return "*" + strings.ToUpper(strconv.FormatInt(n, 16)) }

func (d *Device) poolRow(k *disk) record {
	kind := word("hardware")
	if k.parent != "" {
		kind = "partition"
	}
	r := record{{".id", k.idText()}, {"block-device", true}, {"mounted", k.mounted}, {"disabled", k.disabled},
		{"guid-partition-table", k.pool.Partitioned}, {"partition", k.parent != ""},
		{"type", kind}, {"slot", k.slot}, {"slot-default", k.slotDefault}, {"parent", k.parent}, {"fs", word(k.fs)},
		{"model", "emulated"}, {"size", spaced(k.pool.Size)}}
	if k.label != "" {
		r = append(r, property{"fs-label", k.label})
	}
	if k.mounted {
		free := d.storage.free(k)
		used := int64(0)
		if k.pool.Size > 0 {
			used = (k.pool.Size - free) * 100 / k.pool.Size
		}
		r = append(r, record{{"free", spaced(free)}, {"use", percentage(used)}, {"mount-point", k.slot}}...)
	}
	r = append(r, record{{"mount-filesystem", k.mountFS}, {"mount-read-only", false}, {"compress", word("no")},
		{"sector-size", int64(512)}, {"raid-master", word("none")}}...)
	return d.appendShares(r, k)
}

// fileDiskRow. RouterOS fact: there is no status property; a disk that is there and has the flag t is all there is.
func (d *Device) fileDiskRow(k *disk) record {
	r := record{{".id", k.idText()}, {"block-device", true}, {"mounted", false}, {"disabled", k.disabled}}
	if k.comment != "" {
		r = append(r, property{"comment", k.comment})
	}
	r = append(r, record{{"type", word("file")}, {"slot", k.slot}, {"slot-default", k.slotDefault}, {"parent", ""},
		{"fs", word("-")}, {"model", "/" + k.filePath}}...)
	size, known := d.diskSize(k)
	if known && !d.options.FileSizeAlone {
		r = append(r, property{"size", spaced(size)})
	}
	r = append(r, record{{"mount-filesystem", k.mountFS}, {"mount-read-only", false}, {"compress", word("no")},
		{"sector-size", int64(512)}, {"raid-master", word("none")}}...)
	r = d.appendShares(r, k)
	r = append(r, property{"file-path", word("/" + k.filePath)})
	switch {
	case d.options.FileSizeAlone:
		r = append(r, property{"file-size", fileSize(k.fileSize)})
	case known:
		r = append(r, property{"file-size", fileSize(size)})
	}
	return append(r, property{"file-offset", k.offset})
}

// diskSize is unknown while the pool below is not mounted, or when the file was removed.
func (d *Device) diskSize(k *disk) (int64, bool) {
	pool, f := d.storage.poolOf(k.filePath), d.storage.files[k.filePath]
	if pool == nil || !pool.mounted || f == nil {
		return 0, false
	}
	return f.size - k.offset, true
}

// appendShares adds what a disk is shared as. RouterOS fact: most of it exists with rose-storage alone, and properties
// without a value are absent.
func (d *Device) appendShares(r record, k *disk) record {
	if d.roseStorage {
		r = append(r, property{"nvme-tcp-export", k.export})
		if k.export {
			nqn := k.nqn
			if nqn == "" { // RouterOS fact: unset, the subsystem's name was the slot
				nqn = k.slot
			}
			r = append(r, record{{"nvme-tcp-server-port", k.port}, {"nvme-tcp-server-nqn", nqn},
				{"nvme-tcp-server-allow-host-name", k.allow}}...)
		}
		r = append(r, record{{"iscsi-export", false}, {"nfs-sharing", false}}...)
	}
	return append(r, record{{"smb-sharing", false}, {"media-sharing", false}, {"media-interface", word("none")}, {"swap", false}}...)
}

// addDisk is /disk add; its value is the new id.
func (d *Device) addDisk(c *call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kind, ok := c.parameters["type"]
	switch {
	case !ok:
		return nil, missingValue("type")
	case text(kind) != "file":
		return nil, noMatch("type")
	case text(c.parameters["file-path"]) == "":
		return nil, missingValue("file-path")
	}
	name := strings.TrimPrefix(text(c.parameters["file-path"]), "/")
	k := &disk{filePath: name, port: defaultPort, mountFS: true}
	// RouterOS fact: the default slot of /pool/x is file-pool-x.
	k.slotDefault = "file-" + strings.ReplaceAll(name, "/", "-")
	k.slot = k.slotDefault
	if size, err := byteSize("file-size", text(c.parameters["file-size"])); err == nil && d.options.Careless && d.storage.files[name] != nil {
		d.storage.resize(name, size)
	}
	if d.storage.byFile(name) != nil {
		return nil, fileTaken
	}
	if !d.directoryExists(name) {
		return nil, noDirectory
	}
	if err := d.apply(k, c.parameters, true); err != nil {
		return nil, err
	}
	if d.options.AddTime > 0 {
		d.mu.Unlock()
		sleep(c.ctx, d.options.AddTime)
		d.mu.Lock()
		if d.storage.bySlot(k.slot) != nil || d.storage.byFile(name) != nil {
			return nil, slotTaken
		}
	}
	d.storage.add(k)
	return k.idText(), nil
}

// setDisks is /disk set.
func (d *Device) setDisks(c *call) (any, error) {
	return d.eachDisk(c, func(k *disk) error { return d.apply(k, c.parameters, false) })
}

// removeDisks is /disk remove. RouterOS fact: the file stays.
func (d *Device) removeDisks(c *call) (any, error) {
	return d.eachDisk(c, func(k *disk) error {
		if k.pool != nil || k.export && d.options.KeepExported {
			return stopUsingItFirst
		}
		d.storage.disks = slices.DeleteFunc(d.storage.disks, func(other *disk) bool { return other == k })
		return nil
	})
}

// eachDisk does something to the disks that the call names. RouterOS fact: an empty [find] is no error, a name or id that
// nothing has is "no such item".
func (d *Device) eachDisk(c *call, do func(*disk) error) (any, error) {
	return d.eachItem(c, func(item string) error {
		k := d.storage.find(func(k *disk) bool { return k.idText() == item || k.slot == item })
		if k == nil {
			return noSuchItem
		}
		return do(k)
	})
}

// eachItem does something, with the device locked, to each name or id of the call.
func (d *Device) eachItem(c *call, do func(item string) error) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	numbers, ok := c.parameters["numbers"]
	if !ok {
		return nil, missingValue("numbers")
	}
	for _, item := range items(numbers) {
		if err := do(item); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// items are the names or ids of a numbers argument: an array, or a list with commas.
func items(numbers any) []string {
	if a, ok := numbers.(array); ok {
		var list []string
		for _, e := range a {
			list = append(list, text(e.value))
		}
		return list
	}
	return strings.Split(text(numbers), ",")
}

// monitorTraffic. RouterOS fact: without "once" it never ends.
func (d *Device) monitorTraffic(c *call) (any, error) {
	_, err := d.eachDisk(c, func(k *disk) error {
		c.printPairs(traffic(k))
		return nil
	})
	if err != nil || c.flags["once"] {
		return nil, err
	}
	<-c.ctx.Done()
	return nil, scriptError("interrupted")
}

// traffic is that of a disk which nobody uses.
func traffic(k *disk) record {
	r := record{{"slot", word(k.slot)}}
	for _, what := range []string{"read", "write", "discard"} {
		r = append(r, record{{what + "-ops", spaced(0)}, {what + "-ops-per-second", spaced(0)}, {what + "-bytes", spaced(0)},
			{what + "-rate", word("0bps")}, {what + "-time", word("0ms")}}...)
	}
	return append(r, record{{"in-flight-ops", spaced(0)}, {"active-time", word("0ms")}, {"wait-time", word("0ms")}}...)
}
