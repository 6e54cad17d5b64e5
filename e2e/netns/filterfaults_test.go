//go:build linux

package netns

import (
	"fmt"

	"rds-csi/internal/conn"
)

// filterFaults are those of firewalls, on the device and on the service's own
// node. What a filter does to an old connection it need not do to a new one.
var filterFaults = []fault{
	{
		name:     "device drops what comes in",
		begin:    func(w *world) { w.filter(w.far, "input", "iifname eth0 meta l4proto tcp drop") },
		failures: 2,
		end:      unfilterDevice,
		detected: silence, reasons: unheard, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:     "device drops what goes out",
		begin:    func(w *world) { w.filter(w.far, "output", "oifname eth0 meta l4proto tcp drop") },
		failures: 2,
		end:      unfilterDevice,
		detected: silence, reasons: unheard, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:     "device drops what comes in on the old connection",
		begin:    func(w *world) { w.filter(w.far, "input", w.live("sport")+"drop") },
		detected: silence, reasons: unheard,
	},
	{
		name:     "device drops what goes out on the old connection",
		begin:    func(w *world) { w.filter(w.far, "output", w.live("dport")+"drop") },
		detected: silence, reasons: unheard,
	},
	{
		name:     "device drops what comes in on the old connection, under a command",
		command:  longCommand,
		begin:    func(w *world) { w.filter(w.far, "input", w.live("sport")+"drop") },
		detected: busy, reasons: unheard,
	},
	{
		name:     "device resets the old connection",
		begin:    func(w *world) { w.filter(w.far, "input", w.live("sport")+"reject with tcp reset") },
		detected: probed, reasons: []conn.Reason{conn.ReasonReset},
	},
	{
		name:     "device answers the old connection with ICMP unreachable",
		begin:    func(w *world) { w.filter(w.far, "input", w.live("sport")+"reject with icmp type host-unreachable") },
		detected: silence, reasons: unheard, // TCP takes it as advice: RFC 1122 section 4.2.3.9
	},
	{
		name:     "device resets its own end of the old connection",
		begin:    func(w *world) { w.filter(w.far, "output", w.live("dport")+"reject with tcp reset") },
		detected: silence, reasons: unheard, // the filter swallows this end's reset too
	},
	{
		name:     "node of the service drops what goes out on the old connection",
		begin:    func(w *world) { w.filter(w.near, "output", w.live("sport")+"drop") },
		detected: silence, reasons: unheard,
	},
	{
		name:     "node of the service resets the old connection",
		begin:    func(w *world) { w.filter(w.near, "output", w.live("sport")+"reject with tcp reset") },
		detected: probed, reasons: []conn.Reason{conn.ReasonReset},
	},
	{
		name:     "node of the service answers the old connection with ICMP unreachable",
		begin:    func(w *world) { w.filter(w.near, "output", w.live("sport")+"reject with icmp type host-unreachable") },
		detected: silence, reasons: unheard,
	},
	{
		name:     "device drops new connections, and the old one ends",
		begin:    func(w *world) { w.filter(w.far, "input", newOnly+"drop"); w.endSessions() },
		failures: 2,
		end:      unfilterDevice,
		detected: atOnce, reasons: ended, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:     "device resets new connections, and the old one ends",
		begin:    func(w *world) { w.filter(w.far, "input", newOnly+"reject with tcp reset"); w.endSessions() },
		failures: 3,
		end:      unfilterDevice,
		detected: atOnce, reasons: ended, kinds: []conn.Kind{conn.KindRefused},
	},
	{
		name: "device answers new connections with ICMP prohibited, and the old one ends",
		begin: func(w *world) {
			w.filter(w.far, "input", newOnly+"reject with icmp type admin-prohibited")
			w.endSessions()
		},
		failures: 3,
		end:      unfilterDevice,
		detected: atOnce, reasons: ended, kinds: []conn.Kind{conn.KindUnreachable},
	},
	{
		name: "node of the service prohibits new connections, and the old one ends",
		begin: func(w *world) {
			w.filter(w.near, "output", newOnly+"reject with icmp type admin-prohibited")
			w.endSessions()
		},
		failures: 3,
		end:      func(w *world) { w.filter(w.near, "output") },
		detected: atOnce, reasons: ended, kinds: []conn.Kind{conn.KindUnreachable},
	},
}

const newOnly = "tcp flags & (syn|ack) == syn "

// ended are the reasons of a connection whose server was killed: the kernel
// sends a reset where something was left unread, and a FIN where not.
var ended = []conn.Reason{conn.ReasonEOF, conn.ReasonReset}

// live begins a rule about the connection that is open now, by the service's
// port.
func (w *world) live(direction string) string {
	w.t.Helper()
	return fmt.Sprintf("tcp %s %d ", direction, w.livePort())
}

func unfilterDevice(w *world) { w.filter(w.far, "input") }
