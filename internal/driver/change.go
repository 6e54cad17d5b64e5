package driver

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/routeros"
)

// DeleteVolume removes a volume, or what an earlier call left of it.
func (c *controller) DeleteVolume(ctx context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	id := request.GetVolumeId()
	if err := needID(id); err != nil {
		return nil, err
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	if !isPossible(id) {
		return &csi.DeleteVolumeResponse{}, nil
	}
	release, err := c.lock(id)
	if err != nil {
		return nil, err
	}
	defer release()
	_, err = c.inventory.during(id, func() (routeros.Volume, error) { return routeros.Volume{}, c.store.Delete(ctx, id) })
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

// ControllerExpandVolume makes a volume larger. Its node has to follow where
// there is a file system, also when an earlier call did the work: that one's
// answer may have been lost.
func (c *controller) ControllerExpandVolume(ctx context.Context, request *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	id := request.GetVolumeId()
	if err := needID(id); err != nil {
		return nil, err
	}
	size, err := sizeToGrow(request.GetCapacityRange())
	if err != nil {
		return nil, err
	}
	if capability := request.GetVolumeCapability(); capability != nil {
		if err := checkCapability(capability); err != nil {
			return nil, invalid(err)
		}
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	if !isPossible(id) {
		return nil, noSuchVolume(id)
	}
	release, err := c.lock(id)
	if err != nil {
		return nil, err
	}
	defer release()
	volume, err := c.inventory.during(id, func() (routeros.Volume, error) { return c.store.Expand(ctx, id, size) })
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	if limit := request.GetCapacityRange().GetLimitBytes(); limit > 0 && volume.Size > limit {
		return nil, status.Errorf(codes.OutOfRange, "the volume has %d bytes, the limit is %d, and volumes only grow", volume.Size, limit)
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: volume.Size,
		NodeExpansionRequired: request.GetVolumeCapability().GetBlock() == nil}, nil
}
