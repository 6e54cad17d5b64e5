package composecheck_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// prometheusConfig is what matters here of the configuration of Prometheus.
type prometheusConfig struct {
	RuleFiles     []string `yaml:"rule_files"`
	ScrapeConfigs []struct {
		JobName        string       `yaml:"job_name"`
		ScrapeInterval string       `yaml:"scrape_interval"`
		StaticConfigs  targetGroups `yaml:"static_configs"`
	} `yaml:"scrape_configs"`
	Global struct {
		ScrapeInterval string `yaml:"scrape_interval"`
	}
	Alerting struct {
		Alertmanagers []struct {
			StaticConfigs targetGroups `yaml:"static_configs"`
		}
	}
}

type targetGroups []struct{ Targets []string }

func (g targetGroups) targets() (all []string) {
	for _, group := range g {
		all = append(all, group.Targets...)
	}
	return all
}

// flag returns the value of a flag in the command of a service.
func (s stack) flag(service, name string) string {
	for _, arg := range s.Services[service].Command {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
	}
	return ""
}

// prometheusConfig reads what Prometheus reads.
func (s stack) prometheusConfig(c *complaints) (config prometheusConfig) {
	at := s.flag("prometheus", "--config.file")
	source, ok := s.source("prometheus", at)
	if !ok {
		c.add("Prometheus reads %s, where nothing is mounted", at)
		return config
	}
	if err := s.readYAML(source, &config); err != nil {
		c.add("%v", err)
	}
	return config
}

// portOf is the port of a listener's address.
func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }

func prometheusIsConfigured(s stack, c *complaints) {
	config := s.prometheusConfig(c)
	loaded := slices.ContainsFunc(s.Services["prometheus"].Volumes, func(v mount) bool {
		return s.inside(v.Source) == "alerts/rds-connection.yml" &&
			slices.ContainsFunc(config.RuleFiles, func(glob string) bool { ok, _ := path.Match(glob, v.Target); return ok })
	})
	c.unless(loaded, "Prometheus loads %v, where alerts/rds-connection.yml is not mounted", config.RuleFiles)

	target := "controller:" + portOf(s.environment("controller", "RDS_CSI_METRICS_ADDRESS"))
	found := false
	for _, job := range config.ScrapeConfigs {
		if job.JobName != "rds-csi" {
			continue
		}
		found = contains(job.StaticConfigs.targets(), target)
		interval := job.ScrapeInterval
		if interval == "" {
			interval = config.Global.ScrapeInterval
		}
		c.unless(interval == "15s", "the controller is scraped every %s", interval)
		sources, _ := s.dataSources()
		for _, d := range sources {
			c.unless(d.Type != "prometheus" || d.JSONData.TimeInterval == interval, "Grafana takes the scrape interval for %s, and it is %s", d.JSONData.TimeInterval, interval)
		}
	}
	c.unless(found, "Prometheus does not scrape %s as rds-csi", target)
	for _, job := range config.ScrapeConfigs {
		for _, t := range job.StaticConfigs.targets() {
			host, _, _ := strings.Cut(t, ":")
			_, ok := s.Services[host]
			c.unless(ok || host == "localhost", "Prometheus scrapes %s, which is no service", t)
		}
	}
	c.unless(strings.Contains(s.flag("prometheus", "--enable-feature"), "exemplar-storage"), "Prometheus keeps no exemplars")
}

func alertsReachAlertmanager(s stack, c *complaints) {
	var targets []string
	for _, a := range s.prometheusConfig(c).Alerting.Alertmanagers {
		targets = append(targets, a.StaticConfigs.targets()...)
	}
	c.unless(slices.Equal(targets, []string{"alertmanager:9093"}), "alerts go to %v", targets)
	at := s.flag("alertmanager", "--config.file")
	source, ok := s.source("alertmanager", at)
	c.unless(ok && source == "deploy/alertmanager.yml", "Alertmanager reads %s, where deploy/alertmanager.yml is not mounted", at)
	var config struct {
		Route     struct{ Receiver string }
		Receivers []struct{ Name string }
	}
	if err := s.readYAML("deploy/alertmanager.yml", &config); err != nil {
		c.add("%v", err)
		return
	}
	c.unless(slices.ContainsFunc(config.Receivers, func(r struct{ Name string }) bool { return r.Name == config.Route.Receiver }),
		"Alertmanager has no receiver %s", config.Route.Receiver)
}

func spansReachTempo(s stack, c *complaints) {
	var config struct {
		Server struct {
			HTTP int `yaml:"http_listen_port"`
		}
		Distributor struct {
			Receivers struct {
				OTLP struct {
					Protocols struct{ HTTP struct{ Endpoint string } }
				}
			}
		}
		Storage struct {
			Trace struct {
				Local, WAL struct{ Path string }
			}
		}
	}
	at := s.flag("tempo", "-config.file")
	source, ok := s.source("tempo", at)
	if !ok {
		c.add("Tempo reads %s, where nothing is mounted", at)
		return
	}
	if err := s.readYAML(source, &config); err != nil {
		c.add("%v", err)
	}
	endpoint := config.Distributor.Receivers.OTLP.Protocols.HTTP.Endpoint
	sent := s.environment("controller", "OTEL_EXPORTER_OTLP_ENDPOINT")
	c.unless(strings.HasPrefix(endpoint, "0.0.0.0:") && sent == "http://tempo:"+portOf(endpoint), "the controller sends spans to %s, Tempo listens on %s", sent, endpoint)
	c.unless(s.environment("controller", "OTEL_EXPORTER_OTLP_PROTOCOL") == "http/protobuf", "the controller does not speak the protocol of that port")
	c.unless(config.Server.HTTP == 3200, "Tempo's -health asks port 3200, and it listens on %d", config.Server.HTTP)
	for _, p := range []string{config.Storage.Trace.Local.Path, config.Storage.Trace.WAL.Path} {
		kept := slices.ContainsFunc(s.Services["tempo"].Volumes, func(v mount) bool { return strings.HasPrefix(p, v.Target+"/") })
		c.unless(kept, "Tempo writes to %s, which is no volume", p)
	}
}

// metricName finds the names of our series in a query.
var metricName = regexp.MustCompile(`\brds_csi_\w+`)
