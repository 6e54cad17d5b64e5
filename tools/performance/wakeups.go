package main

import (
	"cmp"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/exp/trace"
)

// waker is who woke the program, and how often.
type waker struct {
	Who   string
	Times int
}

// wakers reads an execution trace. The program is asleep when no processor of
// the Go runtime runs; the first goroutine that becomes ready to run after that
// is the one that it was woken for, named by the place where it had waited.
// The tracer's own goroutines are left out. The most frequent come first.
func wakers(execution io.Reader) ([]waker, error) {
	r, err := trace.NewReader(execution)
	if err != nil {
		return nil, err
	}
	w := wakeUps{running: map[trace.ProcID]bool{}, waiting: map[trace.GoID]string{}, before: map[trace.GoID]int{}, times: map[string]int{}}
	for {
		event, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			return w.sorted(), nil
		}
		if err != nil {
			return nil, err
		}
		if event.Kind() == trace.EventStateTransition {
			w.note(event.StateTransition())
		}
	}
}

type wakeUps struct {
	running map[trace.ProcID]bool
	asleep  bool                  // until the first goroutine is ready
	waiting map[trace.GoID]string // where a goroutine waits
	before  map[trace.GoID]int    // wake-ups of one that had begun to wait before the trace
	times   map[string]int
}

func (w *wakeUps) note(change trace.StateTransition) {
	switch change.Resource.Kind {
	case trace.ResourceProc:
		if _, to := change.Proc(); to == trace.ProcRunning {
			w.asleep = w.asleep || len(w.running) == 0
			w.running[change.Resource.Proc()] = true
		} else {
			delete(w.running, change.Resource.Proc())
		}
	case trace.ResourceGoroutine:
		goroutine := change.Resource.Goroutine()
		switch from, to := change.Goroutine(); {
		case from == trace.GoRunning && to == trace.GoWaiting:
			who := place(change.Stack)
			w.waiting[goroutine] = who
			w.times[who] += w.before[goroutine]
			delete(w.before, goroutine)
		case from == trace.GoWaiting && to == trace.GoRunnable && w.asleep:
			w.asleep = false
			if who, known := w.waiting[goroutine]; known {
				w.times[who]++
			} else {
				w.before[goroutine]++ // it is known where it waits when it does so again
			}
		}
	}
}

// tracer matches what only a trace needs; main.init is of e2e/testdata/trace.go.
var tracer = regexp.MustCompile(`^(runtime\.(\(\*)?trace|runtime/trace\.|main\.init)`)

// place is the innermost function of ours that a goroutine waits in, else the
// function that it began with.
func place(stack trace.Stack) (who string) {
	for frame := range stack.Frames() {
		if ours, ok := strings.CutPrefix(frame.Func, "rds-csi/internal/"); ok {
			return ours
		}
		who = frame.Func
	}
	return who
}

func (w *wakeUps) sorted() (all []waker) {
	for who, times := range w.times {
		if times > 0 && !tracer.MatchString(who) {
			all = append(all, waker{who, times})
		}
	}
	slices.SortFunc(all, func(a, b waker) int { return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Who, b.Who)) })
	return all
}
