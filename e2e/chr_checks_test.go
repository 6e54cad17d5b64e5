//go:build linux && !race

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// deviceChecks hold on every device. Each gets a connection that works, and
// leaves one.
var deviceChecks = []struct {
	name  string
	check func(*testing.T, testDevice)
}{
	{"it passes controller check", passesCheck},
	{"volumes are made, grown and deleted", keepsVolumes},
	{"a keepalive of OpenSSH is not answered", answersNoKeepalive},
	{"a session that is removed is noticed at once", losesSession},
	{"a reboot is noticed, survived and told as one", reboots},
	{"silence is noticed in time", fallsSilent},
}

func TestTheEmulatorPassesTheChecksOfADevice(t *testing.T) {
	realTime(t)
	for _, c := range deviceChecks {
		t.Run(c.name, func(t *testing.T) { c.check(t, emulatedTestDevice(t)) })
	}
}

func TestRouterOSPassesTheChecksOfADevice(t *testing.T) {
	d := realDevice(t)
	for _, c := range deviceChecks {
		t.Run(c.name, func(t *testing.T) { c.check(t, d) })
	}
}

func passesCheck(t *testing.T, d testDevice) {
	check := exec.Command(shippedProgram(t, "controller"), append([]string{"check", "--rds-volume-base-path=" + d.basePath}, d.flags()...)...)
	out, err := check.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "The RDS is usable.") {
		t.Errorf("%v\n%s", err, out)
	}
}

// serve starts the controller of a device and waits for its connection.
func (d testDevice) serve(t *testing.T) *service {
	t.Helper()
	s := startService(t, d.device, "")
	s.shows(30*time.Second, "connected", connected)
	return s
}

// volumeSize is the smallest that the service makes.
const volumeSize = 1 << 30

// volume makes one that the end of the test deletes.
func (s *service) volume(t *testing.T) (id string) {
	t.Helper()
	v, err := s.create(t.Context(), "e2e-"+rand.Text(), volumeSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // of one that is gone already, too
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if _, err := s.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: v.GetVolumeId()}); err != nil {
			t.Errorf("the volume %s is left: %v", v.GetVolumeId(), err)
		}
	})
	return v.GetVolumeId()
}

// sizes lists the volumes.
func (s *service) sizes(t *testing.T) map[string]int64 {
	t.Helper()
	all, err := s.controller.ListVolumes(t.Context(), &csi.ListVolumesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int64)
	for _, e := range all.GetEntries() {
		found[e.GetVolume().GetVolumeId()] = e.GetVolume().GetCapacityBytes()
	}
	return found
}

func keepsVolumes(t *testing.T, d testDevice) {
	s := d.serve(t)
	id := s.volume(t)
	if size := s.sizes(t)[id]; size != volumeSize {
		t.Errorf("the new volume has %d bytes", size)
	}
	_, err := s.controller.ControllerExpandVolume(t.Context(), &csi.ControllerExpandVolumeRequest{VolumeId: id,
		CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * volumeSize}, VolumeCapability: blockVolume})
	if size := s.sizes(t)[id]; err != nil || size != 2*volumeSize {
		t.Errorf("after it grew it has %d bytes, %v", size, err)
	}
	if _, err := s.controller.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id}); err != nil {
		t.Error(err)
	}
	if _, there := s.sizes(t)[id]; there {
		t.Error("it is there after it was deleted")
	}
	files := d.command(t, fmt.Sprintf(`:put [:len [/file find where name="%s/%s.img"]]`, strings.Trim(d.basePath, "/"), id))
	if strings.TrimSpace(files) != "0" {
		t.Errorf("files of the deleted volume: %s", files)
	}
}

// answersNoKeepalive is why the service opens sessions to see whether a device
// is there.
func answersNoKeepalive(t *testing.T, d testDevice) {
	answered, err := d.keepalive()
	if err != nil || answered != "" {
		t.Errorf("a keepalive got the answer %q, %v", answered, err)
	}
}

func losesSession(t *testing.T, d testDevice) {
	s := d.serve(t)
	before := s.shows(atOnce, "connected", connected).Connections
	answer := d.command(t, `/user active remove [find where via="ssh"]`)
	if strings.Contains(answer, "bad command name") && d.emulated != nil {
		d.emulated.do("/disconnect") // the same, for a device without this menu
	} else if answer != "" {
		t.Logf("the device says %q", answer)
	}
	v := s.shows(30*time.Second, "another connection", func(v shown) bool { return connected(v) && v.Connections > before })
	if v.LastDisconnect == nil || !slices.Contains([]string{"eof", "reset", "disconnect"}, v.LastDisconnect.Reason) ||
		v.LastOutage == nil || v.LastOutage.Cause != "link" {
		t.Errorf("the page shows %+v, %+v", v.LastDisconnect, v.LastOutage)
	}
	if v.LastOutage != nil && v.LastOutage.Attempts != 1 {
		t.Errorf("the device was there all along, and it took %d attempts", v.LastOutage.Attempts)
	}
}

func reboots(t *testing.T, d testDevice) {
	s := d.serve(t)
	id := s.volume(t)
	before := s.shows(atOnce, "connected", connected).Connections
	d.command(t, rebootCommand)
	v := s.shows(d.rebootTime, "another connection", func(v shown) bool { return connected(v) && v.Connections > before })
	if v.LastOutage == nil || v.LastOutage.Cause != "reboot" {
		t.Errorf("the outage was %+v, not a reboot", v.LastOutage)
	}
	s.line(`"msg":"volumes reconciled"`, `"vanished":0,"unexported":0,"resized":0`)
	if size := s.sizes(t)[id]; size != volumeSize {
		t.Errorf("the volume has %d bytes after the reboot", size)
	}
}

// rebootCommand asks no question, unlike the bare command.
const rebootCommand = `:execute {/system reboot}`

func fallsSilent(t *testing.T, d testDevice) {
	s := d.serve(t)
	before := s.shows(atOnce, "connected", connected).Connections
	resume := d.pause(t)
	// Silence is probed after 5 s, and is a loss after 5 s more.
	v := s.shows(10*time.Second+slack, "the loss", func(v shown) bool { return !v.Ready })
	if v.LastDisconnect == nil || v.LastDisconnect.Reason != "silence" {
		t.Errorf("the page shows %+v", v.LastDisconnect)
	}
	s.failsFastOverCSI()
	resume()
	s.shows(30*time.Second, "another connection", func(v shown) bool { return connected(v) && v.Connections > before })
}
