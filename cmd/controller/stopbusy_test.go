package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// busyStop is how long a stop may take when an RPC is in flight.
const busyStop = 5 * time.Second

// creating is a CreateVolume over the socket that waits for the device.
type creating struct {
	volume *csi.Volume
	err    error
}

// creates calls CreateVolume while the device holds its answers, and returns
// when the device has the command.
func (d *device) creates(t *testing.T, endpoint string) <-chan creating {
	t.Helper()
	client, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	d.SetHoldExec(true)
	answered := make(chan creating, 1)
	go func() {
		response, err := csi.NewControllerClient(client).CreateVolume(t.Context(), &csi.CreateVolumeRequest{
			Name: "a", CapacityRange: &csi.CapacityRange{RequiredBytes: 1 << 30},
			VolumeCapabilities: []*csi.VolumeCapability{{
				AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
				AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
			}},
		})
		answered <- creating{response.GetVolume(), err}
	}()
	for start := time.Now(); !slices.ContainsFunc(d.Stats().Commands, func(c string) bool { return strings.Contains(c, `"pvc-`) }); {
		if time.Since(start) > patience {
			t.Fatal("the device is not asked")
		}
		time.Sleep(time.Millisecond)
	}
	return answered
}

func TestSIGTERMLeavesARPCThatTheDeviceHoldsUnanswered(t *testing.T) {
	d := startDevice(t)
	r := start(t, nil, d.args()...)
	endpoint := r.line("CSI endpoint")["endpoint"].(string)
	r.line("RDS connected")
	answered := d.creates(t, endpoint)
	r.stopsWithin(busyStop, syscall.SIGTERM)
	// Callers take Unavailable for "unknown" and repeat the call.
	if got := <-answered; status.Code(got.err) != codes.Unavailable || got.volume != nil {
		t.Errorf("got %v, %v, want Unavailable", got.volume, got.err)
	}
}

func TestSIGTERMLetsARPCEndThatTheDeviceAnswersInTime(t *testing.T) {
	d := startDevice(t)
	r := start(t, nil, d.args()...)
	endpoint := r.line("CSI endpoint")["endpoint"].(string)
	r.line("RDS connected")
	answered := d.creates(t, endpoint)
	r.stopsWithin(busyStop, syscall.SIGTERM, func() {
		r.line("stopping")
		d.SetHoldExec(false)
	})
	got := <-answered
	if got.err != nil {
		t.Fatalf("got %v", got.err)
	}
	if size, there := d.Device().FileSize("pool/volumes/" + got.volume.GetVolumeId() + ".img"); !there || size != 1<<30 {
		t.Errorf("%s was answered, and its file has %d bytes", got.volume.GetVolumeId(), size)
	}
}
