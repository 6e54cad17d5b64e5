package emulator

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// rds is a device on a fake clock.
func rds(t *testing.T, options DeviceOptions, test func(t *testing.T, run func(line string) string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := NewDevice(options)
		test(t, func(line string) string { return d.Run(t.Context(), "admin", line).Output })
	})
}

// exchange is a line and what the device says to it, with \n for CRLF.
type exchange struct{ line, want string }

func wantAll(t *testing.T, run func(string) string, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		if got := strings.ReplaceAll(run(e.line), "\r\n", "\n"); got != e.want {
			t.Errorf("%s\n got %q\nwant %q", e.line, got, e.want)
		}
	}
}

func TestScriptLanguage(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{``, ""},
			{`:put ok`, "ok\n"},
			{`:put "a b"; :put c`, "a b\nc\n"},
			{` ;; :put a ;`, "a\n"},
			{`:put "q\"\\\$ \41\_z"`, "q\"\\$ A z\n"},
			{`:put ("a" . "b" . 3)`, "ab3\n"},
			{`:put (1 + 2)`, "3\n"},
			{`:put message="named"`, "named\n"},
			{`:local x "v"; :put "<$x>"; :put $x`, "<v>\nv\n"},
			{`:put "up $[/system identity get name]"`, "up MikroTik\n"},
			{`:put "sum $(1 + 1)"`, "sum 2\n"},
			{`:put ("up " . [/system/identity/get name])`, "up MikroTik\n"},
			{`:put {1;2;"c"}`, "1;2;c\n"},
			{`:put [:serialize to=json {"b"=1;"a"="x";"c"=true}]`, `{"a":"x","b":1,"c":"true"}` + "\n"},
			{`:put [:serialize to=json value={1;{2;3}}]`, "[1,[2,3]]\n"},
			{`:put [:serialize {} to=json]`, "[]\n"},
			{`:put [:len {1;2}]; :put [:len "four"]`, "2\n4\n"},
			{`:put [:typeof (1)]; :put [:typeof {}]; :put [:typeof [/system resource get uptime]]`, "num\narray\ntime\n"},
			{`:if (1 < 2) do={ :put yes } else={ :put no }`, "yes\n"},
			{`:if (1 > 2) do={ :put yes } else={ :put no }`, "no\n"},
			{`:if ("b" = "b" and !("a" = "b")) do={:put both}`, "both\n"},
			{`:if ("pvc-1" ~ "^pvc") do={:put matches}`, "matches\n"},
			{`{ :put a; :put b }`, "a\nb\n"},
		})
	})
}

func TestErrorsEndTheChainAndSayWhere(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`foo`, "bad command name foo (line 1 column 1)\n"},
			{`:put a; foo; :put b`, "a\nbad command name foo (line 1 column 9)\n"},
			{`/system foo print`, "bad command name foo (line 1 column 9)\n"},
			{`/system/foo/print`, "bad command name foo (line 1 column 9)\n"},
			{`:foo`, "bad command name foo (line 1 column 2)\n"},
			{`/system identity set nane=x`, "expected end of command (line 1 column 22)\n"},
			{`/system identity print foo`, "expected end of command (line 1 column 24)\n"},
			{`/system identity set name= x`, "expected end of command (line 1 column 27)\n"},
			{`/system identity print where name=x`, "expected end of command (line 1 column 24)\n"},
			{`/system re`, "ambiguous command name re (line 1 column 9)\n"},
			{`/system resource get nothing`, "input does not match any value of value-name\n"},
			{`:put "open`, "syntax error (line 1 column 6)\n"},
			{`:put [foo`, "syntax error (line 1 column 6)\n"},
			{`:put a ]`, "syntax error (line 1 column 8)\n"},
			{`:put "\q"`, "syntax error (line 1 column 7)\n"},
			{`:put a\b`, "syntax error (line 1 column 7)\n"},
			{`:put`, "missing value(s) of argument(s) message\n"},
			{`:put a b`, "expected end of command (line 1 column 8)\n"},
			{":put a\n:put b", "syntax error (line 1 column 7)\n"},
			{`:error "told you"; :put no`, "told you (:error; line 1)\n"},
			{`:put [:serialize to=dsv x]`, "input does not match any value of to\n"},
			{`"text"`, "expected command name (line 1 column 1)\n"},
		})
	})
}

func TestErrorsAreCaught(t *testing.T) {
	rds(t, DeviceOptions{NoRouterboard: true}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:onerror e in={ :put in } do={ :put do }; :put after`, "in\nafter\n"},
			{`:onerror e in={ /system routerboard print } do={ :put ("ERR " . $e) }; :put after`,
				"ERR bad command name routerboard (line 1 column 25)\nafter\n"},
			{`:onerror e in={ :error "x" } do={ :error "again" }; :put after`, "again (:error; line 1)\n"},
			{`:do { foo } on-error={ :put caught }`, "caught\n"},
			{`:do { :put fine } on-error={ :put caught }`, "fine\n"},
		})
	})
}

func TestDelayWaitsOnTheClockAndEndsWithTheContext(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		began := time.Now()
		wantAll(t, run, []exchange{{`:delay 2; :delay 500ms; :put late`, "late\n"}})
		if took := time.Since(began); took != 2500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestExitStatusIsZeroUnlessAskedFor(t *testing.T) {
	if r := NewDevice(DeviceOptions{}).Run(t.Context(), "", "foo"); r.ExitStatus != 0 || !r.Failed {
		t.Errorf("got %+v", r)
	}
	if r := NewDevice(DeviceOptions{ErrorExitStatus: 1}).Run(t.Context(), "", "foo"); r.ExitStatus != 1 {
		t.Errorf("got %+v", r)
	}
}

func FuzzEveryLineGetsAnAnswer(f *testing.F) {
	for _, line := range []string{
		`:put [:serialize to=json [/system resource print as-value]]; :put "OK-1"`,
		`:onerror e in={ /system routerboard print } do={ :put ("ERR " . $e) }`,
		`/disk add type=file slot="a\"b" file-size=1G; /disk remove [find where slot~"^a" and !(size > 1)]`,
		`:put "\`, `:put {"a"={1;2}}`, `[[`, `$`, `:put $[`, `a=`, `=`, `find`, `/`, `:`, `{}`, `()`, `:if (!`, `:put ("a"..)`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "delay") {
			t.Skip()
		}
		d := NewDevice(DeviceOptions{})
		out := d.Run(t.Context(), "admin", line).Output
		if strings.Contains(strings.ReplaceAll(out, "\r\n", ""), "\n") {
			t.Errorf("%q: a line of %q does not end in CRLF", line, out)
		}
	})
}
