//go:build linux && !race

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// slack is for polling, and for machines that have other work as well.
const slack = 5 * time.Second

// atOnce is how long something may take that does not wait for anything.
const atOnce = 2 * time.Second

// quiet is how long nothing may fire where nothing is wrong.
const quiet = 3 * time.Minute

// site is three controllers under one Prometheus: one that loses its RDS for as
// long as the warning asks for, one that loses it for 3 s, and one of which
// there is nothing to tell.
type site struct {
	t       *testing.T
	began   time.Time
	traces  *traceStore
	m       *monitoring
	warning rule

	rds, briefRDS      *emulatedDevice
	lost, brief, quiet *service

	quietSince time.Time
}

// TestAnOutageIsSeenByEverybodyAndIsGoneAfterwards looks at a site as people
// do, from the loss of an RDS until nothing is left of it but the history.
func TestAnOutageIsSeenByEverybodyAndIsGoneAfterwards(t *testing.T) {
	realTime(t, "prometheus", "prometheus-alertmanager")
	st := startSite(t)
	lost := st.isSeen()
	st.blips()
	st.fires(lost)
	back := st.recovers(lost)
	st.isOver(back)
	st.leavesTheOthersAlone()
	t.Run("dashboards after the outage", func(t *testing.T) { st.m.panels(t, st.lost.instance, st.began, afterOutage) })
	t.Run("dashboards without an outage", func(t *testing.T) { st.m.panels(t, st.quiet.instance, st.began, noOutage) })
}

func startSite(t *testing.T) *site {
	st := &site{t: t, began: time.Now(), traces: newTraceStore(t)}
	st.rds, st.briefRDS = startDevice(t), startDevice(t)
	// A shorter longest wait saves time at the recovery, and is nothing that is
	// looked at here.
	st.lost = startService(t, st.rds.device, st.traces.url, "--rds-backoff-max=2s")
	st.brief = startService(t, st.briefRDS.device, "")
	st.quiet = startService(t, startDevice(t).device, "")
	all := []*service{st.lost, st.brief, st.quiet}
	st.m = startMonitoring(t, st.lost.instance, st.brief.instance, st.quiet.instance)
	st.warning = st.m.rule("RDSConnectionDown")
	for _, s := range all {
		s.shows(10*time.Second, "connected", connected)
	}
	st.quietSince = time.Now()
	st.m.holds(st.m.scrapeEvery+slack, "count(rds_csi_rds_connection_state == 1)", float64(len(all)))
	for _, s := range all {
		s.worksOverCSI()
		s.isUsed()
	}
	return st
}

func (s *service) stateSeries() string {
	return fmt.Sprintf("rds_csi_rds_connection_state{address=%q}", s.device.address())
}

// isSeen makes the outage: the page, calls and /metrics tell it at once,
// Prometheus by its next scrape.
func (st *site) isSeen() (lost time.Time) {
	st.t.Helper()
	lost = st.lost.loseRDS(st.rds)
	st.lost.failsFastOverCSI()
	if v, err := st.lost.sample(st.lost.stateSeries()); err != nil || v != "0" {
		st.t.Errorf("the state on /metrics is %s, %v", v, err)
	}
	st.m.holds(st.m.scrapeEvery+slack, st.lost.stateSeries(), 0)
	if took := time.Since(lost); took > st.m.scrapeEvery+slack {
		st.t.Errorf("Prometheus saw it after %v, scraping every %v", took, st.m.scrapeEvery)
	}
	return lost
}

// blips is a loss of 3 s, beside the outage.
func (st *site) blips() {
	st.t.Helper()
	st.briefRDS.do("/faults/refuse?on=true")
	st.briefRDS.do("/drop")
	began := time.Now() // the outage on the page counts from the last byte before
	st.brief.shows(10*time.Second, "3 s without the RDS", func(v shown) bool {
		return v.Outage != nil && time.Since(began) >= 3*time.Second
	})
	st.briefRDS.do("/faults/none")
	st.brief.shows(10*time.Second, "connected again", func(v shown) bool { return connected(v) && v.LastOutage != nil })
}

