package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
)

const gib = 1 << 30

var blockWriter = []*csi.VolumeCapability{{
	AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
	AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
}}

// worker is a sidecar with one volume at a time in hand. Like the sidecars, it
// repeats a call until it has an answer, and uses no name twice.
type worker struct {
	w      *world
	ctx    context.Context
	r      *rand.Rand
	number int
	made   int
	pace   time.Duration // the mean pause between calls
	kept   []string
}

// run goes on until the world ends.
func (k *worker) run() {
	for k.pause(k.pace) {
		k.made++
		name := fmt.Sprintf("pvc-%d-%d", k.number, k.made)
		id := "pvc-" + uuid.NewSHA1(uuid.NameSpaceDNS, []byte(name)).String() // as operators know it
		k.w.volumes.wanted(id)
		size := int64(1+k.r.IntN(4)) * gib
		if !k.repeat(func(limit time.Duration) codes.Code { return k.create(name, size, limit) }) {
			return
		}
		for range k.r.IntN(4) {
			if !k.pause(k.pace) {
				return
			}
			k.use(id, &size)
		}
		k.kept = append(k.kept, id)
		for len(k.kept) > 3 || len(k.kept) > 0 && k.r.IntN(2) == 0 {
			oldest := k.kept[0]
			k.kept = k.kept[1:]
			k.w.volumes.unwanted(oldest)
			if !k.repeat(func(limit time.Duration) codes.Code { return k.delete(oldest, limit) }) {
				return
			}
		}
	}
}

// repeat calls until it is done, as patiently as a sidecar, and reports false
// when the world ends first.
func (k *worker) repeat(call func(limit time.Duration) codes.Code) bool {
	wait := time.Second
	for call(k.limit()) != codes.OK {
		if !k.pause(wait) {
			return false
		}
		wait = min(2*wait, 30*time.Second)
	}
	return true
}

// limit is what a caller gives a call: most are patient.
func (k *worker) limit() time.Duration {
	return []time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute}[min(3, k.r.IntN(8))]
}

// pause is short while there is trouble: idle hours prove little and cost much.
func (k *worker) pause(mean time.Duration) bool {
	if !k.w.trouble.Load() {
		mean *= 5
	}
	return pause(k.ctx, time.Duration(k.r.ExpFloat64()*float64(mean)))
}

// rpc makes a call where a controller runs.
func (k *worker) rpc(what string, limit time.Duration, do func(context.Context, *process) error) codes.Code {
	p := k.w.process.Load()
	if p == nil || p.ending.Load() {
		return codes.Unavailable
	}
	return p.calls.rpc(p, what, limit, func(ctx context.Context) error { return do(ctx, p) })
}

func (k *worker) create(name string, size int64, limit time.Duration) codes.Code {
	return k.rpc("create "+name, limit, func(ctx context.Context, p *process) error {
		response, err := p.controller.CreateVolume(ctx, &csi.CreateVolumeRequest{Name: name, VolumeCapabilities: blockWriter,
			CapacityRange: &csi.CapacityRange{RequiredBytes: size}})
		if err == nil {
			k.w.volumes.there(response.GetVolume().GetVolumeId(), response.GetVolume().GetCapacityBytes())
		}
		return err
	})
}

func (k *worker) delete(id string, limit time.Duration) codes.Code {
	return k.rpc("delete "+id, limit, func(ctx context.Context, p *process) error {
		_, err := p.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: id})
		if err == nil {
			k.w.volumes.deleted(id)
		}
		return err
	})
}

// use makes one of the other calls.
func (k *worker) use(id string, size *int64) {
	switch limit := k.limit(); k.r.IntN(6) {
	case 0:
		k.rpc("validate "+id, limit, func(ctx context.Context, p *process) error {
			_, err := p.controller.ValidateVolumeCapabilities(ctx, &csi.ValidateVolumeCapabilitiesRequest{VolumeId: id, VolumeCapabilities: blockWriter})
			return err
		})
	case 1:
		k.rpc("list", limit, func(ctx context.Context, p *process) error { return k.list(ctx, p, id) })
	case 2:
		k.rpc("capacity", limit, func(ctx context.Context, p *process) error {
			_, err := p.controller.GetCapacity(ctx, &csi.GetCapacityRequest{})
			return err
		})
	case 3:
		k.rpc("health of "+id, limit, func(ctx context.Context, p *process) error {
			_, err := p.controller.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: id})
			return err
		})
	case 4:
		k.rpc("probe", limit, func(ctx context.Context, p *process) error { return k.probe(ctx, p) })
	default:
		*size += gib
		k.rpc("expand "+id, limit, func(ctx context.Context, p *process) error {
			response, err := p.controller.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: id,
				CapacityRange: &csi.CapacityRange{RequiredBytes: *size}})
			if err == nil {
				k.w.volumes.there(id, response.GetCapacityBytes())
			}
			return err
		})
	}
}

func (k *worker) list(ctx context.Context, p *process, id string) error {
	response, err := p.controller.ListVolumes(ctx, &csi.ListVolumesRequest{})
	if err != nil {
		return err
	}
	for _, entry := range response.GetEntries() {
		if entry.GetVolume().GetVolumeId() == id {
			return nil
		}
	}
	k.w.violate("CSI", "the volume %s is not in the list", id)
	return nil
}

// probe must never fail: a sidecar would exit.
func (k *worker) probe(ctx context.Context, p *process) error {
	_, err := p.identity.Probe(ctx, &csi.ProbeRequest{})
	if err != nil && !p.ending.Load() && ctx.Err() == nil {
		k.w.violate("CSI", "Probe: %v", err)
	}
	return err
}
