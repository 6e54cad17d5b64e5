package sanity

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// node is as much of a node plugin as the suite needs to clean up after the
// specs of a controller. Its Identity is that of the driver under test: the
// suite asks nobody else for one.
type node struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedNodeServer
	driver csi.IdentityClient
}

func (n node) GetPluginInfo(ctx context.Context, r *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return n.driver.GetPluginInfo(ctx, r)
}

func (n node) GetPluginCapabilities(ctx context.Context, r *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	return n.driver.GetPluginCapabilities(ctx, r)
}

func (n node) Probe(ctx context.Context, r *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return n.driver.Probe(ctx, r)
}

func (node) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

func (node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: "node", MaxVolumesPerNode: 3}, nil
}

func (node) NodeUnpublishVolume(context.Context, *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// serveNode serves a node beside a driver until the test ends and returns its
// endpoint.
func serveNode(t *testing.T, driver string) string {
	t.Helper()
	client := must(grpc.NewClient(driver, grpc.WithTransportCredentials(insecure.NewCredentials())))
	t.Cleanup(func() { client.Close() })
	n := node{driver: csi.NewIdentityClient(client)}
	path := filepath.Join(shortTemp(t), "node.sock")
	l := must(net.Listen("unix", path))
	server := grpc.NewServer()
	csi.RegisterIdentityServer(server, n)
	csi.RegisterNodeServer(server, n)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // ends with the stop
	}()
	t.Cleanup(func() { server.Stop(); <-ended })
	return "unix://" + path
}
