//go:build linux

package netns

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// Every fault has a network of its own, so the addresses can be the same.
const (
	nearIP  = "10.99.0.1"
	farIP   = "10.99.0.2"
	movedIP = "10.99.0.3" // where a host goes that changes its address
	farMAC  = "02:00:00:00:00:02"
	noMAC   = "02:00:00:00:00:99" // nobody's
	port    = 22
	prefix  = "rds-netns-" // of namespaces and directories: what a killed run left is found by it
)

// own begins the names of this run.
var own = fmt.Sprintf("%s%d-", prefix, os.Getpid())

// network is three hosts: near (the service), far (the device) and a switch
// between them, so that a host that goes away takes no interface of the other
// with it. Each is a network namespace; the ends of both cables are called
// eth0 on the hosts, near and far on the switch.
type network struct {
	t               *testing.T
	near, far, wire namespace
	tunnel          *tunnel // in place of the switch; see there
}

// namespace is the name of a network namespace.
type namespace string

var networks atomic.Int64

// newHosts makes names and nothing more.
func newHosts(t *testing.T) *network {
	t.Helper()
	base := fmt.Sprintf("%s%d-", own, networks.Add(1))
	n := &network{t: t, near: namespace(base + "near"), far: namespace(base + "far"), wire: namespace(base + "wire")}
	t.Cleanup(func() {
		for _, ns := range []namespace{n.near, n.far, n.wire} {
			ns.remove()
		}
	})
	return n
}

// newNetwork is a network of two hosts at a switch.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := newHosts(t)
	n.add(n.wire)
	n.ip(n.wire, "link add switch type bridge")
	n.ip(n.wire, "link set switch up")
	n.plug(n.near, "near", nearIP, "02:00:00:00:00:01")
	n.plug(n.far, "far", farIP, farMAC)
	return n
}

func (n *network) add(ns namespace) {
	n.t.Helper()
	n.run("ip", "netns", "add", string(ns))
	n.ip(ns, "link set lo up")
}

// plug makes a host and connects it to the port of the switch.
func (n *network) plug(ns namespace, port, address, mac string) {
	n.t.Helper()
	n.add(ns)
	n.ip(n.wire, fmt.Sprintf("link add %s type veth peer name eth0 netns %s", port, ns))
	n.ip(ns, "link set eth0 address "+mac)
	n.ip(n.wire, "link set "+port+" master switch up")
	n.ip(ns, "address add "+address+"/24 dev eth0")
	n.ip(ns, "link set eth0 up")
}

// ip runs the command ip within the namespace.
func (n *network) ip(ns namespace, arguments string) {
	n.t.Helper()
	n.run("ip", append([]string{"-n", string(ns)}, strings.Fields(arguments)...)...)
}

// filter replaces the packet filter of the host; without rules there is none.
func (n *network) filter(ns namespace, hook string, rules ...string) {
	n.t.Helper()
	script := "flush ruleset\n"
	if len(rules) > 0 {
		script += fmt.Sprintf("table inet fault { chain fault {\ntype filter hook %s priority 0\n%s\n}\n}\n", hook, strings.Join(rules, "\n"))
	}
	cmd := exec.Command("ip", "netns", "exec", string(ns), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("nft: %v\n%s\n%s", err, out, script)
	}
}

func (n *network) run(name string, arguments ...string) {
	n.t.Helper()
	if out, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
}

// remove ends what runs in the namespace, then the namespace itself.
func (ns namespace) remove() {
	ns.kill()
	_ = exec.Command("ip", "netns", "delete", string(ns)).Run() // not there: nothing to do
}

// kill ends every process in the namespace, without a chance to say goodbye.
func (ns namespace) kill() {
	for range 10 { // a process may have been starting another
		pids := ns.pids()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (ns namespace) pids() (pids []int) {
	out, _ := exec.Command("ip", "netns", "pids", string(ns)).Output()
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
