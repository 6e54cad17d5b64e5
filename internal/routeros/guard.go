package routeros

import (
	"fmt"
	"strconv"
)

// A command that changes something may reach the device late: after its connection was cut, when this controller or
// another has long gone on, removed the volume, or made it anew. So what was read before sending proves nothing, and
// every such line has the device look once more before it acts.
//
// Three things this cannot do. RouterOS has no transactions: the time between two commands of one line remains, on the
// device itself. A creation that arrives after a deletion makes an empty volume, since nothing on the device tells that
// it is not wanted any more. And a deletion's first command, arriving late, ends the export of a volume that was made or
// taken back meanwhile; its data stays, and the next creation exports it again.

// selected selects the volume's disk, and that one alone: by slot, type and file, and if the conditions hold. A selection
// that matches nothing changes nothing, without a word.
func (w Volume) selected(conditions ...string) string {
	where := fmt.Sprintf("slot=%s and type=file and file-path=%s", quoted(w.Slot), quoted(w.FilePath))
	for _, condition := range conditions {
		where += " and " + condition
	}
	return "[find " + where + "]"
}

// addCommand makes disk, file and export, where there is neither a disk in the slot nor the file: what RouterOS does to
// the file of another disk before it refuses is not documented.
func (w Volume) addCommand() string {
	return fmt.Sprintf(`:if ([:len [/disk find slot=%s]] = 0 and [:len [/file find name=%s]] = 0) do={/disk add type=file file-path=%s file-size=%s slot=%s %s}`,
		quoted(w.Slot), quoted(w.fileName()), quoted(w.FilePath), sizeText(w.Size), quoted(w.Slot), exportArguments(w))
}

// exportCommand exports a disk that is not.
func (w Volume) exportCommand() string {
	return fmt.Sprintf(`/disk set %s %s`, w.selected(notExported), exportArguments(w))
}

// unexportCommand ends the export, and marks the volume as one to be deleted: whoever exports it again takes it back.
func (w Volume) unexportCommand() string {
	return fmt.Sprintf(`/disk set %s nvme-tcp-export=no`, w.selected())
}

// removeDiskCommand removes the disk unless it was exported again meanwhile.
func (w Volume) removeDiskCommand() string {
	return `/disk remove ` + w.selected(notExported)
}

// removeFileCommand removes the file where no disk has it. RouterOS leaves it when a disk is removed.
func (w Volume) removeFileCommand() string {
	return fmt.Sprintf(`:if ([:len [/disk find file-path=%s]] = 0) do={/file remove [find name=%s]}`, quoted(w.FilePath), quoted(w.fileName()))
}

// growCommand gives the volume its size if it still has the one that was read, which is smaller.
func (w Volume) growCommand(from int64) string {
	return fmt.Sprintf(`/disk set %s file-size=%s`, w.selected("size="+strconv.FormatInt(from, 10)), sizeText(w.Size))
}

// notExported also holds where RouterOS leaves out what is not set.
const notExported = "!nvme-tcp-export"

// exportArguments export a disk. mount-filesystem=no keeps RouterOS from mounting the file system that the guest makes.
func exportArguments(want Volume) string {
	return fmt.Sprintf(`nvme-tcp-export=yes nvme-tcp-server-port=%d nvme-tcp-server-nqn=%s mount-filesystem=no`,
		want.Port, quoted(want.NQN))
}
