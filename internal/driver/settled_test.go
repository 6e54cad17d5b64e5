package driver

import (
	"context"
	"testing"
	"testing/synctest"

	"rds-csi/internal/routeros"
)

// late is a store that knows the size of its volume at the second look only.
type late struct {
	Store
	looks int
}

func (*late) Paths() []string { return []string{"/pool/volumes"} }

func (*late) Capacity(context.Context, string) (routeros.Pool, error) {
	return routeros.Pool{MountPoint: "pool", Mounted: true, Size: 1 << 40, Free: 1 << 39}, nil
}

func (s *late) List(context.Context) ([]routeros.Volume, error) {
	s.looks++
	v := routeros.Volume{Slot: "pvc-a", Exported: true}
	if s.looks > 1 {
		v.Size = gib
	}
	return []routeros.Volume{v}, nil
}

func TestItLooksAgainUntilEverySizeIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &late{}
		i := NewInventory(InventoryConfig{Store: s})
		i.Reconcile(t.Context())
		if found := i.Summary(); s.looks != 2 || found.Bytes != gib || len(found.Changes) != 0 {
			t.Errorf("after %d looks: %+v", s.looks, found)
		}
	})
}
