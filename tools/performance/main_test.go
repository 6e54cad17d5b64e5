package main

import (
	"bytes"
	"runtime/trace"
	"strings"
	"testing"
	"time"
)

func TestResultsAreReadAsGoPrintsThem(t *testing.T) {
	read, err := parse(strings.NewReader(`goos: linux
cpu: AMD EPYC
BenchmarkExec/8-2   	      25	      4191 bare-cmd/s	         1.909 bare-ms
BenchmarkIdle       	       1	 12 ns/op
BenchmarkHerd/jitter=0.5/budget=3 1 35 peak-conn/s
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"Exec/8 bare-cmd/s": 4191, "Exec/8 bare-ms": 1.909, "Idle ns/op": 12, "Herd/jitter=0.5/budget=3 peak-conn/s": 35}
	for name, v := range want {
		if read.figures[name] != v {
			t.Errorf("%s is %v, want %v", name, read.figures[name], v)
		}
	}
	if read.cpu != "AMD EPYC" || len(read.figures) != len(want) {
		t.Errorf("%+v", read)
	}
}

func TestMissingFigureIsAnError(t *testing.T) {
	var to strings.Builder
	var execution bytes.Buffer
	if err := trace.Start(&execution); err != nil {
		t.Fatal(err)
	}
	trace.Stop()
	err := write(&to, strings.NewReader(""), &execution, time.Now())
	if err == nil || !strings.Contains(err.Error(), "no ours-cmd/s of BenchmarkExec/1") || to.Len() > 0 {
		t.Errorf("wrote %q, %v", to.String(), err)
	}
}

func TestWholeNumbersAreGrouped(t *testing.T) {
	for number, want := range map[string]string{"1": "1", "999": "999", "1000": "1,000", "1234567": "1,234,567", "1234.5": "1234.5"} {
		if got := group(number); got != want {
			t.Errorf("%s is %s, want %s", number, got, want)
		}
	}
}
