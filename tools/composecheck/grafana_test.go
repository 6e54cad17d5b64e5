package composecheck_test

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

type mount = types.ServiceVolumeConfig

// dataSource is one that Grafana is provisioned with.
type dataSource struct {
	Name, UID, Type, URL string
	IsDefault            bool `yaml:"isDefault"`
	Editable             bool
	JSONData             struct {
		TimeInterval string `yaml:"timeInterval"`
		Exemplars    []struct {
			Name          string
			DatasourceUID string `yaml:"datasourceUid"`
		} `yaml:"exemplarTraceIdDestinations"`
		TracesToMetrics struct {
			DatasourceUID string `yaml:"datasourceUid"`
			Queries       []struct{ Name, Query string }
		} `yaml:"tracesToMetrics"`
	} `yaml:"jsonData"`
}

// provisioned reads the file that Grafana has in a folder of its provisioning.
func (s stack) provisioned(folder string, v any) error {
	source, ok := s.source("grafana", "/etc/grafana/provisioning/"+folder+"/"+folder+".yml")
	if !ok {
		return filepath.ErrBadPattern
	}
	return s.readYAML(source, v)
}

func (s stack) dataSources() ([]dataSource, error) {
	var file struct{ Datasources []dataSource }
	err := s.provisioned("datasources", &file)
	return file.Datasources, err
}

func dataSourcesExist(s stack, c *complaints) {
	sources, err := s.dataSources()
	if err != nil {
		c.add("%v", err)
		return
	}
	byUID, ofType := map[string]dataSource{}, map[string]bool{}
	defaults := 0
	for _, d := range sources {
		c.unless(d.UID != "" && byUID[d.UID].UID == "", "the data source %s has no uid of its own", d.Name)
		c.unless(!d.Editable, "the data source %s can be edited", d.Name)
		host := strings.TrimPrefix(d.URL, "http://")
		host = host[:max(strings.LastIndex(host, ":"), 0)]
		_, ok := s.Services[host]
		c.unless(ok, "the data source %s is at %s, which is no service", d.Name, d.URL)
		byUID[d.UID], ofType[d.Type] = d, true
		if d.IsDefault {
			defaults++
			c.unless(d.Type == "prometheus", "the default data source is %s", d.Name)
		}
	}
	c.unless(defaults == 1, "%d data sources are the default", defaults)

	boards, err := s.dashboards()
	c.unless(err == nil && len(boards) == 2, "%d dashboards, %v", len(boards), err)
	for _, d := range boards {
		for _, uid := range d.uids {
			c.unless(byUID[uid].UID != "", "%s wants the data source %q", d.path, uid)
		}
		c.unless(len(d.ofTypes) > 0, "%s chooses no data source", d.path)
		for _, kind := range d.ofTypes {
			c.unless(ofType[kind], "%s wants a data source of type %s", d.path, kind)
		}
	}
	linksLead(s, byUID, c)
}

// linksLead: from an exemplar to its trace, and back.
func linksLead(s stack, byUID map[string]dataSource, c *complaints) {
	exemplars, metrics := false, false
	pages, err := s.read("docs/metrics.md")
	c.unless(err == nil, "%v", err)
	for _, d := range byUID {
		for _, e := range d.JSONData.Exemplars {
			exemplars = true
			c.unless(e.Name == "trace_id", "exemplars have no label %s", e.Name)
			c.unless(byUID[e.DatasourceUID].Type == "tempo", "exemplars lead to %q, which is no Tempo", e.DatasourceUID)
		}
		if to := d.JSONData.TracesToMetrics; len(to.Queries) > 0 {
			metrics = true
			c.unless(byUID[to.DatasourceUID].Type == "prometheus", "traces lead to %q, which is no Prometheus", to.DatasourceUID)
			for _, q := range to.Queries {
				for _, name := range metricName.FindAllString(q.Query, -1) {
					c.unless(strings.Contains(pages, name), "the link %s of traces asks for %s, which nobody exports", q.Name, name)
				}
				// The file is read with variables of the environment.
				c.unless(!strings.Contains(strings.ReplaceAll(q.Query, "$$", ""), "$"), "the link %s has a variable that Grafana takes for one of the environment", q.Name)
			}
		}
	}
	c.unless(exemplars, "exemplars lead nowhere")
	c.unless(metrics, "traces lead to no metrics")
}

func (s stack) environment(service, name string) string {
	if v := s.Services[service].Environment[name]; v != nil {
		return *v
	}
	return ""
}

func grafanaIsForReading(s stack, c *complaints) {
	for name, want := range map[string]string{
		"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
		"GF_AUTH_DISABLE_LOGIN_FORM": "true", "GF_AUTH_BASIC_ENABLED": "false",
		"GF_USERS_VIEWERS_CAN_EDIT":      "true",
		"GF_PLUGINS_PREINSTALL_DISABLED": "true",
	} {
		got := s.environment("grafana", name)
		c.unless(got == want, "%s is %q", name, got)
	}
	c.unless(slices.ContainsFunc(s.Services["grafana"].Volumes, func(v mount) bool { return v.Target == "/var/lib/grafana" }), "Grafana has no place to write to")
}
