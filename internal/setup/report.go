package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// outcome of a step that did not fail.
type outcome struct {
	changed bool
	text    string
}

func done(format string, args ...any) (outcome, error) {
	return outcome{true, fmt.Sprintf(format, args...)}, nil
}

func there(format string, args ...any) (outcome, error) {
	return outcome{false, fmt.Sprintf(format, args...)}, nil
}

// Failure says which step could not be done, why, and what to do.
type Failure struct {
	Step   string
	Err    error
	Remedy string
}

func (f *Failure) Error() string { return f.Step + ": " + f.text() }
func (f *Failure) Unwrap() error { return f.Err }

// text is one line.
func (f *Failure) text() string {
	fault := strings.Join(strings.Fields(f.Err.Error()), " ")
	if f.Remedy == "" {
		return fault
	}
	return fault + "; what to do: " + f.Remedy
}

// again is the remedy of what passes by itself.
const again = "run it again, it goes on where it stopped"

// fault is an error with its remedy; the step is named by who runs it.
func fault(remedy, format string, args ...any) error {
	return &Failure{Err: fmt.Errorf(format, args...), Remedy: remedy}
}

// report writes a line for each step.
type report struct {
	w       io.Writer
	changed bool
}

func (r *report) row(step, verdict, text string) {
	fmt.Fprintln(r.w, strings.TrimRight(fmt.Sprintf("%-13s %-13s  %s", step, verdict, text), " "))
}

// step runs one and tells what became of it. The error is a [*Failure].
func (r *report) step(ctx context.Context, name string, run func(context.Context) (outcome, error)) error {
	o, err := run(ctx)
	switch {
	case err != nil:
		failure := r.failure(ctx, name, err)
		r.row(name, "failed", failure.text())
		return failure
	case o.changed:
		r.changed = true
		r.row(name, "done", o.text)
	default:
		r.row(name, "already there", o.text)
	}
	return nil
}

func (r *report) failure(ctx context.Context, name string, err error) *Failure {
	if ctx.Err() != nil {
		return &Failure{Step: name, Err: errors.New("interrupted"), Remedy: again}
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return &Failure{Step: name, Err: f.Err, Remedy: f.Remedy}
	}
	return &Failure{Step: name, Err: err, Remedy: again}
}
