package composecheck_test

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// breach breaks a rule on purpose. What the rule then says has the words, and
// did not before.
type breach struct {
	rule, words string
	edit        func(stack)
}

// service is an edit of one service of the project.
func service(name string, f func(*types.ServiceConfig)) func(stack) {
	return func(s stack) { s.change(name, f) }
}

// without removes a service.
func without(name string) func(stack) { return func(s stack) { delete(s.Services, name) } }

// file is an edit of a file of the repository. Where there is nothing to edit,
// nothing is noticed.
func file(path, old, with string) func(stack) {
	return func(s stack) {
		if text, err := s.read(path); err == nil {
			s.edited[path] = strings.ReplaceAll(text, old, with)
		}
	}
}

// argument replaces one of a command that begins with old.
func argument(name, old, with string) func(stack) {
	return service(name, func(c *types.ServiceConfig) {
		i := slices.IndexFunc(c.Command, func(a string) bool { return strings.HasPrefix(a, old) })
		c.Command = slices.Clone(c.Command)
		c.Command[i] = with
	})
}

func variable(name, key, value string) func(stack) {
	return service(name, func(c *types.ServiceConfig) { c.Environment[key] = &value })
}

func dependency(name, on string, f func(*types.ServiceDependency)) func(stack) {
	return service(name, func(c *types.ServiceConfig) {
		d := c.DependsOn[on]
		f(&d)
		c.DependsOn[on] = d
	})
}

func volume(name string, at int, f func(*mount)) func(stack) {
	return service(name, func(c *types.ServiceConfig) { f(&c.Volumes[at]) })
}

var breaches = slices.Concat(serviceBreaches, hardeningBreaches, configurationBreaches)

var serviceBreaches = []breach{
	{"the services are there", "the services are", without("tempo")},
	{"the services are there", "the services are", func(s stack) { s.Services["collector"] = types.ServiceConfig{Name: "collector"} }},
	{"an RDS is a profile", "emulator is in the profiles", service("emulator", func(c *types.ServiceConfig) { c.Profiles = nil })},
	{"an RDS is a profile", "routeros is in the profiles", service("routeros", func(c *types.ServiceConfig) { c.Profiles = []string{"chr", "emulator"} })},
	{"an RDS is a profile", "routeros-setup is in the profiles", service("routeros-setup", func(c *types.ServiceConfig) { c.Profiles = nil })},
	{"an RDS is a profile", "grafana is not in every profile", service("grafana", func(c *types.ServiceConfig) { c.Profiles = []string{"emulator"} })},
	{"either RDS answers to the same name", "emulator does not answer", service("emulator", func(c *types.ServiceConfig) { c.Networks["default"].Aliases = nil })},
	{"either RDS answers to the same name", "routeros does not answer", service("routeros", func(c *types.ServiceConfig) { c.Networks["default"] = nil })},
	{"either RDS answers to the same name", "--rds-address", argument("controller", "--rds-address", "--rds-address=emulator")},
	{"either RDS answers to the same name", "--rds-port", argument("controller", "--rds-port", "--rds-port=22")},
	{"either RDS answers to the same name", "does not publish", service("routeros", func(c *types.ServiceConfig) { c.Ports = nil })},
	{"either RDS answers to the same name", "does not listen", argument("emulator", "--listen", "--listen=127.0.0.1:2222")},
	{"either RDS answers to the same name", "another device", argument("routeros-setup", "--address", "--address=emulator:2222")},
	{"the controller starts with any RDS and with none", "waits for routeros with",
		dependency("controller", "routeros", func(d *types.ServiceDependency) { d.Required = true })},
	{"the controller starts with any RDS and with none", "waits for emulator with",
		dependency("controller", "emulator", func(d *types.ServiceDependency) { d.Condition = types.ServiceConditionHealthy })},
	{"the controller starts with any RDS and with none", "waits for routeros-setup with",
		service("controller", func(c *types.ServiceConfig) { delete(c.DependsOn, "routeros-setup") })},
	{"the controller starts with any RDS and with none", "waits for tempo",
		dependency("controller", "tempo", func(d *types.ServiceDependency) { d.Condition = types.ServiceConditionStarted })},
	{"what is waited for can be known", "has no healthcheck", func(s stack) {
		dependency("controller", "emulator", func(d *types.ServiceDependency) { d.Condition = types.ServiceConditionHealthy })(s)
		s.change("emulator", func(c *types.ServiceConfig) { c.HealthCheck = nil })
	}},
	{"what is waited for can be known", "which restarts", service("keys", func(c *types.ServiceConfig) { c.Restart = "always" })},
	{"what is waited for can be known", "not always there", dependency("keys", "emulator-keys", func(d *types.ServiceDependency) { d.Required = true })},
	{"what is waited for can be known", "nobody waits for the end of routeros-setup",
		dependency("controller", "routeros-setup", func(d *types.ServiceDependency) { d.Condition = types.ServiceConditionStarted })},
	{"every service tells its health", "prometheus has no healthcheck", service("prometheus", func(c *types.ServiceConfig) { c.HealthCheck.Disable = true })},
	{"every service tells its health", "grafana has no healthcheck", service("grafana", func(c *types.ServiceConfig) { c.HealthCheck.Test = nil })},
	{"every service tells its health", "tempo has no start period", service("tempo", func(c *types.ServiceConfig) { c.HealthCheck.StartPeriod = nil })},
}

