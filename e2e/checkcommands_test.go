package e2e

import "maps"

// checkCommands: commands by name and status are the same in spans and metrics;
// each span leads to the attempt that made its connection; Verify's commands are
// those of the stages, and have no span of their own.
func (st *story) checkCommands() {
	succeeded := make(map[string]bool) // traces of attempts
	for i, l := range st.tries {
		succeeded[st.spans[i].trace] = l.Kind == ""
	}
	inSpans := map[string]map[string]int{"success": {}, "failure": {}}
	for _, sp := range st.recorded("rds.exec") {
		if to, linked := sp.links["connection"]; linked && !succeeded[to] {
			st.t.Errorf("a command was run on the connection of %s, which made none", to)
		}
		if outcome := sp.text("rds_csi.command.outcome"); sp.ended() && outcome == "success" {
			inSpans["success"][sp.text("rds_csi.command.name")]++
		} else if sp.ended() && sp.failed {
			inSpans["failure"][sp.text("rds_csi.command.name")]++
		}
	}
	for status, want := range inSpans {
		of := make(map[string]float64)
		for key, value := range st.series {
			if key == `command_duration_seconds_count{command="other",status="`+status+`"}` {
				of[key] = value
			}
		}
		if got := by(of, "command_duration_seconds_count", "command"); !maps.Equal(got, want) {
			st.t.Errorf("commands with status %s in metrics: %v, in spans: %v", status, got, want)
		}
	}
	verified := 0
	for _, sp := range st.recorded("rds verify") {
		if sp.ended() && !sp.failed && !st.cut(sp) {
			verified++
		}
	}
	if got := int(st.series[`command_duration_seconds_count{command="verify",status="success"}`]); got < verified {
		st.t.Errorf("%d commands of Verify in metrics, %d stages in spans", got, verified)
	}
}
