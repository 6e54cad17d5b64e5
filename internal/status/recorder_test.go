package status

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/conn"
)

func types(rows []event) string {
	var all []string
	for _, e := range rows {
		all = append(all, fmt.Sprintf("%s*%d", e.Type, e.Count))
	}
	return strings.Join(all, " ")
}

func TestADayOfFailedAttemptsIsOneRowForEachKind(t *testing.T) {
	r := newRecorder(t0)
	flap(r, t0.Add(time.Minute), time.Second, 1, conn.CauseLink)
	at := t0.Add(time.Hour)
	r.disconnected(at, conn.Disconnect{Reason: conn.ReasonSilence})
	for i := range 5400 {
		e := refused
		if i%3 == 0 {
			e = connectError(conn.KindTimeout, conn.StageTCP, fmt.Sprintf("dial from port %d", i)) // never the same text
		}
		at = fail(r, at, 1, 16*time.Second, 2, e)
	}
	rows := r.read(at).events
	if got, want := types(rows), "attempt_failed*3600 attempt_failed*1800 disconnected*1 outage_over*1 disconnected*1"; got != want {
		t.Fatalf("rows are %s, want %s", got, want)
	}
	if e := rows[1]; !e.First.Equal(t0.Add(time.Hour)) || e.Last.Sub(e.First) < 23*time.Hour || !strings.Contains(e.Detail, "port 5397") {
		t.Errorf("the collapsed row has first %v, last %v, detail %q", e.First, e.Last, e.Detail)
	}
}

func TestFailuresOfTheNextOutageGetRowsOfTheirOwn(t *testing.T) {
	r := newRecorder(t0)
	at := fail(r, t0, 3, time.Second, 1, refused)
	at = fail(r, at, 2, time.Second, 2, refused)
	if got := types(r.read(at).events); got != "attempt_failed*2 attempt_failed*3" {
		t.Errorf("rows are %s", got)
	}
}

func TestTheVeryFirstFailureBelongsToTheOutageThatItBegins(t *testing.T) {
	r := newRecorder(t0)
	begun := &conn.Snapshot{State: conn.StateWaiting, Outage: &conn.Outage{ID: 1}}
	r.attemptEnded(t0, conn.AttemptResult{Err: refused, Snapshot: begun}) // no outage when it started
	at := fail(r, t0.Add(time.Second), 1, time.Second, 1, refused)
	if got := types(r.read(at).events); got != "attempt_failed*2" {
		t.Errorf("rows are %s", got)
	}
}

func TestSuccessesCannotPushOutFailuresNorLossesAlarms(t *testing.T) {
	r := newRecorder(t0)
	at := fail(r, t0, 1, time.Second, 1, connectError(conn.KindHostKey, conn.StageHandshake, "mismatch"))
	r.gaveUp(at, conn.Outage{ID: 1})
	r.stateChanged(at, &conn.Snapshot{State: conn.StateWaiting, BanSuspected: true, Outage: &conn.Outage{ID: 1}})
	r.add(at, event{eventKey: eventKey{Type: eventPanic}})
	for i := range 300 {
		at = at.Add(time.Minute)
		flap(r, at, time.Second, uint64(i+2), conn.CauseLink)
	}
	rows := r.read(at).events
	seen := map[eventType]int{}
	for _, e := range rows {
		seen[e.Type]++
	}
	want := map[eventType]int{eventFailed: 1, eventGaveUp: 1, eventBan: 1, eventPanic: 1,
		eventDisconnected: quota[classFailure], eventOutageOver: quota[classRoutine]}
	if !maps.Equal(seen, want) {
		t.Errorf("kept %v, want %v", seen, want)
	}
	for i := 1; i < len(rows); i++ {
		if rows[i].Last.After(rows[i-1].Last) {
			t.Fatalf("row %d is newer than the one before it", i)
		}
	}
}

func TestQuotasAreTheRowsOfThePage(t *testing.T) {
	sum := 0
	for _, n := range quota {
		sum += n
	}
	if sum != 200 {
		t.Errorf("quotas allow %d rows, want 200", sum)
	}
}

