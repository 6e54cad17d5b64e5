//go:build linux

package netns

import "rds-csi/internal/conn"

// nowhere are the kinds of an attempt whose SYN nobody answers: the kernel
// gives up on the neighbour, or the attempt on the kernel.
var nowhere = []conn.Kind{conn.KindUnreachable, conn.KindTimeout}

var unheard = []conn.Reason{conn.ReasonSilence}

// linkFaults are those of cables, interfaces and neighbours.
var linkFaults = []fault{
	{
		name:     "interface of the service down",
		begin:    func(w *world) { w.ip(w.near, "link set eth0 down") },
		failures: 3,
		end:      func(w *world) { w.ip(w.near, "link set eth0 up") },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "interface of the device down",
		begin:    func(w *world) { w.ip(w.far, "link set eth0 down") },
		failures: 2,
		end:      func(w *world) { w.ip(w.far, "link set eth0 up") },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "cable of the service pulled",
		begin:    func(w *world) { w.ip(w.wire, "link set near down") },
		failures: 2,
		end:      func(w *world) { w.ip(w.wire, "link set near up") },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "switch down",
		begin:    func(w *world) { w.ip(w.wire, "link set switch down") },
		failures: 2,
		end:      func(w *world) { w.ip(w.wire, "link set switch up") },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "wrong MAC address at the service",
		begin:    func(w *world) { w.mislead(w.near, farIP) },
		failures: 2,
		end:      func(w *world) { w.lead(w.near, farIP) },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "wrong MAC address at the device",
		begin:    func(w *world) { w.mislead(w.far, nearIP) },
		failures: 2,
		end:      func(w *world) { w.lead(w.far, nearIP) },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "wrong MAC address at the service, under a command",
		command:  longCommand,
		begin:    func(w *world) { w.mislead(w.near, farIP) },
		failures: 1,
		end:      func(w *world) { w.lead(w.near, farIP) },
		detected: busy, reasons: unheard, kinds: nowhere,
	},
	{
		name: "address of the service changed",
		begin: func(w *world) {
			w.ip(w.near, "address del "+nearIP+"/24 dev eth0")
			w.ip(w.near, "address add "+movedIP+"/24 dev eth0")
		},
		detected: silence, reasons: unheard,
	},
	{
		name:     "address of the device changed, the name follows later",
		begin:    moveDevice,
		failures: 2,
		end:      func(w *world) { w.s.resolve(movedIP) },
		detected: silence, reasons: unheard, kinds: nowhere,
	},
	{
		name:     "address of the device changed, the name with it",
		begin:    func(w *world) { moveDevice(w); w.s.resolve(movedIP) },
		detected: silence, reasons: unheard,
	},
}

// longCommand is under way for longer than any fault takes to be found, and
// tells the device that it is.
const longCommand = "/system/identity/set name=changed; :delay 60s; :put done"

// mislead has the host send what is for the address to a MAC address that
// nobody has.
func (n *network) mislead(ns namespace, address string) {
	n.t.Helper()
	n.ip(ns, "neighbour replace "+address+" lladdr "+noMAC+" dev eth0 nud permanent")
}

// lead lets the host ask again.
func (n *network) lead(ns namespace, address string) {
	n.t.Helper()
	n.ip(ns, "neighbour del "+address+" dev eth0")
}

func moveDevice(w *world) {
	w.ip(w.far, "address del "+farIP+"/24 dev eth0")
	w.ip(w.far, "address add "+movedIP+"/24 dev eth0")
}
