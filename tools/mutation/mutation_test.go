package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryFaultIsCompleteAndApplies(t *testing.T) {
	if err := checkCatalogue(); err != nil {
		t.Error(err)
	}
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range catalogue() {
		text, err := os.ReadFile(filepath.Join(root, m.file))
		if err == nil {
			_, err = m.apply(string(text))
		}
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestAFaultMustBeThereOnce(t *testing.T) {
	m := mutation{file: "f.go", old: "x", new: "y"}
	if text, err := m.apply("a x b"); err != nil || text != "a y b" {
		t.Errorf("got %q, %v", text, err)
	}
	for _, text := range []string{"a b", "x x"} {
		if _, err := m.apply(text); err == nil || !strings.Contains(err.Error(), "no longer applies") {
			t.Errorf("%q: %v", text, err)
		}
	}
	m.new = m.old
	if _, err := m.apply("a x b"); err == nil {
		t.Error("a fault that changes nothing was accepted")
	}
}

func TestTheEventsOfARunAreJudged(t *testing.T) {
	const (
		pass     = `{"Action":"pass","Test":"TestA"}` + "\n" + `{"Action":"pass"}`
		red      = `{"Action":"fail","Test":"TestA"}` + "\n" + `{"Action":"fail"}`
		skipped  = `{"Action":"skip","Test":"TestA"}` + "\n" + `{"Action":"pass"}`
		noBuild  = `{"Action":"build-fail"}` + "\n" + `{"Action":"fail","FailedBuild":"p"}`
		timedOut = `{"Action":"output","Output":"panic: test timed out after 1m0s\n"}` + "\n" + red
		leak     = `{"Action":"output","Output":"goleak: Errors on successful test run\n"}` + "\n" + `{"Action":"fail"}`
		panicked = `{"Action":"output","Output":"panic: close of closed channel\n"}` + "\n" + `{"Action":"fail"}`
		killed   = `{"Action":"fail"}`
	)
	hang := mutation{hang: true}
	for name, c := range map[string]struct {
		m       mutation
		events  string
		noticed bool
	}{
		"a green test":                 {events: pass},
		"a red test":                   {events: red, noticed: true},
		"a skipped test":               {events: skipped},
		"what does not compile":        {events: noBuild},
		"a hang":                       {events: timedOut},
		"a hang where one is expected": {m: hang, events: timedOut, noticed: true},
		"a leak":                       {events: leak, noticed: true},
		"a panic":                      {events: panicked, noticed: true},
		"a run that somebody killed":   {events: killed},
		"no events at all":             {},
	} {
		if noticed, how := c.m.judge(readEvents([]byte(c.events))); noticed != c.noticed {
			t.Errorf("%s: noticed %v (%s), want %v", name, noticed, how, c.noticed)
		}
	}
	if o := readEvents([]byte(skipped)); o.passed["TestA"] {
		t.Error("a skipped test counts as passed")
	}
}
