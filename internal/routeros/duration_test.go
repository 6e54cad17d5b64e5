package routeros

import (
	"testing"
	"time"
)

func TestDurationsAreReadInEveryFormThatRouterOSPrints(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"3d10h28m51s":             3*day + 10*time.Hour + 28*time.Minute + 51*time.Second,
		"1w2d":                    9 * day,
		"00:12:33":                12*time.Minute + 33*time.Second,
		"1d02:03:04":              day + 2*time.Hour + 3*time.Minute + 4*time.Second,
		"1w02:03:04":              7*day + 2*time.Hour + 3*time.Minute + 4*time.Second,
		"06:42:44":                6*time.Hour + 42*time.Minute + 44*time.Second,
		"00:00:00.200":            200 * time.Millisecond,
		"00:00:01.5":              1500 * time.Millisecond,
		"48s149ms":                48*time.Second + 149*time.Millisecond,
		"5ms":                     5 * time.Millisecond,
		"5m":                      5 * time.Minute,
		"1us2ns":                  time.Microsecond + 2,
		"0s":                      0,
		"52w":                     364 * day,
		"100:00:00":               100 * time.Hour,
		"15250w1d23:47:16.854775": 15250*7*day + day + 23*time.Hour + 47*time.Minute + 16854775*time.Microsecond,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestWhatIsNoDurationIsRefused(t *testing.T) {
	for _, text := range []string{"", " ", "5", "w", "1d 02:03:04", "-5s", "+5s", "5s5s", "5s1h", "12:33", "1:2:3", "00:60:00",
		"00:00:61", "1h00:00:01", "00:00:00.", "00:00:00.0123456789", "never", "20000w", "99999999999999999999s", "5s\n", "５s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func FuzzDurationIsNeverNegative(f *testing.F) {
	f.Add("1w2d03:04:05.6")
	f.Add("9223372036s854ms775us807ns")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := ParseDuration(text); got < 0 || err != nil && got != 0 {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	})
}
