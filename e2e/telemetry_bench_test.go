//go:build linux

package e2e

import (
	"strconv"
	"testing"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/otelx"
	"rds-csi/internal/routeros"
)

// BenchmarkTelemetry compares commands that are counted, timed and traced with
// commands that nobody is told of. Nothing is exported, as without OTEL_*
// variables.
func BenchmarkTelemetry(b *testing.B) {
	rds := emulatedRDS(b)
	port := must(strconv.Atoi(rds.port))
	telemetry := must(otelx.New(b.Context(), otelx.Config{CommandName: routeros.CommandName, VerbAndMenu: routeros.VerbAndMenu}))
	connect := func(observer conn.Observer) *conn.SSHClient {
		client := must(conn.NewSSHClient(conn.SSHClientConfig{Host: rds.host, Port: port, User: "admin", KeyFile: rds.keyFile,
			HostKeyFile: rds.hostKeyFile, Verify: verifyRouterOS, Observer: observer}))
		if err := client.Connect(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { client.Close() })
		return client
	}
	clients := []*conn.SSHClient{connect(telemetry.Observer()), connect(conn.NopObserver{})}
	took := make([]time.Duration, 2)
	const batch = 64
	n := 0
	for b.Loop() {
		for turn := range clients {
			i := (n + turn) % 2 // in either order
			begin := time.Now()
			for range batch {
				if _, err := clients[i].Exec(b.Context(), `:put "OK"`); err != nil {
					b.Fatal(err)
				}
			}
			took[i] += time.Since(begin)
		}
		n++
	}
	commands := float64(n * batch)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[0].Nanoseconds())/1e3/commands, "on-us")
	b.ReportMetric(float64(took[1].Nanoseconds())/1e3/commands, "off-us")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "cost-ratio")
}
