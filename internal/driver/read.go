package driver

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"rds-csi/internal/routeros"
)

// volume asks the RDS for a volume.
func (c *controller) volume(ctx context.Context, id string) (routeros.Volume, error) {
	if err := c.gate(); err != nil {
		return routeros.Volume{}, err
	}
	if !isPossible(id) {
		return routeros.Volume{}, noSuchVolume(id)
	}
	volume, err := c.store.Get(ctx, id)
	if err != nil {
		return routeros.Volume{}, c.failure(ctx, err)
	}
	return volume, nil
}

// ValidateVolumeCapabilities confirms what CreateVolume would accept.
func (c *controller) ValidateVolumeCapabilities(ctx context.Context, request *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if err := needID(request.GetVolumeId()); err != nil {
		return nil, err
	}
	if len(request.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "volume capabilities are required")
	}
	if _, err := c.volume(ctx, request.GetVolumeId()); err != nil {
		return nil, err
	}
	err := checkCapabilities(request.GetVolumeCapabilities())
	if err == nil {
		_, err = readParameters(request.GetParameters(), c.store.Paths())
	}
	if err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: request.GetVolumeContext(), VolumeCapabilities: request.GetVolumeCapabilities(), Parameters: request.GetParameters(),
	}}, nil
}

// ControllerGetVolume tells the size of a volume. The volume context is that
// of CreateVolume and not repeated: half of it comes from a StorageClass.
func (c *controller) ControllerGetVolume(ctx context.Context, request *csi.ControllerGetVolumeRequest) (*csi.ControllerGetVolumeResponse, error) {
	if err := needID(request.GetVolumeId()); err != nil {
		return nil, err
	}
	volume, err := c.volume(ctx, request.GetVolumeId())
	if err != nil {
		return nil, err
	}
	return &csi.ControllerGetVolumeResponse{
		Volume: &csi.Volume{VolumeId: volume.Slot, CapacityBytes: volume.Size},
		Status: &csi.ControllerGetVolumeResponse_VolumeStatus{},
	}, nil
}

// ListVolumes reads the whole list for every page: the RDS is the only truth, and
// a token, which names the last volume of its page, is good for any later list.
// So a list of n pages costs n whole readings, each of two commands and about
// 300 bytes a volume; callers that set no max_entries pay for one. A list kept
// in memory between pages would have to be thrown away at every change, those
// of another controller included, which nobody here learns of.
func (c *controller) ListVolumes(ctx context.Context, request *csi.ListVolumesRequest) (*csi.ListVolumesResponse, error) {
	after, err := checkPage(request.GetMaxEntries(), request.GetStartingToken())
	if err != nil {
		return nil, err
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	volumes, err := c.store.List(ctx)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	c.cfg.Observer.VolumesCounted(ctx, len(volumes))
	part, next := page(volumes, func(v routeros.Volume) string { return v.Slot }, after, int(request.GetMaxEntries()))
	response := &csi.ListVolumesResponse{NextToken: next, Entries: make([]*csi.ListVolumesResponse_Entry, 0, len(part))}
	for _, v := range part {
		response.Entries = append(response.Entries, &csi.ListVolumesResponse_Entry{
			Volume: &csi.Volume{VolumeId: v.Slot, CapacityBytes: v.Size}})
	}
	return response, nil
}

// checkPage reads what requests for lists have in common.
func checkPage(limit int32, token string) (after string, err error) {
	if limit < 0 {
		return "", status.Error(codes.InvalidArgument, "max_entries is negative")
	}
	if after, err = afterToken(token); err != nil {
		return "", status.Error(codes.Aborted, err.Error()+": list again from the start")
	}
	return after, nil
}

func (c *controller) GetCapacity(ctx context.Context, request *csi.GetCapacityRequest) (*csi.GetCapacityResponse, error) {
	p, err := readParameters(request.GetParameters(), c.store.Paths())
	if err != nil {
		return nil, invalid(err)
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	if len(request.GetVolumeCapabilities()) > 0 && checkCapabilities(request.GetVolumeCapabilities()) != nil {
		return &csi.GetCapacityResponse{}, nil // there is no room for such volumes anywhere
	}
	pool, err := c.store.Capacity(ctx, p.volumePath)
	if err == nil && !pool.Mounted {
		err = &routeros.Error{Kind: routeros.ErrPoolUnavailable, Op: "capacity", Text: "the pool " + pool.MountPoint + " is not mounted"}
	}
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	c.cfg.Observer.PoolMeasured(ctx, pool.MountPoint, pool.Size, pool.Free)
	return &csi.GetCapacityResponse{
		AvailableCapacity: pool.Free,
		MaximumVolumeSize: wrapperspb.Int64(min(pool.Free/sizeUnit*sizeUnit, mostSize)),
		MinimumVolumeSize: wrapperspb.Int64(leastSize),
	}, nil
}
