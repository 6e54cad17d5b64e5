package composecheck_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

const (
	dataSourcesFile = "deploy/grafana/datasources/datasources.yml"
	providersFile   = "deploy/grafana/dashboards/dashboards.yml"
)

var configurationBreaches = []breach{
	{"Prometheus loads the rules and scrapes the controller", "is not mounted", volume("prometheus", 1, func(v *mount) { v.Target = "/etc/alerts.yml" })},
	{"Prometheus loads the rules and scrapes the controller", "where nothing is mounted", argument("prometheus", "--config.file", "--config.file=/prometheus.yml")},
	{"Prometheus loads the rules and scrapes the controller", "does not scrape", variable("controller", "RDS_CSI_METRICS_ADDRESS", ":9810")},
	{"Prometheus loads the rules and scrapes the controller", "as rds-csi", file("deploy/prometheus.yml", "job_name: rds-csi", "job_name: controller")},
	{"Prometheus loads the rules and scrapes the controller", "every 30s", file("deploy/prometheus.yml", "scrape_interval: 15s", "scrape_interval: 30s")},
	{"Prometheus loads the rules and scrapes the controller", "takes the scrape interval for 60s", file(dataSourcesFile, "timeInterval: 15s", "timeInterval: 60s")},
	{"Prometheus loads the rules and scrapes the controller", "no exemplars", argument("prometheus", "--enable-feature", "--log.level=info")},
	{"Prometheus loads the rules and scrapes the controller", "which is no service", without("controller")},
	{"alerts reach Alertmanager", "alerts go to", file("deploy/prometheus.yml", "alertmanager:9093", "alertmanager:9094")},
	{"alerts reach Alertmanager", "is not mounted", volume("alertmanager", 0, func(v *mount) { v.Target = "/etc/alertmanager.yml" })},
	{"spans reach Tempo", "the controller sends", variable("controller", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://tempo:4317")},
	{"spans reach Tempo", "the controller sends", file("deploy/tempo.yml", "0.0.0.0:4318", "localhost:4318")},
	{"spans reach Tempo", "does not speak", variable("controller", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")},
	{"spans reach Tempo", "-health asks", file("deploy/tempo.yml", "3200", "3100")},
	{"spans reach Tempo", "no volume", file("deploy/tempo.yml", "/var/tempo/wal", "/tmp/wal")},
	{"spans reach Tempo", "where nothing is mounted", argument("tempo", "-config.file", "-config.file=/tempo.yml")},
	{"Grafana shows the dashboards as they are shipped", "dashboards come from", file(providersFile, "shipped-dashboards", "dashboards")},
	{"Grafana shows the dashboards as they are shipped", "can be changed", file(providersFile, "allowUiUpdates: false", "allowUiUpdates: true")},
	{"Grafana shows the dashboards as they are shipped", "the home page", variable("grafana", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH", "/etc/grafana/shipped-dashboards/rds.json")},
	{"dashboards find their data sources", `wants the data source "mimir"`, file("dashboards/rds-fleet.json", `"uid": "${datasource}"`, `"uid": "mimir"`)},
	{"dashboards find their data sources", "of type loki", file("dashboards/rds-fleet.json", `"query": "tempo"`, `"query": "loki"`)},
	{"dashboards find their data sources", "no uid of its own", file(dataSourcesFile, "uid: tempo", "uid: prometheus")},
	{"dashboards find their data sources", "which is no service", file(dataSourcesFile, "http://tempo:", "http://jaeger:")},
	{"dashboards find their data sources", "can be edited", file(dataSourcesFile, "editable: false", "editable: true")},
	{"dashboards find their data sources", "are the default", file(dataSourcesFile, "isDefault: true", "isDefault: false")},
	{"dashboards find their data sources", "exemplars lead to", file(dataSourcesFile, "datasourceUid: tempo", "datasourceUid: jaeger")},
	{"dashboards find their data sources", "exemplars have no label", file(dataSourcesFile, "name: trace_id", "name: traceID")},
	{"dashboards find their data sources", "exemplars lead nowhere", file(dataSourcesFile, "exemplarTraceIdDestinations", "exemplars")},
	{"dashboards find their data sources", "traces lead to", file(dataSourcesFile, "datasourceUid: prometheus", "datasourceUid: mimir")},
	{"dashboards find their data sources", "nobody exports", file(dataSourcesFile, "rds_csi_rds_connection_state", "rds_csi_rds_connected")},
	{"dashboards find their data sources", "one of the environment", file(dataSourcesFile, "$$__", "$__")},
	{"Grafana is open to read and nothing else", "GF_AUTH_ANONYMOUS_ORG_ROLE", variable("grafana", "GF_AUTH_ANONYMOUS_ORG_ROLE", "Admin")},
	{"Grafana is open to read and nothing else", "GF_PLUGINS_PREINSTALL_DISABLED", variable("grafana", "GF_PLUGINS_PREINSTALL_DISABLED", "")},
	{"Grafana is open to read and nothing else", "no place to write to", service("grafana", func(c *types.ServiceConfig) { c.Volumes = c.Volumes[:3] })},
	{"flags exist", "no flag --rds-adress", argument("controller", "--rds-address", "--rds-adress=rds")},
	{"flags exist", "no flag --port", argument("emulator", "--listen", "--port=2222")},
	{"flags exist", "no flag --timeout", service("emulator", func(c *types.ServiceConfig) { c.HealthCheck.Test = append(c.HealthCheck.Test, "--timeout=1s") })},
	{"flags exist", "is no flag", argument("controller", "--endpoint", "serve")},
}

func TestEveryBreachIsNoticed(t *testing.T) {
	byName, before, broken := map[string]rule{}, map[string]string{}, map[string]bool{}
	whole := everything(t)
	for _, r := range rules {
		byName[r.name], before[r.name] = r, strings.Join(r.complaints(whole), "\n")
	}
	for _, b := range breaches {
		broken[b.rule] = true
		t.Run(b.rule+": "+b.words, func(t *testing.T) {
			r, ok := byName[b.rule]
			if !ok {
				t.Fatal("there is no such rule")
			}
			if strings.Contains(before[b.rule], b.words) {
				t.Fatal("it complains of the stack as it is")
			}
			s := everything(t)
			b.edit(s)
			if after := r.complaints(s); !strings.Contains(strings.Join(after, "\n"), b.words) {
				t.Errorf("it is not noticed; the rule says %q", after)
			}
		})
	}
	for _, r := range rules {
		if !broken[r.name] {
			t.Errorf("nobody has seen %q fail", r.name)
		}
	}
}

func TestABrokenFileDoesNotLoad(t *testing.T) {
	root := repository(t)
	if _, err := tryLoad(root, []string{"*"}, "GRAFANA_PORT=none"); err == nil {
		t.Error("a port that is no number is accepted")
	}
}
