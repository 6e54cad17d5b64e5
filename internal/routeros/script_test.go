package routeros

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// A step is a command that is expected, by the words that occur in it, and the reply.
type step struct{ words, reply string }

// scripted is an Executor that expects exactly these commands. OK-NONCE in a reply becomes the command's sentinel.
func scripted(t *testing.T, steps ...step) Executor {
	t.Cleanup(func() {
		if len(steps) > 0 && !t.Failed() {
			t.Errorf("not asked: %s", steps[0].words)
		}
	})
	return ExecutorFunc(func(_ context.Context, line string) (string, error) {
		if len(steps) == 0 {
			t.Errorf("unexpected command: %s", line)
			return "", nil
		}
		next := steps[0]
		steps = steps[1:]
		if !strings.Contains(line, next.words) {
			t.Errorf("command %s\nwant one with %s", line, next.words)
		}
		return strings.ReplaceAll(next.reply, "OK-NONCE", sentinel(nonceOf(t, line))), nil
	})
}

// done is the reply to a write that worked.
const done = "OK-NONCE\r\n"

// looks is the reply to the look at one volume: lists of pools, disks by slot, disks by file, files, and pools once more.
func looks(pool, diskBySlot, diskByFile, file string) string {
	return fmt.Sprintf("[%s]\r\n[%s]\r\n[%s]\r\n[%s]\r\n[%[1]s]\r\nOK-NONCE\r\n", pool, diskBySlot, diskByFile, file)
}

// shows is the reply to the look at one volume while its disk is like this, with its file.
func shows(disk string) string { return looks(poolJSON, disk, disk, fileJSON) }

// nothing is the reply to the look at one volume where there is none.
func nothing() string { return looks(poolJSON, "", "", "") }

const (
	poolJSON = `{".id":"*1","free":107374182400,"fs":"ext4","mount-point":"pool","mounted":true,"size":214748364800,"slot":"pool","type":"partition"}`
	fileJSON = `{".id":"**a b","name":"pool/volumes/pvc-1.img","size":1073741824,"type":".img file"}`
	diskJSON = `{".id":"*2B","file-path":"/pool/volumes/pvc-1.img","file-size":1073741824,"mount-filesystem":false,"nvme-tcp-export":true,` +
		`"nvme-tcp-server-nqn":"nqn.2000-02.com.mikrotik:pvc-1","nvme-tcp-server-port":4420,"size":1073741824,"slot":"pvc-1","type":"file"}`
)

var (
	oneGiB     = CreateRequest{Slot: "pvc-1", Size: 1 << 30}
	pvc1       = Volume{Slot: "pvc-1", FilePath: "/pool/volumes/pvc-1.img", Size: 1 << 30, NQN: "nqn.2000-02.com.mikrotik:pvc-1", Port: 4420, Exported: true}
	unexported = strings.Replace(diskJSON, `"nvme-tcp-export":true`, `"nvme-tcp-export":false`, 1)
	elsewhere  = strings.ReplaceAll(diskJSON, "/pool/volumes/", "/pool/other/")
	found      = func(list string) string { return "[" + list + "]\r\nOK-NONCE\r\n" }
)

func volumes(t testing.TB, x Executor) *Volumes {
	t.Helper()
	v, err := NewVolumes(VolumesConfig{Executor: x, BasePath: "/pool/volumes"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
