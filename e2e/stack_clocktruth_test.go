//go:build linux && !race

package e2e

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// aMoment is the difference that reading the clocks one after the other makes.
const aMoment = 2 * time.Second

// lived is how long the controller has been there, at most.
func (c *clocked) lived() time.Duration { return time.Since(c.began) + aMoment }

// tellsTheTruth expects that whatever has a time or a duration has one that can
// be, by the clock as it is set now.
func (c *clocked) tellsTheTruth() {
	c.t.Helper()
	c.pageIsTrue()
	c.stripIsDrawn()
	c.metricsAreTrue()
}

// past expects a time since the start of the process.
func (c *clocked) past(what string, at time.Time) {
	c.t.Helper()
	if ago := c.now().Sub(at); ago < -aMoment || ago > c.lived() {
		c.t.Errorf("with the clock %v wrong: %s is %v, %v ago", c.wrong, what, at, ago)
	}
}

// short expects a duration that the process can have seen.
func (c *clocked) short(what string, d time.Duration) {
	c.t.Helper()
	if d < 0 || d > c.lived() {
		c.t.Errorf("with the clock %v wrong: %s is %v", c.wrong, what, d)
	}
}

// pageIsTrue looks at every time and every duration of /status.json.
func (c *clocked) pageIsTrue() {
	c.t.Helper()
	body, err := fetch("GET", c.page+"status.json")
	if err != nil {
		c.t.Fatal(err)
	}
	var page map[string]any
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		c.t.Fatal(err)
	}
	c.dayIsTrue(page["history"])
	delete(page, "history")
	if at, there := page["next_attempt"]; there {
		c.soon("next_attempt", must(time.Parse(time.RFC3339, at.(string))))
		delete(page, "next_attempt")
	}
	c.isTrue("", page)
}

// soon expects the time of an attempt that is planned.
func (c *clocked) soon(what string, at time.Time) {
	c.t.Helper()
	if in := at.Sub(c.now()); in < -aMoment || in > 16*time.Second+aMoment {
		c.t.Errorf("with the clock %v wrong: %s is in %v", c.wrong, what, in)
	}
}

func (c *clocked) isTrue(name string, value any) {
	c.t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			c.isTrue(name+"/"+key, value)
		}
	case []any:
		for i, value := range v {
			c.isTrue(name+"/"+strconv.Itoa(i), value)
		}
	case float64:
		if strings.HasSuffix(name, "_seconds") {
			c.short(name, seconds(v))
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil && !strings.HasSuffix(name, "/boot_time") {
			c.past(name, at)
		}
	}
}

// dayIsTrue: the day has 24 hours up to now, and they follow one another.
func (c *clocked) dayIsTrue(value any) {
	c.t.Helper()
	var d struct {
		From, To  time.Time
		Intervals []struct {
			State      string
			Start, End time.Time
			Seconds    float64 `json:"duration_seconds"`
		}
	}
	if err := json.Unmarshal(must(json.Marshal(value)), &d); err != nil {
		c.t.Fatal(err)
	}
	c.past("the end of the day", d.To)
	if d.To.Sub(d.From) != day {
		c.t.Errorf("the day is from %v to %v", d.From, d.To)
	}
	at := d.From
	for _, iv := range d.Intervals {
		if length := iv.End.Sub(iv.Start); !iv.Start.Equal(at) || (length-seconds(iv.Seconds)).Abs() > 10*time.Millisecond {
			c.t.Errorf("with the clock %v wrong: after %v the day goes on with %+v", c.wrong, at, iv)
		}
		if iv.State != "unknown" {
			c.short("an interval of the day", seconds(iv.Seconds))
		}
		at = iv.End
	}
	if !at.Equal(d.To) {
		c.t.Errorf("the day ends at %v, its last interval at %v", d.To, at)
	}
}

var drawn = regexp.MustCompile(`<rect class="[a-z]+" x="([^"]*)%" width="([^"]*)%"`)

// stripIsDrawn looks at the drawing of the day: every part lies within it.
func (c *clocked) stripIsDrawn() {
	c.t.Helper()
	body, err := fetch("GET", c.page)
	if err != nil {
		c.t.Fatal(err)
	}
	parts := drawn.FindAllStringSubmatch(body, -1)
	if len(parts) == 0 {
		c.t.Error("the page has no strip")
	}
	most := 100 * float64(c.lived()) / float64(day)
	for i, p := range parts {
		x, w := must(strconv.ParseFloat(p[1], 64)), must(strconv.ParseFloat(p[2], 64))
		if strings.Contains(p[1]+p[2], "-") || x+w > 100.001 || i > 0 && (w > most+0.002 || x < 100-most-0.002) {
			c.t.Errorf("with the clock %v wrong: part %d of the day is drawn from %s %% on, %s %% wide", c.wrong, i, p[1], p[2])
		}
	}
}

var timeSeries = regexp.MustCompile(`(?m)^rds_csi_rds_(\w+)_timestamp_seconds\{.*\} (\S+)$`)
var durationSums = regexp.MustCompile(`(?m)^rds_csi_rds_(\w+_seconds)_sum(?:\{.*\})? (\S+)$`)

// metricsAreTrue looks at the times and at the sums of durations on /metrics.
func (c *clocked) metricsAreTrue() {
	c.t.Helper()
	body, err := fetch("GET", c.page+"metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	found := timeSeries.FindAllStringSubmatch(body, -1)
	if len(found) < 2 {
		c.t.Error("there are no times on /metrics")
	}
	for _, m := range found {
		at := time.UnixMicro(int64(must(strconv.ParseFloat(m[2], 64)) * 1e6))
		if m[1] == "next_attempt" {
			c.soon(m[1], at)
		} else {
			c.past(m[1], at)
		}
		if ago := c.now().Sub(at); m[1] == "last_received" && ago > 10*time.Second+aMoment && strings.Contains(body, "rds_csi_rds_connection_state{address=\""+c.rds.address()+"\"} 1\n") {
			c.t.Errorf("connected, and the newest byte is %v old", ago)
		}
	}
	for _, m := range durationSums.FindAllStringSubmatch(body, -1) {
		c.short(m[1], seconds(must(strconv.ParseFloat(m[2], 64))))
	}
}

var logged = regexp.MustCompile(`"(duration|outage|silent_for|connected_for|backoff)":"([^"]*)"`)

// logIsTrue looks at the durations of the log.
func (c *clocked) logIsTrue() {
	c.t.Helper()
	for _, m := range logged.FindAllStringSubmatch(c.log.String(), -1) {
		c.short(m[1]+" in the log", must(time.ParseDuration(m[2])))
	}
}

// spansAreTrue: none ends before it starts, and an outage lasts as long as its
// attribute says.
func (c *clocked) spansAreTrue() {
	c.t.Helper()
	for _, name := range []string{"rds.reconnect", "tcp connect", "ssh handshake", "rds verify", "rds.exec", "rds.outage", "csi.v1.Controller/CreateVolume"} {
		spans := c.traces.named(name)
		if len(spans) == 0 && name != "rds.outage" && name != "rds.exec" && !strings.HasPrefix(name, "csi") {
			c.t.Errorf("there is no span %s", name)
		}
		for _, span := range spans {
			c.short("the span "+name, lasted(span))
			if length := attributeOf(span, "rds_csi.outage.duration"); length != nil {
				if off := lasted(span) - seconds(length.GetDoubleValue()); off.Abs() > 10*time.Millisecond {
					c.t.Errorf("the span of an outage of %v s lasts %v", length.GetDoubleValue(), lasted(span))
				}
			}
		}
	}
}
