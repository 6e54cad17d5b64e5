package driver

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// controller is the CSI Controller service. What it knows of volumes it asks
// the RDS at each call; nothing it keeps is needed after a restart.
type controller struct {
	csi.UnimplementedControllerServer
	cfg       Config // immutable
	store     Store
	inventory *Inventory
	locks     *locks
}

func newController(cfg Config) *controller {
	return &controller{cfg: cfg, store: cfg.Controller.Store, inventory: cfg.Controller.Inventory, locks: newLocks()}
}

var controllerRPCs = []csi.ControllerServiceCapability_RPC_Type{
	csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
	csi.ControllerServiceCapability_RPC_LIST_VOLUMES,
	csi.ControllerServiceCapability_RPC_GET_CAPACITY,
	csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	csi.ControllerServiceCapability_RPC_GET_VOLUME,
	csi.ControllerServiceCapability_RPC_GET_VOLUME_HEALTH,
	csi.ControllerServiceCapability_RPC_LIST_VOLUME_HEALTH,
}

func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	response := &csi.ControllerGetCapabilitiesResponse{}
	for _, rpc := range controllerRPCs {
		response.Capabilities = append(response.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: rpc}}})
	}
	return response, nil
}

// lock is taken by every call that changes a volume.
func (c *controller) lock(id string) (release func(), err error) {
	release, ok := c.locks.try(id)
	if !ok {
		return nil, status.Errorf(codes.Aborted, "another call is at work on the volume %s", id)
	}
	return release, nil
}

func invalid(err error) error { return status.Error(codes.InvalidArgument, err.Error()) }

// needID refuses a request without a volume id. An id that no RDS can hold is
// a volume that does not exist; the caller decides what follows from that.
func needID(id string) error {
	if id == "" {
		return status.Error(codes.InvalidArgument, "a volume id is required")
	}
	return nil
}

// noSuchVolume answers for an id that no RDS can hold.
func noSuchVolume(id string) error {
	return status.Errorf(codes.NotFound, "there can be no volume %s: ids are a letter, then at most 63 letters, digits, dots, underscores and hyphens", shown(id))
}
