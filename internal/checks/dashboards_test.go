package checks_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rds-csi/internal/otelx"
)

// dashboard is what is checked of Grafana's classic JSON model.
type dashboard struct {
	UID         string   `json:"uid"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Schema      int      `json:"schemaVersion"`
	Editable    *bool    `json:"editable"`
	Links       []link   `json:"links"`
	Panels      []panel  `json:"panels"`
	Templating  struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []annotation `json:"list"`
	} `json:"annotations"`
}

type link struct {
	Type, Title, URL string
	Tags             []string
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type variable struct {
	Name, Type, Label, Definition, AllValue string
	Multi, IncludeAll                       bool
	Refresh                                 int
	Datasource                              *source
	Query                                   any
}

type annotation struct {
	BuiltIn    int
	Name       string
	Expr       string
	Datasource source
	Target     struct{ Expr string }
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Collapsed   bool
	Datasource  source
	Targets     []panelTarget
	Panels      []panel
	Links       []link
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			NoValue    string
			Thresholds struct{ Steps []struct{ Color string } }
			Custom     struct{ ThresholdsStyle struct{ Mode string } }
		}
	}
}

type panelTarget struct {
	RefID        string
	Expr         string
	LegendFormat string
	Format       string
	Instant      bool
	Range        bool
	Exemplar     bool
	Datasource   source
}

// named is a dashboard and the name of its file.
type named struct {
	dashboard
	file string
	text []byte
}

func readDashboards(t *testing.T) (all []named) {
	t.Helper()
	files, err := fs.Glob(os.DirFS("../../dashboards"), "*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	for _, file := range files {
		d := named{file: file, text: read(t, "dashboards", file)}
		if err := json.Unmarshal(d.text, &d.dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}

// all lists the panels, those in collapsed rows too.
func (d dashboard) all() (panels []panel) {
	for _, p := range d.Panels {
		panels = append(append(panels, p), p.Panels...)
	}
	return panels
}

// graphs lists the panels that show something.
func (d dashboard) graphs() []panel {
	return slices.DeleteFunc(d.all(), func(p panel) bool { return p.Type == "row" })
}

func (d dashboard) variable(name string) variable {
	for _, v := range d.Templating.List {
		if v.Name == name {
			return v
		}
	}
	return variable{}
}

func TestDashboardsNameOnlyWhatIsExported(t *testing.T) {
	v := newVocabulary(t)
	for _, d := range readDashboards(t) {
		for where, expr := range d.expressions() {
			for _, fault := range v.faults(expr) {
				t.Errorf("%s: %s: %s", d.file, where, fault)
			}
		}
		for _, p := range d.graphs() {
			for _, tg := range p.Targets {
				grouping := parseQuery(tg.Expr).grouping
				for _, label := range labelsNamed(tg.LegendFormat) {
					if !slices.Contains(grouping, label) {
						t.Errorf("%s: %s: the legend names %q, which the result does not have", d.file, p.Title, label)
					}
					if label == "instance" {
						t.Errorf("%s: %s: the legend changes with each restart", d.file, p.Title)
					}
				}
			}
		}
	}
}

// expressions lists every PromQL expression, by where it stands.
func (d dashboard) expressions() map[string]string {
	all := make(map[string]string)
	for _, p := range d.graphs() {
		for _, tg := range p.Targets {
			all[p.Title+" "+tg.RefID] = tg.Expr
		}
	}
	for _, a := range d.Annotations.List {
		if a.BuiltIn == 0 {
			all["annotation "+a.Name] = a.Expr
		}
	}
	inLabels := regexp.MustCompile(`^label_values\((.*), \w+\)$`)
	for _, v := range d.Templating.List {
		if found := inLabels.FindStringSubmatch(v.Definition); found != nil {
			all["variable "+v.Name] = found[1]
		}
	}
	return all
}

func TestEveryMetricHasAPanel(t *testing.T) {
	// Metrics without a panel, and why they have none.
	without := map[string]string{
		"rpc_server_call_duration_seconds": "the panels show the same calls by csi_plugin_operations_seconds; it is for dashboards made for OpenTelemetry",
	}
	shown := make(map[string]bool)
	for _, d := range readDashboards(t) {
		for _, p := range d.graphs() {
			for _, tg := range p.Targets {
				for _, s := range parseQuery(tg.Expr).selectors {
					shown[metricOf(s.metric)] = true
				}
			}
		}
	}
	for _, i := range otelx.Catalog() {
		if reason := without[i.Name]; shown[i.Name] == (reason != "") {
			t.Errorf("%s: has a panel: %v; reason to have none: %q", i.Name, shown[i.Name], reason)
		}
		delete(without, i.Name)
	}
	for name := range without {
		t.Errorf("%s is no metric", name)
	}
}

func TestPanelsStandApart(t *testing.T) {
	for _, d := range readDashboards(t) {
		ids := make(map[int]bool)
		taken := make(map[[2]int]string)
		for _, p := range d.all() {
			if p.ID <= 0 || ids[p.ID] {
				t.Errorf("%s: %s: the id %d is taken", d.file, p.Title, p.ID)
			}
			ids[p.ID] = true
			g := p.GridPos
			if g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
				t.Errorf("%s: %s is not in the grid: %+v", d.file, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %q lies on %q", d.file, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

func TestDashboardsAreTidy(t *testing.T) {
	uids := make(map[string]bool)
	for _, d := range readDashboards(t) {
		var any any
		if err := json.Unmarshal(d.text, &any); err != nil {
			t.Fatal(err)
		}
		var tidy bytes.Buffer
		e := json.NewEncoder(&tidy)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(any); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(emptyLists(tidy.Bytes()), emptyLists(d.text)) {
			t.Errorf("%s is not indented by two spaces with sorted keys", d.file)
		}
		if d.UID+".json" != d.file || uids[d.UID] || d.Title == "" || d.Description == "" || !slices.Contains(d.Tags, "rds-csi") {
			t.Errorf("%s: uid %q, title %q, tags %q", d.file, d.UID, d.Title, d.Tags)
		}
		uids[d.UID] = true
		if d.Schema < 36 || d.Schema > 38 {
			t.Errorf("%s: schema version %d, Grafana 10 knows 38", d.file, d.Schema)
		}
		hardCoded := regexp.MustCompile(`"uid": "([^"]*)"`)
		for _, found := range hardCoded.FindAllSubmatch(d.text, -1) {
			if uid := string(found[1]); uid != "${datasource}" && uid != "-- Grafana --" && uid != d.UID {
				t.Errorf("%s: the data source %q is hard-coded", d.file, uid)
			}
		}
	}
}

