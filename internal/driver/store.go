package driver

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// Store is where volumes live: the RDS, and nothing else. Each method asks it
// anew, may be repeated after any failure, and returns an error that
// routeros.KindOf or conn.KindOf can read.
type Store interface {
	Create(ctx context.Context, v NewVolume) (routeros.Volume, error)
	Delete(ctx context.Context, id string) error
	Expand(ctx context.Context, id string, size int64) (routeros.Volume, error)
	Get(ctx context.Context, id string) (routeros.Volume, error)
	List(ctx context.Context) ([]routeros.Volume, error)
	Condition(ctx context.Context, id string) (routeros.Condition, error)
	Conditions(ctx context.Context) ([]routeros.Condition, error)
	// Files are the paths of the files of volumes in a base path; routeros's
	// ErrPoolUnavailable while they cannot be seen.
	Files(ctx context.Context, path string) (map[string]bool, error)
	// Capacity is of the pool below a base path; empty: the first one.
	Capacity(ctx context.Context, path string) (routeros.Pool, error)
	// Paths are the base paths; the first one is the default.
	Paths() []string
}

// NewVolume is a volume that is wanted. What is empty or 0 has a default.
type NewVolume struct {
	ID        string
	Size      int64 // bytes
	Limit     int64 // most bytes that one which is there already may have
	Path      string
	NQNPrefix string
	Port      int
}

// StoreConfig configures RouterOSStore.
type StoreConfig struct {
	// Client runs commands. Required. conn.Client is one.
	Client routeros.Executor
	// BasePaths are the directories on the RDS for volumes. At least one.
	BasePaths []string
	// NQNPrefix and Port of volumes whose class says none; empty and 0: those of
	// package routeros.
	NQNPrefix string
	Port      int
}

// RouterOSStore is a Store on a RouterOS device.
type RouterOSStore struct {
	defaults routeros.VolumesConfig // but for the path
	paths    []string               // with a leading slash and none at the end
	volumes  map[string]*routeros.Volumes
}

// NewRouterOSStore checks the configuration and asks the device nothing.
func NewRouterOSStore(cfg StoreConfig) (*RouterOSStore, error) {
	if cfg.Client == nil || len(cfg.BasePaths) == 0 {
		return nil, errors.New("driver: a store needs a Client and at least one of BasePaths")
	}
	s := &RouterOSStore{
		defaults: routeros.VolumesConfig{Executor: executor{cfg.Client}, NQNPrefix: cfg.NQNPrefix, Port: cfg.Port},
		volumes:  make(map[string]*routeros.Volumes),
	}
	for _, base := range cfg.BasePaths {
		base = "/" + strings.Trim(base, "/")
		v, err := s.at(base, "", 0)
		if err != nil {
			return nil, fmt.Errorf("driver: base path %q: %w", base, err)
		}
		if s.volumes[base] == nil {
			s.volumes[base], s.paths = v, append(s.paths, base)
		}
	}
	return s, nil
}

// at gives the volumes of a base path, new ones with another prefix and port.
func (s *RouterOSStore) at(base, nqnPrefix string, port int) (*routeros.Volumes, error) {
	cfg := s.defaults
	cfg.BasePath = base
	if nqnPrefix != "" {
		cfg.NQNPrefix = nqnPrefix
	}
	if port != 0 {
		cfg.Port = port
	}
	return routeros.NewVolumes(cfg)
}

// first serves what has nothing to do with the path.
func (s *RouterOSStore) first() *routeros.Volumes { return s.volumes[s.paths[0]] }

func (s *RouterOSStore) Paths() []string { return s.paths }

func (s *RouterOSStore) Create(ctx context.Context, v NewVolume) (routeros.Volume, error) {
	if v.Path == "" {
		v.Path = s.paths[0]
	}
	volumes, err := s.at(v.Path, v.NQNPrefix, v.Port)
	if err != nil {
		return routeros.Volume{}, err
	}
	return volumes.Create(ctx, routeros.CreateRequest{Slot: v.ID, Size: v.Size, Limit: v.Limit})
}

func (s *RouterOSStore) Get(ctx context.Context, id string) (routeros.Volume, error) {
	return s.first().Get(ctx, id)
}

func (s *RouterOSStore) Condition(ctx context.Context, id string) (routeros.Condition, error) {
	volumes, err := s.of(ctx, id)
	if err != nil {
		return routeros.Condition{}, err
	}
	return volumes.Condition(ctx, id)
}

func (s *RouterOSStore) Expand(ctx context.Context, id string, size int64) (routeros.Volume, error) {
	volumes, err := s.of(ctx, id)
	if err != nil {
		return routeros.Volume{}, err
	}
	return volumes.Expand(ctx, id, size)
}

// of gives the volumes that the id is among. With a single base path nothing
// is asked: package routeros refuses a disk whose file is elsewhere.
func (s *RouterOSStore) of(ctx context.Context, id string) (*routeros.Volumes, error) {
	if len(s.paths) == 1 {
		return s.first(), nil
	}
	volume, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if volumes := s.volumes[path.Dir(volume.FilePath)]; volumes != nil {
		return volumes, nil
	}
	return s.first(), nil
}

// Delete looks in every base path where the disk is gone: an earlier call may
// have removed it and not its file.
func (s *RouterOSStore) Delete(ctx context.Context, id string) error {
	volumes, err := s.of(ctx, id)
	switch {
	case err == nil:
		return volumes.Delete(ctx, id)
	case routeros.KindOf(err) != routeros.ErrNotFound:
		return err
	}
	for _, base := range s.paths {
		if err := s.volumes[base].Delete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *RouterOSStore) List(ctx context.Context) ([]routeros.Volume, error) {
	all, err := collect(s, func(v *routeros.Volumes) ([]routeros.Volume, error) { return v.List(ctx) })
	return slices.DeleteFunc(all, func(v routeros.Volume) bool { return !isPossible(v.Slot) }), err
}

func (s *RouterOSStore) Conditions(ctx context.Context) ([]routeros.Condition, error) {
	all, err := collect(s, func(v *routeros.Volumes) ([]routeros.Condition, error) { return v.Conditions(ctx) })
	return slices.DeleteFunc(all, func(c routeros.Condition) bool { return !isPossible(c.Slot) }), err
}

// collect joins the lists of all base paths. Callers leave out what no volume
// can be called: somebody else's disk.
func collect[T any](s *RouterOSStore, list func(*routeros.Volumes) ([]T, error)) ([]T, error) {
	var all []T
	for _, base := range s.paths {
		some, err := list(s.volumes[base])
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (s *RouterOSStore) Files(ctx context.Context, base string) (map[string]bool, error) {
	volumes, err := s.at(base, "", 0)
	if err != nil {
		return nil, err
	}
	return volumes.Files(ctx)
}

func (s *RouterOSStore) Capacity(ctx context.Context, base string) (routeros.Pool, error) {
	if base == "" {
		base = s.paths[0]
	}
	volumes, err := s.at(base, "", 0)
	if err != nil {
		return routeros.Pool{}, err
	}
	return volumes.Capacity(ctx)
}

// executor gives package routeros what the device printed, whatever exit
// status came with it: the text decides, as most devices send 0 always.
type executor struct{ client routeros.Executor }

func (x executor) Exec(ctx context.Context, command string) (string, error) {
	output, err := x.client.Exec(ctx, command)
	if conn.KindOf(err) == conn.KindRejected && output != "" {
		return output, nil
	}
	return output, err
}
