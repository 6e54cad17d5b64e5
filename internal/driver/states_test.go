package driver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/crypto/ssh"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/conn"
)

// rpcs are all calls that need the RDS, each with a request that is good and,
// where there can be one, a request that is not.
var rpcs = map[string]struct {
	good, bad func(context.Context, *controller) error
}{
	"CreateVolume": {
		func(ctx context.Context, c *controller) error {
			_, err := c.CreateVolume(ctx, creation("a", gib))
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.CreateVolume(ctx, creation("", gib))
			return err
		}},
	"DeleteVolume": {
		func(ctx context.Context, c *controller) error {
			_, err := c.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: "pvc-1"})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.DeleteVolume(ctx, &csi.DeleteVolumeRequest{})
			return err
		}},
	"DeleteVolume of an id that cannot be": {
		func(ctx context.Context, c *controller) error {
			_, err := c.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: "no/volume"})
			return err
		}, nil},
	"ValidateVolumeCapabilities": {
		func(ctx context.Context, c *controller) error {
			_, err := c.ValidateVolumeCapabilities(ctx, &csi.ValidateVolumeCapabilitiesRequest{VolumeId: "pvc-1", VolumeCapabilities: blockWriter})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.ValidateVolumeCapabilities(ctx, &csi.ValidateVolumeCapabilitiesRequest{VolumeId: "pvc-1"})
			return err
		}},
	"ListVolumes": {
		func(ctx context.Context, c *controller) error {
			_, err := c.ListVolumes(ctx, &csi.ListVolumesRequest{})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.ListVolumes(ctx, &csi.ListVolumesRequest{MaxEntries: -1})
			return err
		}},
	"GetCapacity": {
		func(ctx context.Context, c *controller) error {
			_, err := c.GetCapacity(ctx, &csi.GetCapacityRequest{})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.GetCapacity(ctx, &csi.GetCapacityRequest{Parameters: map[string]string{"colour": "red"}})
			return err
		}},
	"ControllerExpandVolume": {
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: "pvc-1", CapacityRange: &csi.CapacityRange{RequiredBytes: gib}})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: "pvc-1"})
			return err
		}},
	"ControllerGetVolume": {
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: "pvc-1"})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{})
			return err
		}},
	"ControllerGetVolumeHealth": {
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: "pvc-1"})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{})
			return err
		}},
	"ControllerListVolumeHealth": {
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerListVolumeHealth(ctx, &csi.ControllerListVolumeHealthRequest{})
			return err
		},
		func(ctx context.Context, c *controller) error {
			_, err := c.ControllerListVolumeHealth(ctx, &csi.ControllerListVolumeHealthRequest{MaxEntries: -1})
			return err
		}},
}

func TestEveryCallFailsFastInEveryStateWithoutAConnection(t *testing.T) {
	tests := map[string]struct {
		away         func(w *world) // takes the RDS away
		state        conn.State
		kind, reason string
		retry        time.Duration
	}{
		"backing off": {func(w *world) { w.lose(); w.pass(2 * time.Second) }, conn.StateWaiting, "refused", "RDS_REFUSED", time.Second},
		"lost a moment ago, reconnecting": {func(w *world) { w.rds.SetDropDials(true); w.rds.DropAll(); synctest.Wait() },
			conn.StateConnecting, "eof", "RDS_UNREACHABLE", time.Second},
		"another host key": {func(w *world) {
			private := newKey()
			w.rds.SetHostKeys(must(ssh.NewSignerFromKey(private)))
			w.rds.ResetAll()
			w.pass(time.Second)
		}, conn.StateWaiting, "host_key", "RDS_HOST_KEY", 15 * time.Second},
		"login refused": {func(w *world) { w.rds.SetRejectLogin(true); w.rds.ResetAll(); w.pass(time.Second) },
			conn.StateWaiting, "auth", "RDS_AUTH", 15 * time.Second},
		"silent": {func(w *world) { w.rds.SetBlackHole(true); w.pass(11 * time.Second) },
			conn.StateConnecting, "silence", "RDS_UNREACHABLE", time.Second},
		"stopped": {func(w *world) { w.manager.Stop(); synctest.Wait() }, conn.StateStopped, "", "RDS_UNREACHABLE", time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				w.pass(20 * time.Second) // now the connection counts as stable
				test.away(w)
				if state := w.manager.Snapshot().State; state != test.state {
					w.t.Fatalf("the state is %v, want %v", state, test.state)
				}
				wantAllUnavailable(w, test.state, test.kind, test.reason, test.retry)
			})
		})
	}
}

func TestEveryCallFailsFastBeforeTheFirstConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		wantAllUnavailable(w, conn.StateIdle, "", "RDS_UNREACHABLE", time.Second)
		w.rds.SetRefuse(true)
		w.manager.StartMonitor(w.t.Context())
		w.pass(8 * time.Second) // attempts at 0, 1, 3, 7 s
		wantAllUnavailable(w, conn.StateWaiting, "refused", "RDS_REFUSED", 7*time.Second)
	})
}

