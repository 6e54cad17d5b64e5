package emulator

import (
	"strconv"
	"strings"
)

// apply checks the parameters of an add or a set and then puts them into the disk: all of them or, with an error, none.
func (d *Device) apply(k *disk, parameters map[string]any, isNew bool) error {
	next := *k
	var size int64
	for _, name := range names(parameters) {
		value := text(parameters[name])
		var err error
		switch name {
		case "slot":
			if d.options.ShortenSlots && len(value) > d.options.SlotLimit {
				value = value[:d.options.SlotLimit]
			}
			next.slot, err = value, d.checkSlot(value, k)
		case "comment":
			next.comment = value
		case "disabled":
			next.disabled, err = truth(name, value)
		case "mount-filesystem":
			next.mountFS, err = truth(name, value)
		case "nvme-tcp-export":
			next.export, err = truth(name, value)
		case "nvme-tcp-server-port":
			next.port, err = inRange(name, value, 1, 65535)
		case "nvme-tcp-server-nqn":
			next.nqn = value
		case "nvme-tcp-server-allow-host-name":
			next.allow = value
		case "file-offset":
			next.offset, err = byteSize(name, value)
		case "file-size":
			if value != "auto" {
				size, err = byteSize(name, value)
			}
		}
		if err != nil {
			return err
		}
	}
	if isNew && d.storage.bySlot(next.slot) != nil {
		return slotTaken
	}
	if err := d.applySize(&next, size, isNew); err != nil {
		return err
	}
	if k.pool != nil && next.slot != k.slot {
		d.storage.move(k.slot, next.slot)
	}
	*k = next
	return nil
}

// applySize makes or grows the file. A file that is there may be taken as it is, with file-size=auto or none at all.
func (d *Device) applySize(k *disk, size int64, isNew bool) error {
	switch {
	case size > 0 && k.pool != nil:
		return notAFileDisk
	case size > 0:
		k.fileSize = size
		return d.storage.resize(k.filePath, size)
	case isNew && d.storage.files[k.filePath] == nil:
		return missingValue("file-size")
	}
	return nil
}

// checkSlot. RouterOS fact: one report limits slots to 32 characters, another used 40.
func (d *Device) checkSlot(slot string, k *disk) error {
	other := d.storage.bySlot(slot)
	switch {
	case slot == "":
		return invalidValue("slot")
	case d.options.SlotLimit > 0 && len(slot) > d.options.SlotLimit:
		return slotTooLong
	case other != nil && other.id != k.id:
		return slotTaken
	}
	return nil
}

func truth(name, value string) (bool, error) {
	switch value {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, noMatch(name)
}

func inRange(name, value string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return 0, invalidValue(name)
	case n < low || n > high:
		return 0, outOfRange(name, low, high)
	}
	return n, nil
}

// byteSize reads a size. RouterOS fact: in file-size the suffixes K, M, G and T are powers of 1024.
func byteSize(name, value string) (int64, error) {
	digits := strings.TrimRight(value, "KMGT")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || len(value)-len(digits) > 1 {
		return 0, invalidValue(name)
	}
	for _, unit := range []string{"", "K", "M", "G", "T"} {
		if value[len(digits):] == unit {
			return n, nil
		}
		if n > 1<<52 {
			return 0, outOfRange(name, 0, 1<<62)
		}
		n <<= 10
	}
	return 0, invalidValue(name)
}
