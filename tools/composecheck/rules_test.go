package composecheck_test

import (
	"fmt"
	"testing"
)

// complaints are what a rule has against a stack.
type complaints []string

func (c *complaints) add(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

// unless complains where something does not hold.
func (c *complaints) unless(ok bool, format string, args ...any) {
	if !ok {
		c.add(format, args...)
	}
}

// rule is something that holds of the stack.
type rule struct {
	name  string
	check func(stack, *complaints)
}

var rules = []rule{
	{"the services are there", servicesAreThere},
	{"an RDS is a profile", anRDSIsAProfile},
	{"either RDS answers to the same name", eitherRDSAnswersToTheSameName},
	{"the controller starts with any RDS and with none", controllerStartsWithAnyRDS},
	{"what is waited for can be known", waitsCanEnd},
	{"every service tells its health", healthIsTold},

	{"what is mounted is there", sourcesAreThere},
	{"images can be built", imagesCanBeBuilt},
	{"what is shipped is mounted read-only", mountsAreReadOnly},
	{"images are pinned", imagesArePinned},
	{"no port is open to other machines", portsAreOnLoopback},
	{"nothing has privileges", nothingHasPrivileges},
	{"variables have a default", variablesHaveADefault},
	{"the checksums of RouterOS have none", checksumsHaveNoDefault},

	{"Prometheus loads the rules and scrapes the controller", prometheusIsConfigured},
	{"alerts reach Alertmanager", alertsReachAlertmanager},
	{"spans reach Tempo", spansReachTempo},
	{"Grafana shows the dashboards as they are shipped", dashboardsAreShown},
	{"dashboards find their data sources", dataSourcesExist},
	{"Grafana is open to read and nothing else", grafanaIsForReading},
	{"flags exist", flagsExist},
}

func (r rule) complaints(s stack) complaints {
	var c complaints
	r.check(s, &c)
	return c
}

func TestTheStackKeepsTheRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, c := range r.complaints(everything(t)) {
				t.Error(c)
			}
		})
	}
}

// Compose drops what no active profile needs, and then has to find everything
// that is left.
func TestTheStackLoadsWithEachProfile(t *testing.T) {
	for _, profile := range []string{"", "emulator", "chr"} {
		s := load(t, nil, "COMPOSE_PROFILES="+profile)
		for _, some := range []map[string]string{devices, helpers} {
			for name, of := range some {
				if has := len(s.services(name)) > 0; has != (of == profile) {
					t.Errorf("profile %q: %s is there: %v", profile, name, has)
				}
			}
		}
		for _, name := range permanent {
			if len(s.services(name)) == 0 {
				t.Errorf("profile %q: no %s", profile, name)
			}
		}
	}
	if got := load(t, nil).services("emulator"); len(got) == 0 {
		t.Error("the .env file does not choose the emulator")
	}
	one, other := load(t, nil, "COMPOSE_PROFILES=emulator"), load(t, nil, "COMPOSE_PROFILES=chr")
	if one.Volumes["keys"].Name == other.Volumes["keys"].Name {
		t.Error("the host key of the emulator is pinned for RouterOS")
	}
	if got := one.Volumes["keys"].Name; got != "rds-csi_keys_emulator" {
		t.Errorf("keys are in the volume %s", got)
	}
}
