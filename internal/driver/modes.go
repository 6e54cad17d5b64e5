package driver

import (
	"errors"
	"fmt"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// checkCapabilities tells why volumes cannot be used in that way.
func checkCapabilities(capabilities []*csi.VolumeCapability) error {
	if len(capabilities) == 0 {
		return errors.New("volume capabilities are required")
	}
	for _, c := range capabilities {
		if err := checkCapability(c); err != nil {
			return err
		}
	}
	return nil
}

func checkCapability(c *csi.VolumeCapability) error {
	if c.GetBlock() == nil && c.GetMount() == nil {
		return errors.New("a volume capability says neither block nor mount")
	}
	if fs := c.GetMount().GetFsType(); fs != "" && !fileSystems[fs] {
		return fmt.Errorf("the file system %q is not supported", fs)
	}
	switch mode := c.GetAccessMode().GetMode(); mode {
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY:
		return nil
	case csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER:
		// Two initiators may have the disk at once, as in the live migration of a
		// virtual machine; two file systems on it would destroy each other.
		if c.GetBlock() != nil {
			return nil
		}
		return fmt.Errorf("access mode %v is for block volumes only: a file system on several nodes would be destroyed", mode)
	default:
		return fmt.Errorf("access mode %v is not supported", mode)
	}
}

// fileSystems are those that nodes make.
var fileSystems = map[string]bool{"ext4": true, "ext3": true, "ext2": true, "xfs": true, "btrfs": true}
