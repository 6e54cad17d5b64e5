package driver

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"rds-csi/internal/emulator"
)

// awayWorld is one whose RDS refuses connections.
func awayWorld(b *testing.B) *world {
	w := newWorld(b, nil)
	w.rds.SetRefuse(true)
	w.manager.StartMonitor(b.Context())
	for w.manager.Snapshot().ConsecutiveFailures == 0 {
		time.Sleep(time.Millisecond)
	}
	return w
}

// percentile reports one of the durations.
func percentile(b *testing.B, took []time.Duration, p int, name string) {
	slices.Sort(took)
	b.ReportMetric(float64(took[(len(took)-1)*p/100])/float64(time.Millisecond), name)
}

// BenchmarkCall is a handler's time by the state of the connection: with the
// emulator's and SSH's, in memory, where there is one.
func BenchmarkCall(b *testing.B) {
	for _, state := range []struct {
		name    string
		prepare func(*world)
		code    codes.Code
	}{
		{"connected", func(w *world) {}, codes.OK},
		{"connecting", func(w *world) { w.rds.SetHoldBanner(true); w.rds.ResetAll() }, codes.Unavailable},
		{"waiting", func(w *world) { w.rds.SetRefuse(true); w.rds.ResetAll() }, codes.Unavailable},
	} {
		b.Run(state.name, func(b *testing.B) {
			w := newWorld(b, nil)
			if err := w.manager.Reconnect(b.Context()); err != nil {
				b.Fatal(err)
			}
			w.manager.StartMonitor(b.Context())
			state.prepare(w)
			for string(w.manager.Snapshot().State) != state.name {
				time.Sleep(time.Millisecond)
			}
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				if _, err := w.GetCapacity(b.Context(), &csi.GetCapacityRequest{}); status.Code(err) != state.code {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			percentile(b, took, 50, "p50-ms")
			percentile(b, took, 99, "p99-ms")
		})
	}
}

// dialServer serves on a socket and gives a client.
func dialServer(b *testing.B, w *world) csi.ControllerClient {
	s := must(NewServer(w.cfg))
	path := filepath.Join(b.TempDir(), "csi.sock")
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	l := must(net.Listen("unix", path))
	go func() { ended <- s.Run(ctx, l) }()
	client := must(grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials())))
	b.Cleanup(func() {
		client.Close()
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return csi.NewControllerClient(client)
}

// BenchmarkFailFastOverTheSocket is what 8 callers at once see.
func BenchmarkFailFastOverTheSocket(b *testing.B) {
	client := dialServer(b, awayWorld(b))
	const callers = 8
	took := make([][]time.Duration, callers)
	var wait sync.WaitGroup
	b.ResetTimer()
	for i := range callers {
		wait.Go(func() {
			for range max(b.N/callers, 1) {
				begin := time.Now()
				if _, err := client.DeleteVolume(b.Context(), deletion); status.Code(err) != codes.Unavailable {
					b.Error(err)
				}
				took[i] = append(took[i], time.Since(begin))
			}
		})
	}
	wait.Wait()
	percentile(b, slices.Concat(took...), 99, "p99-ms")
}

// BenchmarkAThousandCallsAtOnce is the time until all of them are answered.
func BenchmarkAThousandCallsAtOnce(b *testing.B) {
	client := dialServer(b, awayWorld(b))
	for b.Loop() {
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				if _, err := client.DeleteVolume(b.Context(), deletion); status.Code(err) != codes.Unavailable {
					b.Error(err)
				}
			})
		}
		wait.Wait()
	}
}

// fullWorld is one whose RDS has so many volumes, connected.
func fullWorld(b *testing.B, volumes int) *world {
	w := newWorld(b, func(s *settings) { s.device.Pools = []emulator.Pool{{Slot: "pool", Size: 1 << 50}} })
	for i := range volumes {
		id := IDLong.id(fmt.Sprint(i))
		w.on(fmt.Sprintf(`/disk add type=file file-path="/pool/volumes/%s.img" file-size=1G slot=%s nvme-tcp-export=yes nvme-tcp-server-port=4420 nvme-tcp-server-nqn="nqn.2000-02.com.mikrotik:%s" mount-filesystem=no`,
			id, id, id))
	}
	if err := w.manager.Reconnect(b.Context()); err != nil {
		b.Fatal(err)
	}
	return w
}

var counts = []int{100, 1_000, 10_000}

func BenchmarkListVolumes(b *testing.B) {
	for _, n := range counts {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := fullWorld(b, n)
			report := perVolume(b, n)
			for b.Loop() {
				list, err := w.ListVolumes(b.Context(), &csi.ListVolumesRequest{})
				if err != nil || len(list.GetEntries()) != n {
					b.Fatal(len(list.GetEntries()), err)
				}
			}
			report()
		})
	}
}

func BenchmarkReconcile(b *testing.B) {
	for _, n := range counts {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := fullWorld(b, n)
			report := perVolume(b, n)
			for b.Loop() {
				if !w.inventory.look(b.Context()) {
					b.Fatal(w.log)
				}
			}
			report()
		})
	}
}

// BenchmarkCompare is what the driver itself does of a reconcile: nothing is
// asked. Reading what the RDS says is BenchmarkList of package routeros.
func BenchmarkCompare(b *testing.B) {
	for _, n := range counts {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := fullWorld(b, n)
			volumes := must(w.store.List(b.Context()))
			report := perVolume(b, n)
			for b.Loop() {
				w.inventory.beginLook()
				w.inventory.endLook(volumes, nil)
			}
			report()
		})
	}
}

// perVolume begins to measure; its result reports the time and the bytes that
// were allocated for one volume, emulator and SSH included where they are asked.
func perVolume(b *testing.B, volumes int) (report func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	return func() {
		runtime.ReadMemStats(&after)
		each := float64(b.N) * float64(volumes)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/each, "ns/volume")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/each, "B/volume")
	}
}
