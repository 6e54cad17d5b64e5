// Command mutation checks the tests: it puts known faults into the code, one
// at a time, and wants a test to fail for each.
//
// The source is never changed: the faulty files reach the compiler through
// go's -overlay. docs/mutation.md tells more, and lists the faults.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx))
}

func run(ctx context.Context) int {
	only := flag.String("run", "", "check only the faults whose name matches this expression")
	update := flag.Bool("update", false, "write the table of docs/mutation.md and test nothing")
	workers := flag.Int("j", runtime.NumCPU(), "tests at a time")
	flag.Parse()
	pick, err := regexp.Compile(*only)
	if err != nil {
		return fail(err)
	}
	root, err := findRoot()
	if err != nil {
		return fail(err)
	}
	if err := checkCatalogue(); err != nil {
		return fail(err)
	}
	if err := document(root, *update); err != nil || *update {
		return fail(err)
	}
	var chosen []mutation
	for _, m := range catalogue() {
		if pick.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	dir, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)

	begin := time.Now()
	c := &checker{root: root, dir: dir, workers: max(1, *workers), ended: func(r *result) { fmt.Println(r.row()) }}
	unnoticed := 0
	for _, r := range c.check(ctx, chosen) {
		if !r.noticed {
			unnoticed++
			fmt.Print(r.explain())
		}
	}
	fmt.Printf("\n%d faults, %d noticed, in %v\n", len(chosen), len(chosen)-unnoticed, time.Since(begin).Round(time.Second))
	if unnoticed > 0 {
		return 1
	}
	return 0
}

// fail tells why nothing was checked; nil is success.
func fail(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "mutation:", err)
	return 1
}
