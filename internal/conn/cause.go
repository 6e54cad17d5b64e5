package conn

import "time"

// setIdentity notes what the device said between sent and answered.
func (r *Report) setIdentity(id Identity, sent, answered time.Time) {
	r.Identity = id
	if id.Uptime > 0 {
		// The device read its uptime somewhere between sent and answered, and
		// tells whole seconds.
		r.BootTime = answered.Add(-id.Uptime)
		r.bootSlack = answered.Sub(sent) + time.Second
	}
}

// causeOf compares the device that answers now with the one before the outage.
func causeOf(before, now Report) Cause {
	switch same, known := sameDevice(before.Identity, now.Identity); {
	case known && !same:
		return CauseOtherDevice
	case before.BootTime.IsZero() || now.BootTime.IsZero():
		return CauseUnknown
	case rebooted(before, now):
		return CauseReboot
	}
	return CauseLink
}

// sameDevice compares the strongest id that both have: a licence can change on
// the same hardware, a serial number cannot.
func sameDevice(a, b Identity) (same, known bool) {
	for _, ids := range [][2]string{
		{a.SerialNumber, b.SerialNumber}, {a.SoftwareID, b.SoftwareID}, {a.SystemID, b.SystemID},
	} {
		if ids[0] != "" && ids[1] != "" {
			return ids[0] == ids[1], true
		}
	}
	return false, false
}

// rebooted reports whether the device started again between the two reports.
// Boot times are computed with this machine's monotonic clock, so that setting
// either clock changes nothing; what the two oscillators drift apart in a long
// time is far less than a thousandth of it.
func rebooted(before, now Report) bool {
	up := now.BootTime.Add(now.Identity.Uptime).Sub(before.BootTime) // since the boot before
	return now.BootTime.Sub(before.BootTime) > now.bootSlack+before.bootSlack+up/1000
}