// wantAllUnavailable fails unless each RPC is answered at once: a good request
// with Unavailable and its details, a bad one as always.
func wantAllUnavailable(w *world, state conn.State, kind, reason string, retry time.Duration) {
	t := w.t
	t.Helper()
	sent := len(w.rds.Stats().Commands)
	since := w.manager.Snapshot().Since
	if o := w.manager.Snapshot().Outage; o != nil {
		since = o.DetectedAt
	}
	for name, rpc := range rpcs {
		begin := time.Now()
		err := rpc.good(w.t.Context(), w.controller)
		wantCode(t, name, err, codes.Unavailable)
		gotRetry, info := details(t, err)
		if gotRetry != retry || info.GetReason() != reason || info.GetDomain() != "rds.csi.srvlab.io" {
			t.Errorf("%s: retry in %v, %v", name, gotRetry, info)
		}
		if m := info.GetMetadata(); m["state"] != string(state) || m["kind"] != kind || m["since"] != since.UTC().Format(time.RFC3339) {
			t.Errorf("%s: %v", name, m)
		}
		if rpc.bad != nil {
			wantCode(t, name+", badly", rpc.bad(w.t.Context(), w.controller), codes.InvalidArgument)
		}
		if passed := time.Since(begin); passed != 0 {
			t.Errorf("%s took %v", name, passed)
		}
	}
	if now := len(w.rds.Stats().Commands); now != sent {
		t.Errorf("%d commands were sent", now-sent)
	}
}

func TestAWriteThatIsCutShortIsUnavailableAndItsRepetitionFinishesIt(t *testing.T) {
	for name, ran := range map[string]bool{"the device did it": true, "the device did not": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				answered, connected := make(chan error, 1), w.manager.Snapshot().Since
				w.rds.SetSlowExec(time.Second)
				go func() {
					_, err := w.CreateVolume(w.t.Context(), creation("a", gib))
					answered <- err
				}()
				// The read takes the first second, the write the next.
				w.pass(1500 * time.Millisecond)
				if ran {
					w.rds.SetDelay(5 * time.Second) // its answer stays on its way
					w.pass(time.Second)
				}
				w.rds.ResetAll()
				err := <-answered
				wantCode(t, "cut short", err, codes.Unavailable)
				_, info := details(t, err)
				m := info.GetMetadata()
				since := time.Now() // of the loss
				if m["state"] == string(conn.StateConnected) {
					since = connected // the call may be answered before the loss is known
				}
				if m["outcome"] != string(conn.Unknown) || m["kind"] != string(conn.KindClosed) || m["since"] != since.UTC().Format(time.RFC3339) {
					t.Errorf("got %v, want it since %v", m, since)
				}
				w.rds.SetSlowExec(0)
				w.rds.SetDelay(0)
				w.back()
				w.create("a")
				w.wantDevice(1, 1)
			})
		})
	}
}

func TestTheSameVolumeTwiceAtOnceIsAborted(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		id := w.create("a")
		w.rds.SetHoldExec(true)
		answered := make(chan error, 1)
		go func() { answered <- w.delete(id) }()
		synctest.Wait()
		wantCode(t, "delete", w.delete(id), codes.Aborted)
		_, err := w.CreateVolume(w.t.Context(), creation("a", gib))
		wantCode(t, "create", err, codes.Aborted)
		_, err = w.ControllerExpandVolume(w.t.Context(), &csi.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csi.CapacityRange{RequiredBytes: gib}})
		wantCode(t, "expand", err, codes.Aborted)
		w.rds.SetHoldExec(false)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if err := w.delete(id); err != nil {
			t.Errorf("after it: %v", err)
		}
	})
}

func TestACallersDeadlineIsKeptAndTheConnectionToo(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetSlowExec(4 * time.Second)
		for name, rpc := range rpcs {
			if name == "DeleteVolume of an id that cannot be" {
				continue // asks nothing
			}
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
			begin := time.Now()
			err := rpc.good(ctx, w.controller)
			cancel()
			wantCode(t, name, err, codes.DeadlineExceeded)
			if passed := time.Since(begin); passed != time.Second {
				t.Errorf("%s took %v", name, passed)
			}
			w.pass(10 * time.Second) // what was sent ends
		}
		if s := w.manager.Snapshot(); !s.Connected() || s.Generation != 1 {
			t.Errorf("the connection was given up: %+v", s)
		}
	})
}

func TestSilenceEndsACallWithUnavailable(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetBlackHole(true)
		begin := time.Now()
		_, err := w.ListVolumes(w.t.Context(), &csi.ListVolumesRequest{})
		wantCode(t, "list", err, codes.Unavailable)
		if passed := time.Since(begin); passed > 7*time.Second {
			t.Errorf("took %v", passed)
		}
		if status.Code(w.delete("pvc-1")) != codes.Unavailable {
			t.Error("the next call was not answered from memory")
		}
	})
}
