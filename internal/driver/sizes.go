package driver

import (
	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A volume has at least a GiB, as the driver that this one follows had it: its
// volumes are found again by requests for less.
const (
	leastSize = 1 << 30
	mostSize  = 16 << 40
	sizeUnit  = 1 << 20 // sizes are whole MiB
)

// sizeOfNew gives the size for a new volume, and the most that one which is
// there already may have.
func sizeOfNew(r *csi.CapacityRange) (size, limit int64, err error) {
	if err := checkRange(r); err != nil {
		return 0, 0, err
	}
	size = max(r.GetRequiredBytes(), leastSize)
	rounded := (size + sizeUnit - 1) / sizeUnit * sizeUnit
	switch limit = r.GetLimitBytes(); {
	case size > mostSize:
		return 0, 0, status.Errorf(codes.OutOfRange, "%d bytes are wanted, a volume has at most %d", size, int64(mostSize))
	case limit > 0 && rounded > limit:
		return 0, 0, status.Errorf(codes.OutOfRange, "the volume would have %d bytes, at least a GiB in whole MiB, and the limit is %d", rounded, limit)
	}
	return size, limit, nil
}

// sizeToGrow gives the size that an existing volume is to have at least.
func sizeToGrow(r *csi.CapacityRange) (int64, error) {
	if err := checkRange(r); err != nil {
		return 0, err
	}
	size, limit := r.GetRequiredBytes(), r.GetLimitBytes()
	rounded := (size + sizeUnit - 1) / sizeUnit * sizeUnit
	switch {
	case size == 0 && limit == 0:
		return 0, status.Error(codes.InvalidArgument, "a capacity range is required")
	case size == 0:
		return 0, status.Error(codes.InvalidArgument, "the required bytes are missing")
	case size > mostSize:
		return 0, status.Errorf(codes.OutOfRange, "%d bytes are wanted, a volume has at most %d", size, int64(mostSize))
	case limit > 0 && rounded > limit:
		return 0, status.Errorf(codes.OutOfRange, "the volume would have %d bytes in whole MiB, and the limit is %d", rounded, limit)
	}
	return size, nil
}

func checkRange(r *csi.CapacityRange) error {
	required, limit := r.GetRequiredBytes(), r.GetLimitBytes()
	switch {
	case required < 0 || limit < 0:
		return status.Error(codes.InvalidArgument, "a size is negative")
	case limit > 0 && required > limit:
		return status.Errorf(codes.InvalidArgument, "%d bytes are required, and the limit is %d", required, limit)
	}
	return nil
}
