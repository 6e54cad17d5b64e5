package emulator

import "time"

// commands builds the command table.
func (d *Device) commands() *menu {
	root := newMenu("")
	single(root.at("system/identity"), d.identityRecord)
	root.at("system/identity").verbs["set"] = &verb{run: d.setIdentity, policy: "write", parameters: []string{"name"}}
	single(root.at("system/resource"), d.resourceRecord)
	single(root.at("system/license"), d.licenseRecord)
	if !d.options.NoRouterboard {
		single(root.at("system/routerboard"), d.routerboardRecord)
	}
	list(root.at("system/package"), listing{
		rows:    d.packages,
		columns: []string{"name", "version", "build-time", "size"},
	})
	d.diskMenu(root.at("disk"))
	d.fileMenu(root.at("file"))
	d.userMenu(root.at("user"))
	root.at("system").verbs["reboot"] = &verb{run: d.reboot, policy: "reboot"}
	return root
}

func (d *Device) identityRecord() record {
	return record{{"name", d.identity}}
}

func (d *Device) setIdentity(c *call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name, ok := c.parameters["name"]; ok {
		d.identity = text(name)
	}
	return nil, nil
}

const buildTime = "2026-09-29 13:21:31"

func (d *Device) resourceRecord() record {
	uptime := time.Since(d.boot).Truncate(time.Second)
	r := record{
		{"uptime", uptime},
		{"version", d.options.Version + " (stable)"},
		{"build-time", buildTime},
	}
	if d.options.CHR {
		return append(r, record{
			{"free-memory", byteCount(333 << 20)},
			{"total-memory", byteCount(512 << 20)},
			{"cpu", "QEMU"},
			{"cpu-count", int64(1)},
			{"cpu-frequency", megahertz(2400)},
			{"cpu-load", percentage(1)},
			{"free-hdd-space", byteCount(70 << 20)},
			{"total-hdd-space", byteCount(89 << 20)},
			{"write-sect-since-reboot", int64(2128)},
			{"write-sect-total", int64(2129)},
			{"architecture-name", "x86_64"},
			{"board-name", d.options.Board},
			{"platform", "MikroTik"},
		}...)
	}
	return append(r, record{
		{"factory-software", "7.19"},
		{"free-memory", byteCount(30 << 30)},
		{"total-memory", byteCount(32 << 30)},
		{"cpu", "ARM64"},
		{"cpu-count", int64(16)},
		{"cpu-frequency", megahertz(2000)},
		{"cpu-load", percentage(1)},
		{"free-hdd-space", byteCount(92 << 20)},
		{"total-hdd-space", byteCount(128 << 20)},
		{"write-sect-since-reboot", int64(51204)},
		{"write-sect-total", int64(1830021)},
		{"bad-blocks", percentage(0)},
		{"architecture-name", "arm64"},
		{"board-name", d.options.Board},
		{"platform", "MikroTik"},
	}...)
}

// licenseRecord. RouterOS fact: an unlicensed CHR runs for ever at level free.
func (d *Device) licenseRecord() record {
	if d.options.CHR {
		return record{{"system-id", d.options.SystemID}, {"level", "free"}}
	}
	return record{{"software-id", d.options.SoftwareID}, {"nlevel", int64(6)}, {"features", ""}}
}

func (d *Device) routerboardRecord() record {
	if d.options.CHR {
		return record{{"routerboard", false}}
	}
	return record{
		{"routerboard", true},
		{"model", d.options.Board},
		{"serial-number", d.options.SerialNumber},
		{"firmware-type", "al64v3"},
		{"factory-firmware", "7.19"},
		{"current-firmware", d.options.Version},
		{"upgrade-firmware", d.options.Version},
	}
}

// reboot. Without a terminal nobody can answer the question that the console would ask, so it is not asked.
func (d *Device) reboot(c *call) (any, error) {
	c.printLine("system will reboot shortly")
	d.rebootCommand()
	return nil, nil
}
