package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// checker runs the tests, some at a time.
type checker struct {
	root, dir string
	workers   int
	ended     func(*result) // told of each fault, one at a time
}

// result is what became of a fault.
type result struct {
	mutation
	noticed bool
	how     string // by which test, or why it was not noticed
	output  string // of a fault that was not
	took    time.Duration
}

// check first runs every test on the good code, then each fault.
func (c *checker) check(ctx context.Context, all []mutation) []result {
	good := c.goodCode(ctx, all)
	results := make([]result, len(all))
	var one sync.Mutex
	c.each(len(all), func(i int) {
		begin := time.Now()
		results[i] = result{mutation: all[i]}
		if r := &results[i]; good[r.testedPackage()].passed[r.test] {
			r.noticed, r.how, r.output = c.mutant(ctx, &all[i])
		} else {
			r.how = "the test does not pass without the fault: missing, skipped or red"
			r.output = good[r.testedPackage()].output
		}
		results[i].took = time.Since(begin)
		one.Lock()
		defer one.Unlock()
		c.ended(&results[i])
	})
	return results
}

// each calls do for 0..n-1, in no order.
func (c *checker) each(n int, do func(int)) {
	turns := make(chan struct{}, c.workers)
	var all sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	all.Wait()
}

// goodCode runs the tests of each package without a fault.
func (c *checker) goodCode(ctx context.Context, all []mutation) map[string]outcome {
	tests := make(map[string][]string)
	for _, m := range all {
		if pkg := m.testedPackage(); !slices.Contains(tests[pkg], m.topTest()) {
			tests[pkg] = append(tests[pkg], m.topTest())
		}
	}
	var packages []string
	for pkg := range tests {
		packages = append(packages, pkg)
	}
	slices.Sort(packages)
	outcomes := make([]outcome, len(packages))
	c.each(len(packages), func(i int) {
		pattern := "^(" + strings.Join(tests[packages[i]], "|") + ")$"
		outcomes[i] = goTest(ctx, c.root, packages[i], pattern, "", 5*time.Minute)
	})
	good := make(map[string]outcome)
	for i, pkg := range packages {
		good[pkg] = outcomes[i]
	}
	return good
}

// mutant runs the test of one fault with the fault in place.
func (c *checker) mutant(ctx context.Context, m *mutation) (noticed bool, how, output string) {
	dir, err := os.MkdirTemp(c.dir, "")
	if err != nil {
		return false, err.Error(), ""
	}
	overlay, err := m.overlay(c.root, dir)
	if err != nil {
		return false, err.Error(), ""
	}
	o := goTest(ctx, c.root, m.testedPackage(), "^"+strings.ReplaceAll(m.test, "/", "$/^")+"$", overlay, m.bound())
	noticed, how = m.judge(o)
	return noticed, how, strings.ReplaceAll(o.output, filepath.ToSlash(dir)+"/", "")
}

// judge decides whether the test noticed the fault.
func (m *mutation) judge(o outcome) (noticed bool, how string) {
	switch {
	case !o.built:
		return false, "does not compile; adapt it"
	case o.timedOut && !m.hang:
		return false, fmt.Sprintf("the test hangs for %v and says nothing", m.bound())
	case o.timedOut:
		return true, "hang"
	case len(o.failed) > 0:
		return true, "red"
	case o.leaked:
		return true, "leak"
	case o.panicked:
		return true, "panic"
	case !o.ok:
		return false, "the test failed, but not by itself"
	}
	return false, "SURVIVED"
}
