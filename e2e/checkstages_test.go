package e2e

import (
	"math"
	"slices"
)

// stages are the children of attempts, with the values of the label stage.
var stages = []struct{ name, label string }{{"tcp connect", "tcp"}, {"ssh handshake", "handshake"}, {"rds verify", "verify"}}

// checkStages: the stages of each attempt lead to its result, every dial is a
// span, and the histograms hold what the spans do.
func (st *story) checkStages() {
	children := make(map[string]map[string][]span) // of attempts by span id, by stage
	for _, sp := range st.spans {
		children[sp.id] = make(map[string][]span)
	}
	var dialled []string
	for _, stage := range stages {
		count, unsure, total := 0, 0, 0.0
		for _, sp := range st.recorded(stage.name) {
			of := children[sp.parent]
			if of == nil {
				st.t.Errorf("a span %q belongs to no attempt", stage.name)
				continue
			}
			of[stage.label] = append(of[stage.label], sp)
			if stage.label == "tcp" {
				dialled = append(dialled, sp.address("network.peer"))
			}
			switch {
			case !sp.ended() || sp.failed:
			case st.cut(sp):
				unsure++
			default:
				count++
				total += sp.duration().Seconds()
			}
		}
		key := `{stage="` + stage.label + `"}`
		if got := int(st.series["connect_duration_seconds_count"+key]); got < count || got > count+unsure {
			st.t.Errorf("%d successful stages %s in metrics, %d in spans", got, stage.label, count)
		}
		if got := st.series["connect_duration_seconds_sum"+key]; unsure == 0 && math.Abs(got-total) > 1e-3 {
			st.t.Errorf("stages %s took %v s in metrics, %v s in spans", stage.label, got, total)
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if !slices.Equal(dialled, st.dials) {
		st.t.Errorf("dialled %v, in spans %v", st.dials, dialled)
	}
	for i := range st.tries {
		st.checkChildren(i, children[st.spans[i].id])
	}
}

// cut reports whether a stage may have ended because shutdown ended its attempt,
// as neither a success nor a failure. One that succeeded at that very moment
// looks the same.
func (st *story) cut(stage span) bool {
	for _, sp := range st.spans {
		if sp.id == stage.parent {
			return sp.text("rds_csi.reconnect.outcome") == "canceled" && stage.end.Equal(sp.end)
		}
	}
	return false
}

// checkChildren: the stages before the one that failed succeeded, it has the
// attempt's error.type, and none came after it.
func (st *story) checkChildren(i int, of map[string][]span) {
	sp := st.spans[i]
	outcome, failedIn := sp.text("rds_csi.reconnect.outcome"), sp.text("rds_csi.reconnect.stage")
	over := failedIn == "credentials" || failedIn == "resolve"
	at := sp.start
	for _, stage := range stages {
		all := of[stage.label]
		if over || outcome == "canceled" && len(all) == 0 {
			if len(all) > 0 {
				st.t.Errorf("attempt %d failed in stage %s, and has a stage %s", i, failedIn, stage.label)
			}
			continue
		}
		if len(all) == 0 || len(all) > 1 && stage.label != "tcp" {
			st.t.Errorf("attempt %d has %d stages %s", i, len(all), stage.label)
			continue
		}
		for _, child := range all {
			if child.start.Before(at) || !child.ended() || child.end.After(sp.end) || child.trace != sp.trace {
				st.t.Errorf("attempt %d: stage %s does not lie within the attempt, after the one before", i, stage.label)
			}
			at = child.end
		}
		want := ""
		if over = stage.label == failedIn; over {
			want = sp.errorType()
		}
		if last := all[len(all)-1]; last.errorType() != want || last.failed != (want != "") {
			st.t.Errorf("attempt %d: stage %s ended with error type %q, want %q", i, stage.label, last.errorType(), want)
		}
	}
	if outcome == "failure" && !over {
		st.t.Errorf("attempt %d failed in stage %q, which it does not have", i, failedIn)
	}
}
