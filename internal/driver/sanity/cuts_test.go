package sanity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const gib = 1 << 30

// The connection is cut a thousand times, between commands and within, while
// callers create, grow, read and delete volumes of their own. Each knows what
// the answers told it so far, and holds the next ones against that.
func TestAThousandCutsLoseLeakAndDoubleNothing(t *testing.T) {
	cuts := int64(1000)
	if testing.Short() {
		cuts = 100
	}
	d := newDriver(t, inMemory(t), newScissors(t))
	client := must(grpc.NewClient(d.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer client.Close()
	controller := csi.NewControllerClient(client)
	const callers, names = 4, 3
	var wait sync.WaitGroup
	owners := make([]*owner, callers)
	for i := range owners {
		owners[i] = &owner{t: t, controller: controller, random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(i)))}
		for name := range names {
			owners[i].volumes = append(owners[i].volumes, &volume{name: fmt.Sprintf("volume %d of %d", name, i)})
		}
		wait.Go(func() {
			for d.scissors.cuts.Load() < cuts && !t.Failed() {
				if owners[i].act(t.Context()) == codes.Unavailable {
					d.patience.wait(t.Context())
				}
			}
		})
	}
	wait.Wait()
	d.scissors.blunt.Store(true)
	answers := make(map[codes.Code]int)
	for _, o := range owners {
		for _, v := range o.volumes {
			o.settle(t.Context(), v, &d.patience)
		}
		for code, n := range o.answers {
			answers[code] += n
		}
	}
	t.Logf("%d cuts; answers: %v", d.scissors.cuts.Load(), answers)
	d.wantEmpty()
}

// owner is a caller with volumes of its own.
type owner struct {
	t          *testing.T
	controller csi.ControllerClient
	random     *rand.Rand
	volumes    []*volume
	answers    map[codes.Code]int
}

// volume is what its owner knows of it.
type volume struct {
	name, id string
	// sizes are those that it may have now, 0 for not being there: one, or more
	// when a call was cut short.
	sizes map[int64]bool
}

func (v *volume) mayBe(size int64) bool { return v.sizes == nil && size == 0 || v.sizes[size] }

func only(size int64) map[int64]bool { return map[int64]bool{size: true} }

// or adds a size that the volume may have.
func (v *volume) or(size int64) {
	if v.sizes == nil {
		v.sizes = only(0)
	}
	v.sizes[size] = true
}

// act makes one call on one of the volumes.
func (o *owner) act(ctx context.Context) codes.Code {
	v := o.volumes[o.random.IntN(len(o.volumes))]
	var err error
	switch what := o.random.IntN(5); {
	case what <= 1 || v.id == "":
		err = o.create(ctx, v)
	case what == 2:
		err = o.remove(ctx, v)
	case what == 3:
		err = o.grow(ctx, v)
	default:
		err = o.look(ctx, v)
	}
	if o.answers == nil {
		o.answers = make(map[codes.Code]int)
	}
	o.answers[status.Code(err)]++
	return status.Code(err)
}

func (o *owner) create(ctx context.Context, v *volume) error {
	response, err := o.controller.CreateVolume(ctx, &csi.CreateVolumeRequest{Name: v.name, VolumeCapabilities: block,
		CapacityRange: &csi.CapacityRange{RequiredBytes: gib, LimitBytes: 1 << 40}})
	switch status.Code(err) {
	case codes.OK:
		size := response.GetVolume().GetCapacityBytes()
		if id := response.GetVolume().GetVolumeId(); v.id != "" && v.id != id {
			o.t.Errorf("%s was %s and is %s", v.name, v.id, id)
		}
		v.id = response.GetVolume().GetVolumeId()
		if !v.mayBe(size) && !(v.mayBe(0) && size == gib) {
			o.t.Errorf("%s was answered with %d bytes, it may have %v", v.name, size, v.sizes)
		}
		v.sizes = only(size)
	case codes.Unavailable:
		if v.mayBe(0) {
			v.or(gib)
		}
	default:
		o.t.Errorf("create %s: %v", v.name, err)
	}
	return err
}

func (o *owner) remove(ctx context.Context, v *volume) error {
	_, err := o.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: v.id})
	switch status.Code(err) {
	case codes.OK:
		v.sizes = only(0)
	case codes.Unavailable:
		v.or(0)
	default:
		o.t.Errorf("delete %s: %v", v.name, err)
	}
	return err
}

func (o *owner) grow(ctx context.Context, v *volume) error {
	size := gib * (1 + o.random.Int64N(8))
	response, err := o.controller.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: v.id,
		CapacityRange: &csi.CapacityRange{RequiredBytes: size}})
	switch status.Code(err) {
	case codes.OK:
		if got := response.GetCapacityBytes(); got != size && !(got > size && v.mayBe(got)) {
			o.t.Errorf("%s was to have %d bytes and has %d; it may have %v", v.name, size, got, v.sizes)
		}
		v.sizes = only(response.GetCapacityBytes())
	case codes.Unavailable:
		if len(v.sizes) > 1 || !v.mayBe(0) { // it may be there
			v.or(size)
		}
	case codes.NotFound:
		o.wantGone(v, err)
	default:
		o.t.Errorf("grow %s: %v", v.name, err)
	}
	return err
}

func (o *owner) look(ctx context.Context, v *volume) error {
	response, err := o.controller.ControllerGetVolume(ctx, &csi.ControllerGetVolumeRequest{VolumeId: v.id})
	switch status.Code(err) {
	case codes.OK:
		if size := response.GetVolume().GetCapacityBytes(); !v.mayBe(size) {
			o.t.Errorf("%s has %d bytes, it may have %v", v.name, size, v.sizes)
		}
	case codes.Unavailable:
	case codes.NotFound:
		o.wantGone(v, err)
	default:
		o.t.Errorf("get %s: %v", v.name, err)
	}
	return err
}

func (o *owner) wantGone(v *volume, err error) {
	if !v.mayBe(0) {
		o.t.Errorf("%s: %v; it may have %v", v.name, err, v.sizes)
	}
}

// settle checks a volume in peace, and deletes it.
func (o *owner) settle(ctx context.Context, v *volume, p *patience) {
	for v.id != "" && status.Code(o.look(ctx, v)) == codes.Unavailable {
		p.wait(ctx)
	}
	for v.id != "" && status.Code(o.remove(ctx, v)) == codes.Unavailable {
		p.wait(ctx)
	}
}

var block = []*csi.VolumeCapability{{
	AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
	AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
}}
