package routeros

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestADeviceThatHasJustStartedHasAnUptime(t *testing.T) {
	for _, uptime := range []string{"0s", "00:00:00"} {
		x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
			return `{"uptime":"` + uptime + `","version":"7.24.5"}` + "\r\nOK-" + nonceOf(t, line) + "\r\n", nil
		})
		if info, err := Verify(t.Context(), x); err != nil || info.Uptime <= 0 || info.Uptime >= time.Second {
			t.Errorf("%s: got %+v, %v", uptime, info, err)
		}
	}
}

func TestVerifyReadsWhatDevicesSay(t *testing.T) {
	for name, want := range map[string]SystemInfo{
		"verify-chr.txt": {Uptime: 6*time.Hour + 42*time.Minute + 44*time.Second, Version: "7.23.2 (stable)",
			Board: "CHR QEMU Standard PC (i440FX + PIIX, 1996)", Architecture: "x86_64", SystemID: "7WwsTkLUKQG", LicenseLevel: "free"},
		"verify-rds.txt": {Uptime: 9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second, Version: "7.24.4 (stable)",
			Board: "RDS2216", Architecture: "arm64", SerialNumber: "HG6099981S2", SoftwareID: "ABCD-1234", LicenseLevel: "6"},
		"verify-strings.txt": {Uptime: 7*time.Hour + 17*time.Minute + 52*time.Second, Version: "7.19.4 (stable)", Board: "CHR",
			Architecture: "x86_64", SystemID: "7WwsTkLUKQG", LicenseLevel: "free"},
		"verify-forbidden.txt": {Uptime: 82*time.Hour + 28*time.Minute + 51*time.Second, Version: "7.24.5 (stable)", Board: "RDS2216",
			Architecture: "arm64"},
	} {
		t.Run(name, func(t *testing.T) {
			reply := sample(t, name)
			x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
				return strings.ReplaceAll(reply, testNonce, nonceOf(t, line)), nil
			})
			if got, err := Verify(t.Context(), x); err != nil || got != want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestVerifyIsOneShortLineWithAFreshSentinel(t *testing.T) {
	reply, lines := sample(t, "verify-chr.txt"), map[string]bool{}
	x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
		if len(line) > maxLine || strings.ContainsAny(line, "\r\n") {
			t.Errorf("not one line below 1 KiB: %q", line)
		}
		lines[line] = true
		return strings.ReplaceAll(reply, testNonce, nonceOf(t, line)), nil
	})
	for range 2 {
		if _, err := Verify(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if len(lines) != 2 {
		t.Errorf("%d different lines in 2 calls, want 2", len(lines))
	}
}

func TestVerifyAsksForTheResourceAloneWhenTheWholeLineIsRefused(t *testing.T) {
	x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
		if strings.Contains(line, "routerboard") {
			return "bad command name routerboard (line 1 column 215)\r\n", nil
		}
		return "{\"uptime\":\"00:01:00\",\"version\":\"7.23.2 (stable)\"}\r\nOK-" + nonceOf(t, line) + "\r\n", nil
	})
	info, err := Verify(t.Context(), x)
	if err != nil || info.Version != "7.23.2 (stable)" || info.Uptime != time.Minute {
		t.Errorf("got %+v, %v", info, err)
	}
}

func TestVerifyTellsWhatIsWrongWithAnAnswer(t *testing.T) {
	resource := `{"uptime":"06:42:44","version":"7.23.2 (stable)"}` + "\r\n"
	for _, c := range []struct {
		name, output string
		want         Kind
	}{
		{"nothing", "", ErrTruncated},
		{"only the sentinel", "OK-NONCE\r\n", ErrMalformed},
		{"no sentinel", resource, ErrTruncated},
		{"cut within the resource", resource[:20], ErrTruncated},
		{"cut within the sentinel", resource + "OK-NON", ErrTruncated},
		{"the sentinel of another command", resource + "OK-fedcba9876543210\r\n", ErrTruncated},
		{"the sentinel within a line", resource + "xOK-NONCE\r\n", ErrTruncated},
		{"text after the sentinel", resource + "OK-NONCE\r\ninterrupted\r\n", ErrTruncated},
		{"no permission", "not enough permissions\r\n", ErrNotAllowed},
		{"device mode", "failure: not allowed by device-mode\r\n", ErrNotAllowed},
		{"too old", "bad command name serialize (line 1 column 7)\r\n", ErrUnsupported},
		{"unknown parameter", "expected end of command (line 1 column 30)\r\n", ErrUnsupported},
		{"no version", `{"uptime":"06:42:44"}` + "\r\nOK-NONCE\r\n", ErrMalformed},
		{"another system", "sh: 1: Syntax error: \"(\" unexpected\n", ErrInvalid},
		{"5 MiB", strings.Repeat("x", 5<<20), ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
				return strings.ReplaceAll(c.output, "NONCE", nonceOf(t, line)), nil
			})
			info, err := Verify(t.Context(), x)
			if KindOf(err) != c.want || !errors.Is(err, c.want) || info != (SystemInfo{}) {
				t.Fatalf("got %+v, %v; want kind %s", info, err, c.want)
			}
			if failure, ok := errors.AsType[*Error](err); !ok || failure.Op != "verify" {
				t.Errorf("the error %v does not name its operation", err)
			}
		})
	}
}

func TestVerifyBearsWithOddButWholeAnswers(t *testing.T) {
	for name, output := range map[string]string{
		"a notice before":          "Maintenance tonight\r\n{\"version\":\"7.24.5\"}\r\nOK-NONCE\r\n",
		"a raw line feed in JSON":  "{\"board-name\":\"RDS2216\",\"vers\nion\":\"7.2\r\n4.5\"}\r\nOK-NONCE\r\n",
		"NUL bytes":                "\x00{\"version\":\"7.24\x00.5\"}\r\nOK-NONCE\r\n\x00",
		"no line end":              "{\"version\":\"7.24.5\"}\nOK-NONCE",
		"an uptime in a new form":  "{\"uptime\":\"about a week\",\"version\":\"7.24.5\"}\r\nOK-NONCE\r\n",
		"a handler without braces": "{\"version\":\"7.24.5\"}\r\nERR {[ syntax error\r\nOK-NONCE\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
				return strings.ReplaceAll(output, "NONCE", nonceOf(t, line)), nil
			})
			info, err := Verify(t.Context(), x)
			if err != nil || info.Version != "7.24.5" || info.Uptime != 0 {
				t.Errorf("got %+v, %v", info, err)
			}
		})
	}
}

func TestErrorsOfTheExecutorPassUnchanged(t *testing.T) {
	lost := errors.New("connection lost")
	_, err := Verify(t.Context(), ExecutorFunc(func(context.Context, string) (string, error) { return "partial", lost }))
	if err != lost {
		t.Errorf("got %v, want the executor's own error", err)
	}
}

func FuzzIdentityIsReadWithoutPanic(f *testing.F) {
	for _, name := range []string{"verify-chr.txt", "verify-rds.txt", "verify-strings.txt", "verify-forbidden.txt"} {
		f.Add(sample(f, name))
	}
	f.Add("[{[{" + sentinel(testNonce))
	f.Fuzz(func(t *testing.T, output string) {
		info, err := parseIdentity(output, testNonce, identityCommand)
		if (err == nil) != (info.Version != "") {
			t.Errorf("version %q with error %v", info.Version, err)
		}
		if err != nil && info != (SystemInfo{}) {
			t.Errorf("%+v with error %v", info, err)
		}
		if err != nil && KindOf(err) == "" {
			t.Errorf("an error without a kind: %v", err)
		}
	})
}
