package driver

import (
	"context"
	"slices"

	"github.com/container-storage-interface/spec/lib/go/csi"

	"rds-csi/internal/routeros"
)

// statuses tells what is wrong with a volume, nothing if it is well.
func statuses(c routeros.Condition) []*csi.VolumeHealth_VolumeHealthEntry {
	var list []*csi.VolumeHealth_VolumeHealthEntry
	add := func(status csi.VolumeHealthErrorType, reason, message string) {
		list = append(list, &csi.VolumeHealth_VolumeHealthEntry{Status: status, Reason: reason, Message: message})
	}
	switch {
	case c.FileMissing:
		add(csi.VolumeHealthErrorType_DATA_LOSS, "FileMissing", "the pool does not hold the file "+c.FilePath)
	case !c.PoolMounted:
		add(csi.VolumeHealthErrorType_INACCESSIBLE, "PoolNotMounted", "the pool with the file "+c.FilePath+" is not mounted")
	}
	if !c.Exported {
		add(csi.VolumeHealthErrorType_INACCESSIBLE, "NotExported", "the disk is not exported over NVMe/TCP")
	}
	return list
}

func healthOf(c routeros.Condition) *csi.VolumeHealth {
	return &csi.VolumeHealth{VolumeId: c.Slot, HealthStatuses: statuses(c)}
}

func (c *controller) ControllerGetVolumeHealth(ctx context.Context, request *csi.ControllerGetVolumeHealthRequest) (*csi.ControllerGetVolumeHealthResponse, error) {
	id := request.GetVolumeId()
	if err := needID(id); err != nil {
		return nil, err
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	if !isPossible(id) {
		return nil, noSuchVolume(id)
	}
	condition, err := c.store.Condition(ctx, id)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	return &csi.ControllerGetVolumeHealthResponse{VolumeHealth: healthOf(condition)}, nil
}

// ControllerListVolumeHealth lists the volumes with which something is wrong.
func (c *controller) ControllerListVolumeHealth(ctx context.Context, request *csi.ControllerListVolumeHealthRequest) (*csi.ControllerListVolumeHealthResponse, error) {
	after, err := checkPage(request.GetMaxEntries(), request.GetStartingToken())
	if err != nil {
		return nil, err
	}
	if err := c.gate(); err != nil {
		return nil, err
	}
	conditions, err := c.store.Conditions(ctx)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	conditions = slices.DeleteFunc(conditions, func(c routeros.Condition) bool { return len(statuses(c)) == 0 })
	part, next := page(conditions, func(c routeros.Condition) string { return c.Slot }, after, int(request.GetMaxEntries()))
	response := &csi.ControllerListVolumeHealthResponse{NextToken: next}
	for _, condition := range part {
		response.Entries = append(response.Entries, healthOf(condition))
	}
	return response, nil
}
