package composecheck_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// ours are the images that are built here.
const ours = "rds-csi-"

func sourcesAreThere(s stack, c *complaints) {
	exists := func(service, path string) {
		rel := s.inside(path)
		c.unless(filepath.IsLocal(rel), "%s uses %s, which is outside of the repository", service, path)
		_, err := os.Stat(path)
		c.unless(err == nil, "%s uses %s, which is not there", service, rel)
	}
	for name, service := range s.Services {
		for _, v := range service.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				exists(name, v.Source)
			case types.VolumeTypeVolume:
				_, ok := s.Volumes[v.Source]
				c.unless(ok, "%s uses the volume %s, which is not declared", name, v.Source)
			}
		}
		if b := service.Build; b != nil {
			exists(name, filepath.Join(b.Context, b.Dockerfile))
		}
	}
}

func mountsAreReadOnly(s stack, c *complaints) {
	for name, service := range s.Services {
		for _, v := range service.Volumes {
			c.unless(v.Type != types.VolumeTypeBind || v.ReadOnly, "%s may write to %s", name, s.inside(v.Source))
		}
	}
	// The key is written by those who make it.
	for _, name := range []string{"controller", "emulator"} {
		for _, v := range s.Services[name].Volumes {
			c.unless(v.Source != "keys" || v.ReadOnly, "%s may write to the key", name)
		}
	}
	for service, paths := range map[string][]string{"grafana": {"dashboards/rds-connection.json", "dashboards/rds-fleet.json"},
		"prometheus": {"alerts/rds-connection.yml"}} {
		for _, path := range paths {
			mounted := slices.ContainsFunc(s.Services[service].Volumes, func(v types.ServiceVolumeConfig) bool {
				rel, err := filepath.Rel(v.Source, filepath.Join(s.root, path))
				return v.Type == types.VolumeTypeBind && v.ReadOnly && err == nil && filepath.IsLocal(rel)
			})
			c.unless(mounted, "%s does not get %s read-only", service, path)
		}
	}
}

// pinned is a tag that names a version.
var pinned = regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?[\w.-]*(@sha256:[0-9a-f]{64})?$`)

func imagesArePinned(s stack, c *complaints) {
	for name, service := range s.Services {
		if strings.HasPrefix(service.Image, ours) {
			c.unless(strings.HasSuffix(service.Image, ":local"), "%s: %s may be taken for one of a registry", name, service.Image)
			imageIsBuiltOnce(s, service, c)
			continue
		}
		c.unless(service.Build == nil, "%s builds %s, which is not ours", name, service.Image)
		c.unless(pinned.MatchString(service.Image), "%s: the image %s is not pinned", name, service.Image)
	}
}

// imageIsBuiltOnce: the others wait for the one that builds it, and ask no
// registry. That one is there whenever they are.
func imageIsBuiltOnce(s stack, service types.ServiceConfig, c *complaints) {
	var builders []string
	for name, other := range s.Services {
		if other.Image == service.Image && other.Build != nil {
			builders = append(builders, name)
			always := len(other.Profiles) == 0 || slices.Equal(other.Profiles, service.Profiles)
			c.unless(always, "%s needs the image of %s, which is not always there", service.Name, name)
		}
	}
	c.unless(len(builders) == 1, "%s is built by %v", service.Image, builders)
	want := types.PullPolicyNever
	if service.Build != nil {
		want = types.PullPolicyBuild
	}
	c.unless(service.PullPolicy == want, "%s has the pull policy %s", service.Name, service.PullPolicy)
}

func portsAreOnLoopback(s stack, c *complaints) {
	for name, service := range s.Services {
		for _, p := range service.Ports {
			c.unless(p.HostIP == "127.0.0.1", "%s publishes %d on %q", name, p.Target, p.HostIP)
		}
		c.unless(service.NetworkMode == "" || service.NetworkMode == "none", "%s has the network %s", name, service.NetworkMode)
	}
}

func nothingHasPrivileges(s stack, c *complaints) {
	for name, service := range s.Services {
		c.unless(!service.Privileged, "%s is privileged", name)
		c.unless(len(service.CapAdd) == 0, "%s has capabilities: %v", name, service.CapAdd)
		c.unless(slices.Equal(service.CapDrop, []string{"ALL"}), "%s keeps capabilities", name)
		c.unless(contains(service.SecurityOpt, "no-new-privileges:true"), "%s may gain privileges", name)
		c.unless(service.ReadOnly, "the root of %s can be written", name)
		c.unless(service.Pid == "" && service.Ipc == "" && service.UserNSMode == "", "%s shares namespaces of the host", name)
		c.unless(service.User != "root" && service.User != "0", "%s is root", name)
		for _, d := range service.Devices {
			c.unless(name == "routeros" && d.Target == "/dev/kvm", "%s has the device %s", name, d.Source)
		}
		for _, v := range service.Volumes {
			c.unless(!strings.HasSuffix(v.Source, "docker.sock"), "%s has the engine", name)
		}
	}
	// Docker knows no optional device: a host without KVM gives another one.
	for _, d := range s.Services["routeros"].Devices {
		c.unless(d.Source == "/dev/null", "without RDS_KVM_DEVICE RouterOS needs %s", d.Source)
	}
}
