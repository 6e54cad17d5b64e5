package driver

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parameters of a StorageClass. Names and defaults are those of the driver
// that this one follows, so that classes and its node plugin go on working.
const (
	paramVolumePath       = "volumePath"
	paramNVMePort         = "nvmePort"
	paramNVMeAddress      = "nvmeAddress"
	paramSSHPort          = "sshPort"
	paramRDSAddress       = "rdsAddress"
	paramNQNPrefix        = "nqnPrefix"
	paramFSType           = "fsType"
	paramCtrlLossTmo      = "ctrlLossTmo"
	paramReconnectDelay   = "reconnectDelay"
	paramKeepAliveTmo     = "keepAliveTmo"
	paramMigrationTimeout = "migrationTimeoutSeconds"

	// keyNQN is in the volume context only.
	keyNQN = "nqn"

	// foreignParameters are for the sidecars, some of which pass them on.
	foreignParameters = "csi.storage.k8s.io/"
)

// parameters are those of a StorageClass, read. Zero: not given.
type parameters struct {
	volumePath  string // one of the base paths
	nqnPrefix   string // with its colon
	nvmePort    int
	nvmeAddress string // an IP address
	rdsAddress  string // an IP address or a name
	// node are for the node plugin and go into the volume context.
	node map[string]string
}

// numbers are the parameters that are whole numbers.
var numbers = map[string]struct {
	least, most int64
	fallback    string // what goes into the volume context; empty: nothing does
}{
	paramNVMePort:         {1, 65535, ""},
	paramSSHPort:          {1, 65535, ""},
	paramCtrlLossTmo:      {-1, math.MaxInt32, "-1"}, // for ever
	paramReconnectDelay:   {1, math.MaxInt32, "5"},
	paramKeepAliveTmo:     {0, math.MaxInt32, "0"}, // the kernel's default
	paramMigrationTimeout: {30, 3600, "300"},
}

// readParameters reads parameters and names every fault. paths are the base
// paths that a class may use.
func readParameters(given map[string]string, paths []string) (parameters, error) {
	p := parameters{node: make(map[string]string)}
	for name, n := range numbers {
		if n.fallback != "" {
			p.node[name] = n.fallback
		}
	}
	var faults []string
	for name, value := range given {
		if strings.HasPrefix(name, foreignParameters) {
			continue
		}
		if err := p.read(name, value, paths); err != nil {
			faults = append(faults, err.Error())
		}
	}
	if p.nvmeAddress == "" && p.rdsAddress != "" && !isIP(p.rdsAddress) {
		faults = append(faults, paramNVMeAddress+" is needed where "+paramRDSAddress+" is a name: nodes connect to IP addresses")
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return parameters{}, errors.New(strings.Join(faults, "; "))
	}
	return p, nil
}

// read takes one parameter.
func (p *parameters) read(name, value string, paths []string) error {
	if n, ok := numbers[name]; ok {
		i, err := strconv.ParseInt(value, 10, 64)
		if err != nil || i < n.least || i > n.most {
			return fmt.Errorf("%s is %s, not a whole number from %d to %d", name, shown(value), n.least, n.most)
		}
		if name == paramNVMePort {
			p.nvmePort = int(i)
		}
		if n.fallback != "" {
			p.node[name] = strconv.FormatInt(i, 10)
		}
		return nil
	}
	switch name {
	case paramVolumePath:
		return p.readPath(value, paths)
	case paramNQNPrefix:
		p.nqnPrefix = strings.TrimSuffix(value, ":") + ":"
		if !nqnPrefix.MatchString(p.nqnPrefix) || len(p.nqnPrefix) > maxNQNPrefix {
			return fmt.Errorf("%s is %s, not the start of an NVMe name such as nqn.2000-02.com.mikrotik", name, shown(value))
		}
	case paramNVMeAddress:
		p.nvmeAddress = value
		if !isIP(value) {
			return fmt.Errorf("%s is %s, not an IP address", name, shown(value))
		}
	case paramRDSAddress:
		p.rdsAddress = value
		if !isIP(value) && !hostName.MatchString(value) {
			return fmt.Errorf("%s is %s, neither an IP address nor a host name", name, shown(value))
		}
	case paramFSType:
		if !fileSystems[value] {
			return fmt.Errorf("%s is %s, not a file system that is supported", name, shown(value))
		}
	default:
		return fmt.Errorf("the parameter %s is unknown", shown(name))
	}
	return nil
}

// readPath takes no directory beyond those of the configuration: DeleteVolume
// is told the id alone and must know where a file can be.
func (p *parameters) readPath(value string, paths []string) error {
	clean := "/" + strings.Trim(value, "/")
	if !slices.Contains(paths, clean) {
		return fmt.Errorf("%s is %s, this controller has %s", paramVolumePath, shown(value), strings.Join(paths, ", "))
	}
	p.volumePath = clean
	return nil
}

// maxNQNPrefix leaves room for any id in the 223 bytes of an NVMe name.
const maxNQNPrefix = 223 - 64

var (
	// NVMe names are compared as bytes, and the node plugin takes small letters.
	nqnPrefix = regexp.MustCompile(`^nqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.-]+:([a-z0-9._-]+:)*$`)
	hostName  = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?$`)
)

// isIP reports whether text is an IP address as the node plugin takes it:
// without a zone.
func isIP(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a.Zone() == ""
}

// shown quotes a value for an error, shortened.
func shown(value string) string {
	const most = 80
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "..."
	}
	return strconv.Quote(value)
}
