package driver

import (
	"context"
	"net"
	"strconv"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/routeros"
)

func (c *controller) CreateVolume(ctx context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	want, p, err := c.wanted(request)
	if err != nil {
		return nil, err
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	addresses, err := c.addresses(p)
	if err != nil {
		return nil, err
	}
	release, err := c.lock(want.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	volume, err := c.inventory.during(want.ID, func() (routeros.Volume, error) { return c.store.Create(ctx, want) })
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: volume.Slot, CapacityBytes: volume.Size, VolumeContext: volumeContext(volume, p, addresses),
	}}, nil
}

// wanted reads the request.
func (c *controller) wanted(request *csi.CreateVolumeRequest) (NewVolume, parameters, error) {
	if request.GetName() == "" {
		return NewVolume{}, parameters{}, status.Error(codes.InvalidArgument, "a volume name is required")
	}
	if err := checkCapabilities(request.GetVolumeCapabilities()); err != nil {
		return NewVolume{}, parameters{}, invalid(err)
	}
	p, err := readParameters(request.GetParameters(), c.store.Paths())
	if err != nil {
		return NewVolume{}, parameters{}, invalid(err)
	}
	switch {
	case request.GetVolumeContentSource() != nil:
		return NewVolume{}, parameters{}, status.Error(codes.InvalidArgument, "volumes cannot be made from snapshots or other volumes")
	case len(request.GetMutableParameters()) > 0:
		return NewVolume{}, parameters{}, status.Error(codes.InvalidArgument, "there are no mutable parameters")
	}
	size, limit, err := sizeOfNew(request.GetCapacityRange())
	if err != nil {
		return NewVolume{}, parameters{}, err
	}
	return NewVolume{ID: c.cfg.Controller.IDFormat.id(request.GetName()), Size: size, Limit: limit,
		Path: p.volumePath, NQNPrefix: p.nqnPrefix, Port: p.nvmePort}, p, nil
}

// addresses are where nodes find the RDS.
type addresses struct{ rds, nvme string }

// addresses are those of the class. Without one it is the address of the
// configuration; nodes take no name, so where that is one, it is the IP address
// of the live connection.
func (c *controller) addresses(p parameters) (addresses, error) {
	a := addresses{rds: p.rdsAddress, nvme: p.nvmeAddress}
	if a.rds == "" {
		a.rds = c.cfg.Controller.Address
	}
	if !isIP(a.rds) && p.rdsAddress == "" {
		if host, _, err := net.SplitHostPort(c.cfg.Connection.Snapshot().Report.PeerAddress); err == nil && isIP(host) {
			a.rds = host
		}
	}
	if a.nvme == "" {
		a.nvme = a.rds
	}
	if !isIP(a.nvme) {
		return a, status.Errorf(codes.FailedPrecondition, "nodes need an IP address, and %s is none: give the parameter %s", shown(a.nvme), paramNVMeAddress)
	}
	return a, nil
}

// volumeContext is what the node plugin needs to connect.
func volumeContext(v routeros.Volume, p parameters, a addresses) map[string]string {
	out := map[string]string{
		paramRDSAddress:  a.rds,
		paramNVMeAddress: a.nvme,
		paramNVMePort:    strconv.Itoa(v.Port),
		keyNQN:           v.NQN,
		paramVolumePath:  v.FilePath,
	}
	for name, value := range p.node {
		out[name] = value
	}
	return out
}
