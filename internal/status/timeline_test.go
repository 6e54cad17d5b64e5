package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rds-csi/internal/conn"
)

// text is a timeline in short: states with their lengths.
func text(all []interval) string {
	var parts []string
	for _, iv := range all {
		parts = append(parts, fmt.Sprintf("%s %v", iv.State, iv.End.Sub(iv.Start)))
	}
	return strings.Join(parts, ", ")
}

func TestTimeBeforeTheProcessIsUnknown(t *testing.T) {
	tl := newTimeline(t0)
	tl.set(t0.Add(time.Second), linkUp)
	if got := text(tl.last(t0.Add(time.Hour))); got != "unknown 23h0m1s, up 59m59s" {
		t.Errorf("timeline is %s", got)
	}
}

func TestTimelineForgetsWhatIsOlderThanADay(t *testing.T) {
	tl := newTimeline(t0)
	tl.set(t0, linkUp)
	tl.set(t0.Add(time.Hour), linkDown)
	tl.set(t0.Add(2*time.Hour), linkUp)
	now := t0.Add(25*time.Hour + 30*time.Minute)
	if got := text(tl.last(now)); got != "down 30m0s, up 23h30m0s" {
		t.Errorf("timeline is %s", got)
	}
	if got := text(tl.last(now.Add(72 * time.Hour))); got != "up 24h0m0s" {
		t.Errorf("three days later it is %s", got)
	}
}

func TestAnOutageBeginsWithTheLastByteNotWithItsDetection(t *testing.T) {
	r := newRecorder(t0)
	r.stateChanged(t0, &conn.Snapshot{State: conn.StateConnected, Since: t0})
	detected := t0.Add(time.Hour)
	lost := &conn.Snapshot{State: conn.StateIdle, Since: detected, Generation: 1,
		Outage: &conn.Outage{ID: 1, LastReceived: detected.Add(-10 * time.Second), DetectedAt: detected}}
	r.stateChanged(detected, lost)
	lost.State = conn.StateConnecting
	r.stateChanged(detected, lost)
	got := text(r.read(detected.Add(time.Minute)).intervals[1:])
	if want := "up 59m50s, down 1m10s"; got != want {
		t.Errorf("timeline is %s, want %s", got, want)
	}
}

func TestTheVeryFirstAttemptIsUnknownUntilItFails(t *testing.T) {
	r := newRecorder(t0)
	began := t0.Add(time.Second)
	r.stateChanged(began, &conn.Snapshot{State: conn.StateConnecting, Since: began})
	if got := text(r.read(t0.Add(2 * time.Second)).intervals); got != "unknown 24h0m0s" {
		t.Errorf("timeline is %s", got)
	}
	failed := t0.Add(3 * time.Second)
	r.stateChanged(failed, &conn.Snapshot{State: conn.StateWaiting, Since: failed,
		Outage: &conn.Outage{ID: 1, LastReceived: began, DetectedAt: began}})
	if got := text(r.read(t0.Add(11 * time.Second)).intervals); got != "unknown 23h59m50s, down 10s" {
		t.Errorf("timeline is %s", got)
	}
}

func TestAStopEndsWhatIsKnown(t *testing.T) {
	r := newRecorder(t0)
	r.stateChanged(t0, &conn.Snapshot{State: conn.StateConnected, Since: t0})
	end := t0.Add(time.Hour)
	r.stateChanged(end, &conn.Snapshot{State: conn.StateStopped, Since: end, Outage: &conn.Outage{ID: 1}})
	if got := text(r.read(end.Add(time.Minute)).intervals); got != "unknown 22h59m0s, up 1h0m0s, unknown 1m0s" {
		t.Errorf("timeline is %s", got)
	}
}

func TestFlappingLosesDetailButNoSecondAndNoLongOutage(t *testing.T) {
	tl := newTimeline(t0)
	tl.set(t0, linkUp)
	tl.set(t0.Add(time.Hour), linkDown) // an outage worth seeing
	tl.set(t0.Add(2*time.Hour), linkUp)
	at := t0.Add(3 * time.Hour)
	end := t0.Add(23 * time.Hour)
	flaps := 0
	for ; at.Before(end); at = at.Add(20 * time.Second) {
		tl.set(at, linkDown)
		tl.set(at.Add(time.Second), linkUp)
		flaps++
		if len(tl.closed) > maxIntervals {
			t.Fatalf("%d intervals", len(tl.closed))
		}
	}
	all := tl.last(end)
	if got := text(all[:4]); !strings.HasPrefix(got, "unknown 1h0m0s, up 1h0m0s, down 1h0m0s, up 1h0m0s") {
		t.Errorf("the day begins with %s", got)
	}
	var sum time.Duration
	var down time.Duration
	outages := 0
	for i, iv := range all {
		sum += iv.End.Sub(iv.Start)
		down += iv.Down
		outages += iv.Outages
		if i > 0 && !iv.Start.Equal(all[i-1].End) {
			t.Fatalf("a gap before interval %d", i)
		}
		if iv.State == linkMixed && iv.End.Sub(iv.Start) > 30*time.Minute {
			t.Errorf("an unstable interval of %v: detail is not spread evenly", iv.End.Sub(iv.Start))
		}
	}
	if sum != window || down != time.Hour+time.Duration(flaps)*time.Second || outages != flaps+1 {
		t.Errorf("%v in all, %v down in %d outages; want %d flaps and one hour", sum, down, outages, flaps)
	}
}

func TestAConnectionThatNeverCarriedAByteMergesTwoOutages(t *testing.T) {
	tl := newTimeline(t0)
	tl.set(t0, linkUp)
	tl.set(t0.Add(10*time.Second), linkDown)
	tl.set(t0.Add(20*time.Second), linkUp)
	tl.set(t0.Add(20*time.Second), linkDown)
	if got := text(tl.last(t0.Add(time.Minute))[1:]); got != "up 10s, down 50s" {
		t.Errorf("timeline is %s", got)
	}
}

func TestAMixedIntervalIsCutInProportion(t *testing.T) {
	iv := newInterval(linkUp, t0, t0.Add(30*time.Minute)).join(newInterval(linkDown, t0.Add(30*time.Minute), t0.Add(time.Hour)))
	half := iv.since(t0.Add(30 * time.Minute))
	if half.State != linkMixed || half.Up != 15*time.Minute || half.Down != 15*time.Minute {
		t.Errorf("half of it is %+v", half)
	}
}
