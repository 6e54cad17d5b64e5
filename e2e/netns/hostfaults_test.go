//go:build linux

package netns

import (
	"syscall"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
)

// hostFaults are those of the device's host. One that loses its power says
// nothing; what returns knows nothing of the connections of before.
var hostFaults = []fault{
	{
		name:     "device loses its power for long",
		begin:    (*world).cutPower,
		failures: 2,
		end:      func(w *world) { w.powerOn() },
		detected: silence, reasons: unheard, kinds: nowhere, cause: conn.CauseReboot,
	},
	{
		name:     "device loses its power for an instant",
		begin:    func(w *world) { w.cutPower(); w.powerOn() },
		detected: silence, reasons: []conn.Reason{conn.ReasonReset}, cause: conn.CauseReboot,
	},
	{
		name:     "device loses its power for an instant, under a command",
		command:  longCommand,
		begin:    func(w *world) { w.cutPower(); w.powerOn() },
		detected: busy, reasons: []conn.Reason{conn.ReasonReset}, cause: conn.CauseReboot,
	},
	{
		name:     "SSH service of the device killed",
		begin:    (*world).killService,
		failures: 3,
		end:      func(w *world) { w.h.boot(w.far) },
		detected: atOnce, reasons: ended, kinds: killed,
	},
	{
		name:     "SSH service of the device killed for half a minute",
		begin:    (*world).killService,
		failures: 6, // the next wait is the longest
		end:      func(w *world) { w.h.boot(w.far) },
		detected: atOnce, reasons: ended, kinds: killed,
	},
	{
		name:     "SSH sessions of the device frozen",
		begin:    func(w *world) { w.h.signalSessions(syscall.SIGSTOP) },
		detected: silence, reasons: unheard,
	},
}

// killed are the kinds of an attempt at a daemon that is killed: one that comes
// while it dies is accepted.
var killed = []conn.Kind{conn.KindRefused, conn.KindClosed}

// cutPower takes the device from the network first, so that nothing it sends
// in its last moments arrives, then all it runs, then the host itself.
func (w *world) cutPower() {
	w.t.Helper()
	w.ip(w.wire, "link del far") // its end of the cable goes with it; the other host sees no change
	w.far.remove()
}

// powerOn is the device after a boot: the same disks, and no connection.
func (w *world) powerOn() {
	w.t.Helper()
	w.plug(w.far, "far", farIP, farMAC)
	w.h.serve(emulator.NewDevice(emulator.DeviceOptions{Uptime: time.Second}))
	w.h.boot(w.far)
}

// killService ends the daemon and its sessions, not the host: its kernel tells
// the other end.
func (w *world) killService() {
	w.t.Helper()
	pids := w.far.pids()
	w.began = time.Now()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// endSessions ends what serves the connections; the daemon serves new ones.
func (w *world) endSessions() {
	w.t.Helper()
	w.began = time.Now()
	w.h.signalSessions(syscall.SIGKILL)
}