// fires expects the warning in time, and everything that a person looks at
// when it comes.
func (st *site) fires(lost time.Time) {
	st.t.Helper()
	m, name := st.m, st.warning.Alert
	pending := m.alertIs(m.scrapeEvery+m.evaluateEvery+slack, name, "pending")
	if pending.Labels["address"] != st.rds.address() {
		st.t.Errorf("the alert is about %v", pending.Labels)
	}
	m.alertIs(st.warning.lasts(st.t)+m.evaluateEvery+slack, name, "firing")
	took := time.Since(lost)
	st.t.Logf("the alert fires %v after the loss", took.Round(time.Millisecond))
	if most := st.warning.lasts(st.t) + 2*m.evaluateEvery + slack; took > most {
		st.t.Errorf("it fires %v after the loss, later than %v", took, most)
	}
	if !m.isMarked(st.rds.address()) {
		st.t.Error("graphs do not mark the outage")
	}
	st.t.Run("dashboards in the outage", func(t *testing.T) { m.panels(t, st.lost.instance, st.began, inOutage) })
	st.lost.failsFastOverCSI()
}

// recovers ends the outage, which was long enough for the warning to reach the
// receiver.
func (st *site) recovers(lost time.Time) (back time.Time) {
	st.t.Helper()
	st.rds.do("/faults/none")
	back = time.Now()
	v := st.lost.shows(20*time.Second, "connected again", connected)
	if o := v.LastOutage; o == nil || o.Seconds < st.warning.lasts(st.t).Seconds() || o.Reason == "" || o.Cause != "link" {
		st.t.Errorf("the outage on the page: %+v", o)
	}
	st.m.holds(st.m.scrapeEvery+slack, st.lost.stateSeries(), 1)
	st.lost.worksOverCSI()
	st.m.reachesThePager(st.warning, st.rds.address())
	st.lost.isTraced(st.traces, lost, back)
	return back
}

// isOver expects that nothing tells the outage any more but what keeps history.
func (st *site) isOver(back time.Time) {
	st.t.Helper()
	// The alert stays for a while, so that a link that flaps does not page for
	// each loss; meanwhile the scrapes come that dashboards need.
	st.m.alertIs(4*time.Minute, st.warning.Alert, "")
	st.t.Logf("the alert is over %v after the recovery", time.Since(back).Round(time.Millisecond))
	until(st.t, slack, "the alert to be over in Alertmanager", func() error {
		found, err := st.m.inAlertmanager(st.warning.Alert)
		if err == nil && len(found) > 0 {
			err = fmt.Errorf("there are %+v", found)
		}
		return err
	})
	if st.m.isMarked(st.rds.address()) {
		st.t.Error("graphs mark an outage that is over")
	}
	st.m.leadsToATrace(st.traces, st.began)
	st.m.isWell()
}

// leavesTheOthersAlone expects that nothing was told but the outage: no alert
// on the RDS that was away for 3 s, none in minutes in which nothing was wrong.
func (st *site) leavesTheOthersAlone() {
	st.t.Helper()
	if lasted := time.Since(st.quietSince); lasted < quiet {
		st.t.Errorf("the quiet controller was watched for %v, which is too short", lasted)
	}
	if v, err := st.brief.status(); err != nil || !connected(v) || v.LastOutage == nil || v.LastOutage.Seconds > 20 {
		st.t.Errorf("after the short loss the page shows %+v, %v", v, err)
	}
	if v, err := st.quiet.status(); err != nil || !connected(v) || v.LastOutage != nil {
		st.t.Errorf("the page of the quiet controller shows %+v, %v", v, err)
	}
	st.m.hasToldOnly(st.warning.Alert, st.rds.address(), st.began)
}

// loseRDS ends the connection while a call is on its way, and lets no other be
// made.
func (s *service) loseRDS(rds *emulatedDevice) (lost time.Time) {
	s.t.Helper()
	rds.do("/faults/hold-exec?on=true")
	cutOff := make(chan error, 1)
	go func() {
		_, err := s.controller.ListVolumes(s.t.Context(), &csi.ListVolumesRequest{})
		cutOff <- err
	}()
	s.shows(10*time.Second, "a session in use", func(v shown) bool { return v.Sessions != nil && v.Sessions.InUse == 1 })
	rds.do("/faults/refuse?on=true")
	rds.do("/drop")
	lost = time.Now()
	if v := s.shows(atOnce, "the loss", func(v shown) bool { return !v.Ready }); v.Headline != "Disconnected" || v.Outage == nil {
		s.t.Errorf("the page shows %+v", v)
	}
	select {
	case err := <-cutOff:
		if grpcstatus.Code(err) != codes.Unavailable {
			s.t.Errorf("the call that was cut off: %v", err)
		}
	case <-time.After(atOnce):
		s.t.Error("the call that was cut off does not end")
	}
	return lost
}
