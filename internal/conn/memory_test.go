package conn

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestWeekOfOutageKeepsTheHeapFlat(t *testing.T) {
	attempts := 0
	inBubble(t, func(s *settings) {
		s.client.Observer, s.manager.Observer = NopObserver{}, NopObserver{}
		s.manager.Logger = slog.New(slog.DiscardHandler)
		s.client.Dial = func(_ context.Context, network, _ string) (net.Conn, error) {
			attempts++
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
	}, func(w *world) {
		w.m.StartMonitor(w.t.Context())
		w.pass(24 * time.Hour)
		early := heap()
		w.pass(6 * 24 * time.Hour)
		late := heap()
		if want := 7 * 24 * 60 * 60 / 16; attempts < want*9/10 {
			w.t.Fatalf("%d attempts in a week, want about %d", attempts, want)
		}
		if grown := int64(late) - int64(early); grown > 256<<10 {
			w.t.Errorf("the heap grew by %d bytes in six days and %d attempts", grown, attempts)
		}
	})
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
