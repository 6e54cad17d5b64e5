package routeros

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RouterOS prints a duration as 3d10h28m51s or 48s149ms in print, and as 00:12:33, 1d02:03:04 or 00:00:00.200 in
// as-value and JSON.
var (
	unitDuration = regexp.MustCompile(
		`^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?(?:(\d+)us)?(?:(\d+)ns)?$`)
	clockDuration = regexp.MustCompile(`^(?:(\d+)w)?(?:(\d+)d)?(\d+):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?$`)

	durationUnits = []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second,
		time.Millisecond, time.Microsecond, time.Nanosecond}
)

// ParseDuration reads a RouterOS duration in any of the forms that RouterOS prints.
func ParseDuration(text string) (time.Duration, error) {
	numbers, units := clockDuration.FindStringSubmatch(text), durationUnits
	if numbers != nil {
		// The fraction has as many digits as it needs: make it nanoseconds.
		if fraction := &numbers[6]; *fraction != "" {
			*fraction += strings.Repeat("0", 9-len(*fraction))
		}
		units = append(durationUnits[:5:5], time.Nanosecond)
	} else if numbers = unitDuration.FindStringSubmatch(text); numbers == nil || text == "" {
		return 0, fmt.Errorf("%q is no RouterOS duration", oneLine(text))
	}
	var sum time.Duration
	for i, unit := range units {
		if numbers[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(numbers[i+1], 10, 64)
		if err != nil || n > int64((math.MaxInt64-sum)/unit) {
			return 0, fmt.Errorf("the duration %q is too long", oneLine(text))
		}
		sum += time.Duration(n) * unit
	}
	return sum, nil
}