// emptyLists writes an empty list in one way.
func emptyLists(text []byte) []byte {
	return regexp.MustCompile(`(\[|\{)\s+(\]|\})`).ReplaceAll(text, []byte("$1$2"))
}

func TestPanelsReadRightWithoutData(t *testing.T) {
	single := []string{"stat", "bargauge", "table"}
	for _, d := range readDashboards(t) {
		for _, p := range d.graphs() {
			defaults := p.FieldConfig.Defaults
			if slices.Contains(single, p.Type) && defaults.NoValue == "" {
				t.Errorf("%s: %s says nothing where there is no data", d.file, p.Title)
			}
			for _, s := range defaults.Thresholds.Steps {
				if s.Color == "" {
					t.Errorf("%s: %s has a threshold without a colour", d.file, p.Title)
				}
			}
			refs := make(map[string]bool)
			for _, tg := range p.Targets {
				if refs[tg.RefID] || tg.Instant == tg.Range {
					t.Errorf("%s: %s: query %s: id taken, or neither instant nor a range", d.file, p.Title, tg.RefID)
				}
				refs[tg.RefID] = true
				if slices.Contains(single, p.Type) != tg.Instant {
					t.Errorf("%s: %s: query %s: instant is %v in a %s", d.file, p.Title, tg.RefID, tg.Instant, p.Type)
				}
			}
		}
	}
}

func TestTheDurationOfReconnectionsLeadsToTraces(t *testing.T) {
	for _, d := range readDashboards(t) {
		for _, p := range d.graphs() {
			for _, tg := range p.Targets {
				promised := d.file == "rds-connection.json" && p.Title == "Duration of reconnections"
				if tg.Exemplar != promised || promised && tg.Format != "heatmap" {
					t.Errorf("%s: %s: exemplars %v, format %s", d.file, p.Title, tg.Exemplar, tg.Format)
				}
			}
		}
	}
}

func TestLinksOfDashboardsLeadSomewhere(t *testing.T) {
	runbook := headings(read(t, "docs", "runbook.md"))
	anchor := regexp.MustCompile(`\$\{runbook\}#([\w-]+)`)
	used := regexp.MustCompile(`\$\{?(\w+)`)
	builtIn := []string{"__rate_interval", "__interval", "__range", "__from", "__to", "__value", "__data", "__url_time_range"}
	all := readDashboards(t)
	for _, d := range all {
		for _, found := range anchor.FindAllStringSubmatch(string(d.text), -1) {
			if !slices.Contains(runbook, found[1]) {
				t.Errorf("%s: docs/runbook.md has no heading %q", d.file, found[1])
			}
		}
		for _, found := range used.FindAllStringSubmatch(string(d.text), -1) {
			if v := found[1]; !slices.Contains(builtIn, v) && d.variable(v).Name == "" && v != "__all" {
				t.Errorf("%s uses the variable %q, which it does not have", d.file, v)
			}
		}
		for _, found := range regexp.MustCompile(`/d/([\w-]+)/`).FindAllStringSubmatch(string(d.text), -1) {
			if !slices.ContainsFunc(all, func(o named) bool { return o.UID == found[1] }) {
				t.Errorf("%s links to a dashboard %q", d.file, found[1])
			}
		}
		for _, want := range []string{`"url": "${runbook}"`, `http://${__value.raw}/`, `/explore?`} {
			if !strings.Contains(string(d.text), want) {
				t.Errorf("%s has no link with %s", d.file, want)
			}
		}
		for _, a := range d.Annotations.List {
			if a.BuiltIn == 0 && (a.Expr == "" || a.Expr != a.Target.Expr || a.Datasource.UID != "${datasource}") {
				t.Errorf("%s: annotation %q: its two expressions differ, or its data source is fixed", d.file, a.Name)
			}
		}
		if d.variable("runbook").Query != "docs/runbook.md" {
			t.Errorf("%s: the address of the runbook is %v", d.file, d.variable("runbook").Query)
		}
	}
}
