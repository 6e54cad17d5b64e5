package composecheck_test

import (
	"regexp"
	"strings"
)

// reference is a variable in docker-compose.yml with what follows its name.
var reference = regexp.MustCompile(`\$\{?(\w+)([^}\s"]*)\}?`)

func variablesHaveADefault(s stack, c *complaints) {
	text, err := s.read("docker-compose.yml")
	if err != nil {
		c.add("%v", err)
		return
	}
	env, _ := s.read(".env")
	used := map[string]bool{}
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		name, rest := m[1], m[2]
		used[name] = true
		fallback, has := strings.CutPrefix(rest, ":-")
		c.unless(has, "%s has no default: %s", name, m[0])
		// The .env file repeats the defaults for people to change. It may not
		// have others: what is run depends on the folder then.
		if name == "COMPOSE_PROFILES" {
			continue
		}
		if line := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(env); line != nil {
			c.unless(line[1] == fallback, "%s is %q in .env and %q in docker-compose.yml", name, line[1], fallback)
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^(\w+)=`).FindAllStringSubmatch(env, -1) {
		c.unless(used[line[1]], "nothing reads %s of .env", line[1])
	}
	c.unless(strings.Contains(env, "COMPOSE_PROFILES=emulator\n"), ".env does not choose the emulator")
}

// checksumsHaveNoDefault: nobody but the person who downloads RouterOS can tell
// which files to trust, so the builds have to refuse without an answer.
func checksumsHaveNoDefault(s stack, c *complaints) {
	env, _ := s.read(".env")
	script, _ := s.read("deploy/up.sh")
	for service, name := range map[string]string{"routeros": "CHR_SHA256", "routeros-setup": "CHR_PACKAGES_SHA256"} {
		b := s.Services[service].Build
		if b == nil {
			c.add("%s is not built", service)
			continue
		}
		arg := b.Args[name]
		c.unless(arg != nil && *arg == "", "%s has a default", name)
		c.unless(!regexp.MustCompile(`(?m)^`+name+`=`).MatchString(env), "%s has a default in .env", name)
		if d, err := s.dockerfileOf(service); err != nil {
			c.add("%v", err)
		} else if fallback, ok := d.takes(name); !ok || fallback != "" {
			c.add("%s has to be an argument without a default of %s", name, d.path)
		}
		c.unless(strings.Contains(script, "setting "+name+")"), "make up does not ask for %s", name)
	}
}
