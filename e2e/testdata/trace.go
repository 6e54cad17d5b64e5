// Put beside the sources of a program, this file makes it write an execution
// trace to $EXECUTION_TRACE, from one SIGUSR1 to the next.
package main

import (
	"log/slog"
	"os"
	"os/signal"
	"runtime/trace"
	"syscall"
)

func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		<-signals
		file, err := os.Create(os.Getenv("EXECUTION_TRACE"))
		if err != nil {
			panic(err)
		}
		if err := trace.Start(file); err != nil {
			panic(err)
		}
		<-signals
		trace.Stop()
		if err := file.Close(); err != nil {
			panic(err)
		}
		slog.Info("trace written")
	}()
}
