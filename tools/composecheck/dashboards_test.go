package composecheck_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// dashboard is what matters here of one. Every string under "datasource" that
// is not a variable is a uid.
type dashboard struct {
	path    string
	uids    []string
	ofTypes []string // that its variables choose from
}

func (s stack) dashboards() (all []dashboard, err error) {
	files, err := filepath.Glob(filepath.Join(s.root, "dashboards", "*.json"))
	for _, file := range files {
		text, err := s.read(s.inside(file))
		if err != nil {
			return nil, err
		}
		var tree any
		if err := json.Unmarshal([]byte(text), &tree); err != nil {
			return nil, err
		}
		d := dashboard{path: s.inside(file)}
		d.walk(tree)
		all = append(all, d)
	}
	return all, err
}

func (d *dashboard) walk(node any) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			d.walk(child)
		}
	case map[string]any:
		if source, ok := n["datasource"].(map[string]any); ok {
			uid, _ := source["uid"].(string)
			if !strings.HasPrefix(uid, "$") && uid != "-- Grafana --" {
				d.uids = append(d.uids, uid)
			}
		}
		if n["type"] == "datasource" && n["query"] != nil {
			kind, _ := n["query"].(string)
			d.ofTypes = append(d.ofTypes, kind)
		}
		for _, child := range n {
			d.walk(child)
		}
	}
}

func dashboardsAreShown(s stack, c *complaints) {
	var file struct {
		Providers []struct {
			Folder, Type    string
			AllowUIUpdates  bool `yaml:"allowUiUpdates"`
			DisableDeletion bool `yaml:"disableDeletion"`
			Options         struct{ Path string }
		}
	}
	if err := s.provisioned("dashboards", &file); err != nil {
		c.add("%v", err)
		return
	}
	c.unless(len(file.Providers) == 1, "%d providers of dashboards", len(file.Providers))
	for _, p := range file.Providers {
		source, _ := s.source("grafana", p.Options.Path)
		c.unless(source == "dashboards", "dashboards come from %s, which is %q", p.Options.Path, source)
		c.unless(!p.AllowUIUpdates && p.DisableDeletion && p.Folder != "", "dashboards can be changed: %+v", p)
	}
	home := s.environment("grafana", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH")
	source, _ := s.source("grafana", home)
	c.unless(source == "dashboards/rds-connection.json", "the home page is %q", home)
}
