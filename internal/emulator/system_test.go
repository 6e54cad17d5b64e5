package emulator

import (
	"encoding/json"
	"testing"
	"time"
)

func TestBothPathFormsAndAbbreviationsNameTheSameCommand(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		for _, line := range []string{`/system/identity/print`, `/system identity print`, `system identity print`, `/sys id pr`, `/system; identity print`} {
			wantAll(t, run, []exchange{{line, "  name: MikroTik\n"}})
		}
	})
}

func TestUptimeInItsForms(t *testing.T) {
	for _, test := range []struct {
		uptime       time.Duration
		clock, print string
	}{
		{500 * time.Millisecond, "00:00:00", "0s"},
		{90 * time.Second, "00:01:30", "1m30s"},
		{26*time.Hour + 3*time.Minute + 4*time.Second, "1d02:03:04", "1d2h3m4s"},
		{15 * 24 * time.Hour, "2w1d00:00:00", "2w1d"},
	} {
		if got := clockText(test.uptime.Truncate(time.Second)); got != test.clock {
			t.Errorf("value of %v: got %s, want %s", test.uptime, got, test.clock)
		}
		if got := uptimeText(test.uptime); got != test.print {
			t.Errorf("print of %v: got %s, want %s", test.uptime, got, test.print)
		}
	}
}

func TestResourceAsJSONHasRealTypes(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		var got map[string]any
		if err := json.Unmarshal([]byte(run(`:put [:serialize to=json [/system resource print as-value]]`)), &got); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{
			"uptime": "1d02:03:04", "cpu-count": 16.0, "total-memory": float64(32 << 30), "version": "7.24.5 (stable)",
			"board-name": "RDS2216-2XG-4S+4XS-2XQ", "cpu-load": 1.0, "bad-blocks": 0.0,
		} {
			if got[name] != want {
				t.Errorf("%s: got %#v, want %#v", name, got[name], want)
			}
		}
	})
}

func TestHardwareHasASerialNumber(t *testing.T) {
	rds(t, DeviceOptions{SerialNumber: "SN1", SoftwareID: "AAAA-BBBB"}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:put [/system routerboard get serial-number]`, "SN1\n"},
			{`/system license print`, "  software-id: AAAA-BBBB\n       nlevel: 6\n     features: \n"},
			{`:put [:serialize to=json [/system license print as-value]]`, `{"features":"","nlevel":6,"software-id":"AAAA-BBBB"}` + "\n"},
		})
	})
}

func TestCHRHasASystemIDAndNoSerialNumber(t *testing.T) {
	rds(t, DeviceOptions{CHR: true, SystemID: "abc", SerialNumber: "ignored"}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:put [:serialize to=json [/system license print as-value]]`, `{"level":"free","system-id":"abc"}` + "\n"},
			{`/system routerboard print`, "  routerboard: no\n"},
			{`:put [:serialize to=json [/system routerboard print as-value]]`, `{"routerboard":false}` + "\n"},
			{`:put [/system license get level]`, "free\n"},
			{`:put [/system resource get board-name]`, "CHR\n"},
		})
	})
}

func TestPackages(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:put [:serialize to=json [/system package print as-value where name="rose-storage"]]`,
				`[{".id":"*2","build-time":"2026-09-29 13:21:31","name":"rose-storage","size":3248128,"version":"7.24.5"}]` + "\n"},
			{`/system package print count-only where name~"^r"`, "2\n"},
			{`:put [/system package print count-only]`, "2\n2\n"},
			{`:put [:len [/system package find where name="nothing"]]`, "0\n"},
			{`:put [:serialize to=json [/system package print as-value where name=nothing]]`, "[]\n"},
			{`:put [/system package print as-value proplist=name]`, ".id=*1;name=routeros;.id=*2;name=rose-storage\n"},
		})
	})
	rds(t, DeviceOptions{NoRoseStorage: true}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{{`/system package print count-only`, "1\n"}})
	})
}

func TestDeviceWithoutAServerRebootsAtOnce(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:execute {/system reboot}; :put [/system resource get uptime]`, "00:00:03\n"},
			{`/system reboot`, "system will reboot shortly\n"},
		})
	})
}
