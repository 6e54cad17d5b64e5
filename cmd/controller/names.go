package main

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"rds-csi/internal/routeros"
)

// rdsHost reads an address or a name, never with a port. Brackets around an
// IPv6 address are habit, and mean nothing else.
func rdsHost(to *string) func(string) error {
	return func(value string) error {
		host := value
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		*to = host
		if _, err := netip.ParseAddr(host); err == nil || host == "" {
			return nil
		}
		if remedy, found := moreThanAHost(value); found != "" {
			return bad(found, remedy)
		}
		if !isHostName(host) {
			return bad("is neither an IP address nor a host name", "give one, such as 10.0.0.5, fd00::5 or rds.example.net")
		}
		return nil
	}
}

// isHostName reports whether a name can be one by RFC 1123. By its section 2.1
// the last label is never a number, which tells a mistyped IPv4 address.
func isHostName(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	last := labels[len(labels)-1]
	return len(s) <= 253 && hostName.MatchString(s) && !slices.Contains(labels, "") && strings.Trim(last, "0123456789") != ""
}

// moreThanAHost finds the parts of a URL, and of user@host:port, that have flags
// of their own, and tells what to write instead.
func moreThanAHost(value string) (remedy, found string) {
	_, rest, isURL := strings.Cut(value, "://")
	if !isURL {
		rest = value
	}
	rest, _, _ = strings.Cut(rest, "/")
	user, host, hasUser := strings.Cut(rest, "@")
	if !hasUser {
		user, host = "", rest
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	switch {
	case name == "":
		return "", ""
	case isURL:
		found = "is a URL"
	case hasUser:
		found = "contains a user name"
	case err == nil:
		found = "contains a port"
	default:
		return "", ""
	}
	remedy = "use --rds-address=" + name
	if port != "" {
		remedy += " --rds-port=" + port
	}
	if user != "" {
		remedy += " --rds-user=" + user
	}
	return remedy, found
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?\.?$`)
	// The rule of the CSI specification for GetPluginInfo.
	pluginName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9.]{0,61}[A-Za-z0-9])?$`)
)

func checkPluginName(value string) error {
	if !pluginName.MatchString(value) {
		return bad("is not a CSI driver name", "use a domain name of at most 63 letters, digits, dots and dashes, such as rds.csi.srvlab.io")
	}
	return nil
}

func checkUser(value string) error {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return bad("is not a user name", "give the name of the RDS user for this controller, without blanks")
	}
	return nil
}

// basePaths reads directories of the RDS, separated by commas.
func basePaths(to *[]string) func(string) error {
	return func(value string) error {
		*to = nil
		if value == "" {
			return nil
		}
		for path := range strings.SplitSeq(value, ",") {
			path = strings.TrimSpace(path)
			if err := checkBasePath(path); err != nil {
				return err
			}
			*to = append(*to, path)
		}
		return nil
	}
}

// checkBasePath takes a directory of the RDS, with or without the slash in
// front.
func checkBasePath(value string) error {
	remedy := "give a directory on the RDS, such as /storage-pool/csi"
	switch {
	case value == "":
		return bad("has nothing before or after a comma", "remove the comma")
	case strings.Trim(value, "/") == "":
		return bad("is the root", remedy)
	case strings.ContainsFunc(value, unicode.IsControl):
		return bad("contains a control character", remedy)
	}
	for part := range strings.SplitSeq(value, "/") {
		if part == ".." {
			return bad("contains ..", remedy)
		}
	}
	if _, err := routeros.NewVolumes(routeros.VolumesConfig{Executor: routeros.ExecutorFunc(nil), BasePath: value}); err != nil {
		return bad("cannot be such a directory", remedy+", of letters, digits, dots, underscores and hyphens")
	}
	return nil
}

// endpoint is where the CSI services listen; the zero value is nowhere.
type endpoint struct {
	network string // "unix" or "tcp"
	address string // path or host:port
}

func (e endpoint) String() string { return e.network + "://" + e.address }

// maxSocketPath is what fits into sockaddr_un, with its final zero.
const maxSocketPath = 107

func csiEndpoint(to *endpoint) func(string) error {
	return func(value string) error {
		*to = endpoint{}
		if value == "" {
			return nil
		}
		scheme, address, _ := strings.Cut(value, "://")
		switch {
		case scheme == "unix" && address == "":
			return bad("has no path", "write unix:///path/of/csi.sock")
		case scheme == "unix" && len(address) > maxSocketPath:
			return bad(fmt.Sprintf("has a path of %d bytes", len(address)), fmt.Sprintf("use a path of at most %d bytes, a limit of the kernel", maxSocketPath))
		case scheme == "unix":
		case scheme == "tcp":
			if err := checkHostPort(address); err != nil {
				return err
			}
		default:
			return bad("has no scheme that is known", "write unix:///path/of/csi.sock or tcp://host:port")
		}
		*to = endpoint{network: scheme, address: address}
		return nil
	}
}
