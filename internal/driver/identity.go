package driver

import (
	"context"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"rds-csi/internal/conn"
)

// identity is the CSI Identity service.
type identity struct {
	csi.UnimplementedIdentityServer
	cfg Config // immutable
}

func (s *identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: s.cfg.Name, VendorVersion: s.cfg.Version}, nil
}

// GetPluginCapabilities announces what is served beside Identity. Volumes may
// grow while they are in use: the disk's name and export stay as they are.
func (s *identity) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	if s.cfg.Controller == nil {
		return &csi.GetPluginCapabilitiesResponse{}, nil
	}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{
		{Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{
			Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}}},
		{Type: &csi.PluginCapability_VolumeExpansion_{VolumeExpansion: &csi.PluginCapability_VolumeExpansion{
			Type: csi.PluginCapability_VolumeExpansion_ONLINE}}},
	}}, nil
}

// Probe tells whether RPCs can be carried out. It is never an error: sidecars
// wait as long as it says not ready, but exit on an error.
func (s *identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(s.ready(time.Now()))}, nil
}

func (s *identity) ready(now time.Time) bool {
	connection := s.cfg.Connection
	if now.Sub(connection.LastTurn()) > conn.StuckAfter {
		return false // the snapshot may be as old
	}
	return s.cfg.ProbeIgnoresConnection || connection.Snapshot().Connected()
}
