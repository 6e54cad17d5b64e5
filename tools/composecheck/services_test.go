package composecheck_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// permanent are the services of every profile.
var permanent = []string{"keys", "controller", "prometheus", "alertmanager", "grafana", "tempo"}

// devices are the services that are an RDS, helpers those that belong to one,
// with their profiles.
var (
	devices = map[string]string{"emulator": "emulator", "routeros": "chr"}
	helpers = map[string]string{"emulator-keys": "emulator", "routeros-setup": "chr"}
)

// once are the services that end by themselves: nobody asks for their health.
var once = []string{"keys", "emulator-keys", "routeros-setup"}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// services returns those of the names that the project has.
func (s stack) services(wanted ...string) (found []types.ServiceConfig) {
	for _, name := range wanted {
		if c, ok := s.Services[name]; ok {
			found = append(found, c)
		}
	}
	return found
}

func servicesAreThere(s stack, c *complaints) {
	want := slices.Sorted(slices.Values(slices.Concat(permanent, slices.Collect(maps.Keys(devices)), slices.Collect(maps.Keys(helpers)))))
	c.unless(slices.Equal(names(s), want), "the services are %v, not %v", names(s), want)
}

func anRDSIsAProfile(s stack, c *complaints) {
	for _, some := range []map[string]string{devices, helpers} {
		for name, profile := range some {
			got := s.Services[name].Profiles
			c.unless(slices.Equal(got, []string{profile}), "%s is in the profiles %v", name, got)
		}
	}
	for _, service := range s.services(permanent...) {
		c.unless(len(service.Profiles) == 0, "%s is not in every profile", service.Name)
	}
}

// theRDS is where the controller finds its RDS.
const theRDS, theRDSPort = "rds", "2222"

func eitherRDSAnswersToTheSameName(s stack, c *complaints) {
	controller := strings.Join(s.Services["controller"].Command, "\n") + "\n"
	for _, flag := range []string{"--rds-address=" + theRDS, "--rds-port=" + theRDSPort} {
		c.unless(strings.Contains(controller, flag+"\n"), "the controller has no %s", flag)
	}
	for name := range devices {
		network := s.Services[name].Networks["default"]
		c.unless(network != nil && contains(network.Aliases, theRDS), "%s does not answer to %s", name, theRDS)
		published := slices.ContainsFunc(s.Services[name].Ports, func(p types.ServicePortConfig) bool { return p.Target == 2222 })
		c.unless(published, "%s does not publish port %s", name, theRDSPort)
	}
	c.unless(contains(s.Services["emulator"].Command, "--listen=:"+theRDSPort), "the emulator does not listen on %s", theRDSPort)
	setup := s.Services["routeros-setup"].Command
	c.unless(contains(setup, "--address="+theRDS+":"+theRDSPort), "routeros-setup prepares another device: %v", setup)
}

func controllerStartsWithAnyRDS(s stack, c *complaints) {
	waits := s.Services["controller"].DependsOn
	want := map[string]types.ServiceDependency{
		"keys":           {Condition: types.ServiceConditionCompletedSuccessfully, Required: true},
		"routeros-setup": {Condition: types.ServiceConditionCompletedSuccessfully},
		"emulator":       {Condition: types.ServiceConditionStarted},
		"routeros":       {Condition: types.ServiceConditionStarted},
	}
	for name, w := range want {
		got, ok := waits[name]
		c.unless(ok && got.Condition == w.Condition && got.Required == w.Required,
			"the controller waits for %s with %+v, not %+v", name, got, w)
	}
	for name := range waits {
		_, ok := want[name]
		c.unless(ok, "the controller waits for %s", name)
	}
}

// waitsCanEnd: compose waits for ever for the health of what has no
// healthcheck, and for the end of what restarts.
func waitsCanEnd(s stack, c *complaints) {
	for name, service := range s.Services {
		for on, d := range service.DependsOn {
			switch d.Condition {
			case types.ServiceConditionHealthy:
				c.unless(hasHealthcheck(s.Services[on]), "%s waits for the health of %s, which has no healthcheck", name, on)
			case types.ServiceConditionCompletedSuccessfully:
				c.unless(s.Services[on].Restart == "no", "%s waits for the end of %s, which restarts", name, on)
			}
			profiles := s.Services[on].Profiles
			c.unless(len(profiles) == 0 || !d.Required || slices.Equal(profiles, service.Profiles), "%s needs %s, which is not always there", name, on)
		}
	}
	for _, service := range s.services(once...) {
		waited := slices.ContainsFunc(slices.Collect(maps.Values(s.Services)), func(o types.ServiceConfig) bool {
			return o.DependsOn[service.Name].Condition == types.ServiceConditionCompletedSuccessfully
		})
		c.unless(waited, "nobody waits for the end of %s: up --wait takes it for a failure", service.Name)
	}
}

func hasHealthcheck(s types.ServiceConfig) bool {
	h := s.HealthCheck
	return h != nil && !h.Disable && len(h.Test) > 1 && h.Interval != nil && h.Timeout != nil
}

func healthIsTold(s stack, c *complaints) {
	for name, service := range s.Services {
		c.unless(hasHealthcheck(service) || contains(once, name), "%s has no healthcheck", name)
		if contains(once, name) {
			continue
		}
		// What takes long to start is asked often then, so that nobody waits.
		h := service.HealthCheck
		c.unless(h == nil || h.StartPeriod != nil && h.StartInterval != nil, "%s has no start period", name)
	}
}