var hardeningBreaches = []breach{
	{"what is mounted is there", "tempo.yaml, which is not there", volume("tempo", 0, func(v *mount) { v.Source = strings.Replace(v.Source, ".yml", ".yaml", 1) })},
	{"what is mounted is there", "outside of the repository", volume("tempo", 0, func(v *mount) { v.Source = "/etc/hostname" })},
	{"what is mounted is there", "not declared", func(s stack) { delete(s.Volumes, "grafana") }},
	{"images can be built", "the stage nothing", service("controller", func(c *types.ServiceConfig) { c.Build.Target = "nothing" })},
	{"what is mounted is there", "deploy/nothing", service("routeros", func(c *types.ServiceConfig) { c.Build.Context = strings.TrimSuffix(c.Build.Context, "chr") + "nothing" })},
	{"images can be built", "does not take", service("controller", func(c *types.ServiceConfig) { c.Build.Args["REVISION"] = nil })},
	{"what is shipped is mounted read-only", "may write to deploy/tempo.yml", volume("tempo", 0, func(v *mount) { v.ReadOnly = false })},
	{"what is shipped is mounted read-only", "controller may write to the key", volume("controller", 0, func(v *mount) { v.ReadOnly = false })},
	{"what is shipped is mounted read-only", "grafana does not get dashboards/rds-fleet.json", volume("grafana", 2, func(v *mount) { v.Source += "/rds-connection.json" })},
	{"what is shipped is mounted read-only", "prometheus does not get", service("prometheus", func(c *types.ServiceConfig) { c.Volumes = c.Volumes[:1] })},
	{"images are pinned", "grafana/grafana:latest", service("grafana", func(c *types.ServiceConfig) { c.Image = "grafana/grafana:latest" })},
	{"images are pinned", "grafana/tempo is", service("tempo", func(c *types.ServiceConfig) { c.Image = "grafana/tempo" })},
	{"images are pinned", "prom/prometheus:v3 is", service("prometheus", func(c *types.ServiceConfig) { c.Image = "prom/prometheus:v3" })},
	{"images are pinned", "is built by []", service("controller", func(c *types.ServiceConfig) { c.Build = nil })},
	{"images are pinned", "is built by [", func(s stack) {
		s.change("emulator", func(c *types.ServiceConfig) { c.Build = s.Services["keys"].Build })
	}},
	{"images are pinned", "which is not ours", func(s stack) { s.change("tempo", func(c *types.ServiceConfig) { c.Build = s.Services["keys"].Build }) }},
	{"images are pinned", "which is not always there", service("keys", func(c *types.ServiceConfig) { c.Profiles = []string{"chr"} })},
	{"images are pinned", "emulator has the pull policy missing", service("emulator", func(c *types.ServiceConfig) { c.PullPolicy = "missing" })},
	{"images are pinned", "rds-csi-stack may be", service("keys", func(c *types.ServiceConfig) { c.Image = "rds-csi-stack" })},
	{"images can be built", "Dockerfile: the image golang:alpine", file("Dockerfile", "golang:1.26.8-alpine", "golang:alpine")},
	{"images can be built", "Dockerfile: StageNameCasing", file("Dockerfile", " AS base", " AS Base")},
	{"images can be built", "unknown instruction", file("Dockerfile", "ENTRYPOINT", "ENTRY")},
	{"images can be built", "controller is root", file("Dockerfile", "USER 65532:65532\n", "")},
	{"images can be built", "copies command, which", file("Dockerfile", "COPY cmd cmd", "COPY command cmd")},
	{"images can be built", "from the stage builder", file("Dockerfile", "--from=build", "--from=builder")},
	{"no port is open to other machines", `grafana publishes 3000 on ""`, service("grafana", func(c *types.ServiceConfig) { c.Ports[0].HostIP = "" })},
	{"no port is open to other machines", `"0.0.0.0"`, service("controller", func(c *types.ServiceConfig) { c.Ports[0].HostIP = "0.0.0.0" })},
	{"no port is open to other machines", "network host", service("routeros", func(c *types.ServiceConfig) { c.NetworkMode = "host" })},
	{"nothing has privileges", "is privileged", service("routeros", func(c *types.ServiceConfig) { c.Privileged = true })},
	{"nothing has privileges", "NET_ADMIN", service("routeros", func(c *types.ServiceConfig) { c.CapAdd = []string{"NET_ADMIN"} })},
	{"nothing has privileges", "keeps capabilities", service("grafana", func(c *types.ServiceConfig) { c.CapDrop = nil })},
	{"nothing has privileges", "may gain privileges", service("tempo", func(c *types.ServiceConfig) { c.SecurityOpt = nil })},
	{"nothing has privileges", "can be written", service("controller", func(c *types.ServiceConfig) { c.ReadOnly = false })},
	{"nothing has privileges", "namespaces of the host", service("controller", func(c *types.ServiceConfig) { c.Pid = "host" })},
	{"nothing has privileges", "is root", service("prometheus", func(c *types.ServiceConfig) { c.User = "root" })},
	{"nothing has privileges", "emulator has the device", service("emulator", func(c *types.ServiceConfig) {
		c.Devices = []types.DeviceMapping{{Source: "/dev/kvm", Target: "/dev/kvm"}}
	})},
	{"nothing has privileges", "RouterOS needs /dev/kvm", service("routeros", func(c *types.ServiceConfig) { c.Devices[0].Source = "/dev/kvm" })},
	{"nothing has privileges", "has the engine", volume("grafana", 0, func(v *mount) { v.Source = "/var/run/docker.sock" })},
	{"variables have a default", "GRAFANA_PORT has no default", file("docker-compose.yml", "${GRAFANA_PORT:-3000}", "${GRAFANA_PORT}")},
	{"variables have a default", "RDS_KVM_GID has no default", file("docker-compose.yml", "${RDS_KVM_GID:-10000}", "$RDS_KVM_GID")},
	{"variables have a default", `CONTROLLER_PORT is "9810"`, file(".env", "=9809", "=9810")},
	{"variables have a default", "nothing reads TEMPO_PORT", file(".env", "GRAFANA_PORT=", "TEMPO_PORT=1\nGRAFANA_PORT=")},
	{"variables have a default", "does not choose", file(".env", "=emulator", "=chr")},
	{"the checksums of RouterOS have none", "CHR_SHA256 has a default", service("routeros", func(c *types.ServiceConfig) { sum := "5a"; c.Build.Args["CHR_SHA256"] = &sum })},
	{"the checksums of RouterOS have none", "routeros-setup is not built", service("routeros-setup", func(c *types.ServiceConfig) { c.Build = nil })},
	{"the checksums of RouterOS have none", "in .env", file(".env", "#CHR_SHA256=", "CHR_SHA256=")},
	{"the checksums of RouterOS have none", "CHR_SHA256 has to be an argument", file("deploy/chr/Dockerfile", "ARG CHR_SHA256\n", "ARG CHR_SHA256=5a\n")},
	{"the checksums of RouterOS have none", "CHR_PACKAGES_SHA256 has to be", file("Dockerfile", "ARG CHR_PACKAGES_SHA256\n", "")},
	{"the checksums of RouterOS have none", "does not ask", file("deploy/up.sh", "CHR_PACKAGES_SHA256", "SUM")},
}