func TestARecoveryIsOneRowAndTheFirstConnectionAnother(t *testing.T) {
	r := newRecorder(t0)
	r.attemptEnded(t0, conn.AttemptResult{Duration: time.Second})
	flap(r, t0.Add(time.Minute), 3*time.Second, 1, conn.CauseReboot)
	rows := r.read(t0.Add(time.Hour)).events
	if got := types(rows); got != "outage_over*1 disconnected*1 connected*1" {
		t.Fatalf("rows are %s", got)
	}
	if over := rows[0]; over.Cause != conn.CauseReboot || over.Duration != 3*time.Second || over.Attempts != 1 {
		t.Errorf("the recovery is %+v", over)
	}
}

func TestShutdownIsNoFailure(t *testing.T) {
	r := newRecorder(t0)
	r.attemptEnded(t0, conn.AttemptResult{Err: &conn.Error{Op: "connect", Kind: conn.KindCanceled}})
	if rows := r.read(t0).events; len(rows) != 0 {
		t.Errorf("rows are %s", types(rows))
	}
}

func TestABanIsReportedOncePerSuspicion(t *testing.T) {
	r := newRecorder(t0)
	suspect := &conn.Snapshot{State: conn.StateWaiting, BanSuspected: true, Outage: &conn.Outage{ID: 1}}
	for range 5 {
		r.stateChanged(t0, suspect)
	}
	if got := types(r.read(t0).events); got != "ban_suspected*1" {
		t.Errorf("rows are %s", got)
	}
}

func TestObserverMethodsStampTheirEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecorder()
		ctx := t.Context()
		time.Sleep(time.Hour)
		s := &conn.Snapshot{State: conn.StateWaiting, Outage: &conn.Outage{ID: 1, LastReceived: time.Now()}}
		r.StateChanged(ctx, s)
		r.Disconnected(ctx, conn.Disconnect{Snapshot: s, Reason: conn.ReasonEOF, Err: errors.New("EOF")})
		r.AttemptEnded(ctx, conn.AttemptResult{Attempt: conn.Attempt{OutageID: 1}, Err: refused, Snapshot: s})
		r.GaveUp(ctx, *s.Outage)
		r.OutageEnded(ctx, *s.Outage)
		r.OperationAbandoned(ctx, "open")
		r.CallbackPanicked(ctx, errors.New("boom"))
		rec := r.read(time.Now())
		if len(rec.events) != 6 {
			t.Errorf("rows are %s", types(rec.events))
		}
		for _, e := range rec.events {
			if !e.Last.Equal(time.Now()) {
				t.Errorf("%s is stamped %v", e.Type, e.Last)
			}
		}
	})
}

// heap is the memory in use by the program.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryIsBoundedInAWeekOfOutageAndAWeekOfFlapping(t *testing.T) {
	const week = 7 * 24 * time.Hour
	huge := strings.Repeat("hostile ", 8<<10)
	before := heap()
	r := newRecorder(t0)
	at := t0
	for i := 0; at.Before(t0.Add(week)); i++ { // all kinds in turn
		kinds := conn.AttemptKinds()
		at = fail(r, at, 1, time.Minute, 1, connectError(kinds[i%len(kinds)], conn.StageTCP, huge))
	}
	outage := uint64(2)
	for ; at.Before(t0.Add(2 * week)); at = at.Add(3 * time.Minute) {
		flap(r, at, 2*time.Second, outage, conn.Causes()[outage%4])
		outage++
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the recorder holds %d KiB", grown>>10)
	}
	rec := r.read(at)
	if n := len(rec.events); n > 200 {
		t.Errorf("%d rows", n)
	}
	if n := len(rec.intervals); n > maxIntervals+2 {
		t.Errorf("%d intervals", n)
	}
	runtime.KeepAlive(r)
}

func TestRecorderIsSafeForConcurrentUse(t *testing.T) {
	r := NewRecorder()
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for n := range 150 {
				flap(r, time.Now(), time.Millisecond, uint64(i*1000+n+1), conn.CauseLink)
				r.OperationAbandoned(t.Context(), "exec")
			}
		})
		wg.Go(func() {
			src := source(waiting(refused))
			src.Recorder = r
			for range 10 {
				if _, err := renderPage(src.view(time.Now()), true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
