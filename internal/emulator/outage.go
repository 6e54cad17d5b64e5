package emulator

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// outage is a device that is away for a while. Guarded by the server's lock.
type outage struct {
	down   bool
	silent bool // lost its power: nothing answers, not even with a refusal
	timer  *time.Timer
}

func (o *outage) refuses() bool { return o.down && !o.silent }
func (o *outage) drops() bool   { return o.down && o.silent }

func (o *outage) stop() {
	if o.timer != nil {
		o.timer.Stop()
	}
}

// Reboot takes the device away for a while: sessions end with a FIN, connections are refused, then it is back, up since
// that moment, with its state kept. A reboot during a reboot begins it anew.
func (s *Server) Reboot(down time.Duration) { s.takeDown(down, false) }

// PowerCut is a reboot without the farewells: live connections fall silent and dials are dropped; when the device is
// back, it answers what arrives on a connection it has forgotten with a reset.
func (s *Server) PowerCut(down time.Duration) { s.takeDown(down, true) }

func (s *Server) takeDown(down time.Duration, silent bool) {
	s.changeFaults(func(*Faults) {
		if s.closed {
			return
		}
		s.outage.stop()
		s.outage = outage{down: true, silent: silent, timer: time.AfterFunc(down, s.comeBack)}
		s.stats.Reboots++
		for l := range s.links {
			if silent {
				l.forget()
			} else {
				l.drop()
			}
		}
	})
}

func (s *Server) comeBack() {
	s.device.Reboot()
	s.changeFaults(func(*Faults) {
		if s.closed {
			return
		}
		s.outage = outage{}
		for l := range s.links {
			l.deviceBack()
		}
	})
}

// rebootSoon is what a reboot command sets off.
func (s *Server) rebootSoon() {
	s.start(func() {
		if sleep(s.ctx, s.options.RebootDelay) {
			s.Reboot(s.options.RebootTime)
		}
	})
}

// Outages is a schedule: in every period the device is well at first and away for the last part, Down.
type Outages struct {
	Every, Down time.Duration
	Kind        string // "reboot" (default), "power" (cut), "drop" (FIN, then refused) or "silence" (black hole)
}

// ParseOutages reads "every=30s,down=5s" or "every=30s,down=5s,kind=silence".
func ParseOutages(text string) (Outages, error) {
	o := Outages{Kind: "reboot"}
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		var err error
		switch name {
		case "every":
			o.Every, err = time.ParseDuration(value)
		case "down":
			o.Down, err = time.ParseDuration(value)
		case "kind":
			o.Kind = value
		default:
			err = fmt.Errorf("unknown word %q", name)
		}
		if err != nil {
			return Outages{}, fmt.Errorf("outages %q: %w", text, err)
		}
	}
	if o.Down <= 0 || o.Every <= o.Down {
		return Outages{}, fmt.Errorf("outages %q: want every=T,down=T with every > down > 0", text)
	}
	switch o.Kind {
	case "reboot", "power", "drop", "silence":
		return o, nil
	}
	return Outages{}, fmt.Errorf("outages %q: kind: want reboot, power, drop or silence", text)
}

// RunOutages makes outages until the context ends; one under way then is ended.
func (s *Server) RunOutages(ctx context.Context, o Outages) {
	for sleep(ctx, o.Every-o.Down) {
		switch o.Kind {
		case "drop":
			s.SetRefuse(true)
			s.DropAll()
		case "silence":
			s.SetBlackHole(true)
		case "power":
			s.PowerCut(o.Down)
		default:
			s.Reboot(o.Down)
		}
		sleep(ctx, o.Down)
		switch o.Kind {
		case "drop":
			s.SetRefuse(false)
		case "silence":
			s.SetBlackHole(false)
		}
	}
}
