package checks_test

import "testing"

// neither are the panels whose values are neither good nor bad, and why.
var neither = map[string]string{
	"In this state for":               "the state beside it has the colour",
	"Last cause":                      "a word",
	"Controllers and devices":         "the columns have colours of their own, or are words",
	"Devices, worst first":            "the columns have colours of their own, or are words",
	"Length of outages":               "a heatmap's colour is the count",
	"Duration of reconnections":       "a heatmap's colour is the count",
	"Reconnection attempts by status": "each status has its colour",
	"Next attempt in":                 "a countdown",
	"Command rate":                    "as many as there is work",
	"Sessions in use":                 "the limit is drawn beside them; waiting has a panel of its own",
	"CSI calls by code":               "as many as there is work; the failed ones have a panel of their own",
	"Volumes":                         "as many as there are",
	"Goroutines":                      "what is usual depends on the load",
	"Memory":                          "the limit is the pod's",
	"CPU":                             "the limit is the pod's",
}

func TestPanelsShowWhatIsGoodAndWhatIsBad(t *testing.T) {
	used := map[string]bool{}
	for _, d := range readDashboards(t) {
		for _, p := range d.graphs() {
			defaults := p.FieldConfig.Defaults
			shown := len(defaults.Thresholds.Steps) > 1
			if p.Type == "timeseries" {
				shown = shown && defaults.Custom.ThresholdsStyle.Mode == "dashed"
			}
			if _, excused := neither[p.Title]; excused {
				used[p.Title] = true
				if shown {
					t.Errorf("%s: %s has thresholds, and a reason for having none", d.file, p.Title)
				}
			} else if !shown {
				t.Errorf("%s: %s shows no thresholds", d.file, p.Title)
			}
		}
	}
	if len(used) != len(neither) {
		t.Errorf("of the panels that need no thresholds %d are there, want all %d", len(used), len(neither))
	}
}
