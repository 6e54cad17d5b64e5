package main

import (
	"fmt"
	"strings"
)

// fault is one line about one setting: where it comes from, what is wrong, and
// what to do.
type fault struct {
	name  string // of the setting
	where string // how it was set
	err   error
}

func (f fault) String() string {
	// Values and errors of parsers may span lines; a fault is one.
	return strings.Join(strings.Fields(f.where+": "+f.err.Error()), " ")
}

// bad is what is wrong with a value, and the remedy.
func bad(what, remedy string) error { return fmt.Errorf("%s; %s", what, remedy) }

// faults is everything that is wrong with a configuration.
type faults []fault

func (fs faults) Error() string {
	var b strings.Builder
	noun := "faults"
	if len(fs) == 1 {
		noun = "fault"
	}
	fmt.Fprintf(&b, "%d %s in the configuration, nothing was started:", len(fs), noun)
	for _, f := range fs {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// of returns the faults of the named settings.
func (fs faults) of(names ...string) faults {
	var found faults
	for _, f := range fs {
		for _, name := range names {
			if f.name == name {
				found = append(found, f)
			}
		}
	}
	return found
}
