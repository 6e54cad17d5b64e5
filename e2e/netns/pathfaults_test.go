//go:build linux

package netns

import (
	"strings"

	"rds-csi/internal/conn"
)

// pathFaults are those of the way between: the kernels at its ends see none
// of them.
var pathFaults = []fault{
	{
		name:     "way to the device loses everything",
		tunnel:   true,
		begin:    func(w *world) { w.tunnel.toFar.set(conditions{loss: 1}) },
		failures: 2,
		end:      clearPath,
		detected: silence, reasons: unheard, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:     "way to the service loses everything",
		tunnel:   true,
		begin:    func(w *world) { w.tunnel.toNear.set(conditions{loss: 1}) },
		failures: 2,
		end:      clearPath,
		detected: silence, reasons: unheard, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:   "way to the service swallows packets over 600 bytes",
		tunnel: true,
		// Nothing is lost until an answer is larger, and then everything that
		// follows it; the key exchange of an attempt is large as well.
		begin: func(w *world) {
			w.tunnel.toNear.set(conditions{largest: 600})
			w.s.exec(`:put "` + strings.Repeat("0123456789", 400) + `"`)
		},
		failures: 2,
		end:      clearPath,
		detected: busy, reasons: unheard, kinds: []conn.Kind{conn.KindHandshake},
	},
}

func clearPath(w *world) { w.tunnel.set(conditions{}) }
