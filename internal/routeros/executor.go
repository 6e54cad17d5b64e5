package routeros

import "context"

// Executor runs one command line on a RouterOS device and returns what it printed, standard error merged in. Whatever
// exit status the device gave is no error; an error says that the command could not be run or its output not be read.
type Executor interface {
	Exec(ctx context.Context, command string) (string, error)
}

// ExecutorFunc is a function as an [Executor].
type ExecutorFunc func(ctx context.Context, command string) (string, error)

// Exec calls f.
func (f ExecutorFunc) Exec(ctx context.Context, command string) (string, error) {
	return f(ctx, command)
}
