package main

import (
	"bytes"
	"runtime/trace"
	"strings"
	"testing"
	"time"
)

func TestWakerIsWhoWaited(t *testing.T) {
	var execution bytes.Buffer
	if err := trace.Start(&execution); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go nap(done)
	<-done
	trace.Stop()
	all, err := wakers(&execution)
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	for _, w := range all {
		if strings.HasSuffix(w.Who, ".nap") {
			times = w.Times
		}
		if tracer.MatchString(w.Who) {
			t.Errorf("%v only traces", w)
		}
	}
	if times == 0 || times > naps {
		t.Errorf("%d wake-ups of nap, want some of its %d: %v", times, naps, all)
	}
}

const naps = 10

func nap(done chan<- struct{}) {
	defer close(done)
	for range naps {
		<-time.After(20 * time.Millisecond)
	}
}

func TestNoTraceIsAnError(t *testing.T) {
	if _, err := wakers(strings.NewReader("no trace")); err == nil {
		t.Error("no error")
	}
}
