package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// envPrefix begins every variable. The rest of its name is the flag's, in
// capitals, with "-" and "." as "_": RDS_CSI_RDS_ADDRESS is --rds-address.
const envPrefix = "RDS_CSI_"

// setting is one flag and its variable. It is a flag.Value that accepts every
// text: what is wrong with it is said later, together with all other faults.
type setting struct {
	name     string
	usage    string // one line, what it is for
	fallback string // the default, parsed like anything else
	isSwitch bool   // may stand without a value
	legacy   string // of another driver: what to know instead; it has no effect
	flagOnly bool   // of a subcommand: no variable sets it
	parse    func(text string) error

	text     string
	source   string // --name or the variable; empty: the default
	repeated bool   // the flag was given more than once, with another value
}

func (s *setting) String() string   { return s.text }
func (s *setting) IsBoolFlag() bool { return s.isSwitch }

func (s *setting) Set(text string) error {
	s.repeated = s.repeated || s.source != "" && s.text != text
	s.text, s.source = text, "--"+s.name
	return nil
}

// where tells how it was set. A value that could not be told apart from the
// text around it is quoted.
func (s *setting) where() string {
	value := s.text
	if value != strings.TrimSpace(value) || strings.ContainsFunc(value, unicode.IsControl) {
		value = strconv.Quote(value)
	}
	switch {
	case s.source == "" && value == "":
		return "--" + s.name
	case s.source == "":
		return fmt.Sprintf("--%s (default %s)", s.name, value)
	case s.source == "--"+s.name:
		return fmt.Sprintf("--%s=%s", s.name, value)
	}
	return fmt.Sprintf("%s=%s (--%s)", s.source, value, s.name)
}

func (s *setting) variable() string {
	return envPrefix + strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(s.name))
}

// settings is all that can be set, in the order of the help text.
type settings struct {
	list   []*setting
	faults faults
	failed map[string]bool // settings that have a fault already
	notes  []string        // warnings for the operator
}

func (ss *settings) add(s *setting) {
	s.text = s.fallback
	ss.list = append(ss.list, s)
}

func (ss *settings) find(name string) *setting {
	for _, s := range ss.list {
		if s.name == name {
			return s
		}
	}
	panic("no setting is called " + name)
}

// given reports whether a flag or a variable sets it.
func (ss *settings) given(name string) bool { return ss.find(name).source != "" }

// errUsage: the command line cannot be understood; what is wrong was written.
var errUsage = errors.New("usage")

// read takes the flags, then the variables of those that no flag sets, and
// parses. An unknown flag ends it at once, since what follows may be its value.
// A variable that is empty counts as not set: that is what an unset one becomes
// in compose files and charts.
func (ss *settings) read(args []string, env func(string) (string, bool), help io.Writer) error {
	fs := flag.NewFlagSet("controller", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, s := range ss.list {
		fs.Var(s, s.name, s.usage)
	}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		ss.writeHelp(help)
		return flag.ErrHelp
	case err != nil:
		return fmt.Errorf("%w: %w; controller --help lists all flags", errUsage, err)
	case fs.NArg() > 0:
		return fmt.Errorf("%w: unexpected argument %q; a subcommand (%s) comes before all flags, and a switch takes its value as --name=value",
			errUsage, fs.Arg(0), subcommandNames)
	}
	ss.failed = make(map[string]bool)
	for _, s := range ss.list {
		if s.legacy != "" {
			if s.source != "" {
				ss.notes = append(ss.notes, fmt.Sprintf("%s has no effect here: %s", s.source, s.legacy))
			}
			continue
		}
		if text, _ := env(s.variable()); text != "" && s.source == "" && !s.flagOnly {
			s.text, s.source = text, s.variable()
		}
		if s.repeated {
			ss.note("--%s is given more than once; the last one holds: %s", s.name, s.text)
		}
		// What comes from a file often ends in a line break.
		if s.text != strings.TrimSpace(s.text) {
			ss.fault(s.name, bad("begins or ends with a blank or a line break", "remove it"))
			continue
		}
		if err := s.parse(s.text); err != nil {
			ss.fault(s.name, err)
		}
	}
	return nil
}

// fault notes what is wrong with a setting. One that failed already gets no
// second fault, which could only follow from the first.
func (ss *settings) fault(name string, err error) {
	if ss.failed[name] {
		return
	}
	ss.failed[name] = true
	ss.faults = append(ss.faults, fault{name: name, where: ss.find(name).where(), err: err})
}

// require notes a fault of a setting unless ok.
func (ss *settings) require(ok bool, name, what, remedy string) {
	if !ok {
		ss.fault(name, bad(what, remedy))
	}
}

func (ss *settings) note(format string, args ...any) {
	ss.notes = append(ss.notes, fmt.Sprintf(format, args...))
}

// valid reports whether none of them has a fault.
func (ss *settings) valid(names ...string) bool {
	for _, name := range names {
		if ss.failed[name] {
			return false
		}
	}
	return true
}

// unknownVariables lists variables with our prefix that no setting reads:
// a misspelt one would otherwise be ignored in silence. Kubernetes makes such
// names too, for Services called rds-csi-...
func (ss *settings) unknownVariables(environ []string) []string {
	known := make(map[string]bool)
	for _, s := range ss.list {
		known[s.variable()] = s.legacy == "" && !s.flagOnly
	}
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		ofKubernetes := strings.Contains(name, "_SERVICE_") || strings.HasSuffix(name, "_PORT") || strings.Contains(name, "_PORT_")
		if strings.HasPrefix(name, envPrefix) && !known[name] && !ofKubernetes {
			unknown = append(unknown, name)
		}
	}
	return unknown
}
