//go:build linux && !race

package e2e

import (
	"context"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// isUsed calls the service again and again, as sidecars do, until the end of
// the test.
func (s *service) isUsed() {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	s.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for ctx.Err() == nil {
			s.controller.ListVolumes(ctx, &csi.ListVolumesRequest{})
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
}

// worksOverCSI uses volumes, and leaves none behind.
func (s *service) worksOverCSI() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	volume, err := s.create(ctx, "e2e", 1<<30)
	if err != nil {
		s.t.Fatal(err)
	}
	capacity, err := s.controller.GetCapacity(ctx, &csi.GetCapacityRequest{})
	if err != nil || capacity.GetAvailableCapacity() <= 0 {
		s.t.Errorf("capacity %v, %v", capacity, err)
	}
	all, err := s.controller.ListVolumes(ctx, &csi.ListVolumesRequest{})
	if err != nil || len(all.GetEntries()) != 1 || all.GetEntries()[0].GetVolume().GetVolumeId() != volume.GetVolumeId() {
		s.t.Errorf("volumes %v, %v", all, err)
	}
	if _, err := s.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: volume.GetVolumeId()}); err != nil {
		s.t.Error(err)
	}
	if probe, err := s.identity.Probe(ctx, &csi.ProbeRequest{}); err != nil || !probe.GetReady().GetValue() {
		s.t.Errorf("probe %v, %v", probe, err)
	}
}

// failsFastOverCSI expects every call to be refused at once.
func (s *service) failsFastOverCSI() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	for name, call := range map[string]func() error{
		"CreateVolume": func() error { _, err := s.create(ctx, "in-outage", 1<<30); return err },
		"DeleteVolume": func() error {
			_, err := s.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: "pvc-6bc1814c-5705-5b6e-af99-104b91962282"})
			return err
		},
		"ListVolumes": func() error { _, err := s.controller.ListVolumes(ctx, &csi.ListVolumesRequest{}); return err },
		"GetCapacity": func() error { _, err := s.controller.GetCapacity(ctx, &csi.GetCapacityRequest{}); return err },
	} {
		var err error
		took := spends(func() { err = call() })
		if grpcstatus.Code(err) != codes.Unavailable || took > atOnce {
			s.t.Errorf("%s in the outage: %v after %v", name, err, took)
		}
	}
	if probe, err := s.identity.Probe(ctx, &csi.ProbeRequest{}); err != nil || probe.GetReady() == nil || probe.GetReady().GetValue() {
		s.t.Errorf("probe in the outage: %v, %v", probe, err)
	}
	if _, err := fetch("GET", s.page+"readyz"); err == nil || !strings.Contains(err.Error(), "503") {
		s.t.Errorf("/readyz in the outage: %v", err)
	}
	if _, err := fetch("GET", s.page+"livez"); err != nil {
		s.t.Errorf("/livez in the outage: %v", err)
	}
}
