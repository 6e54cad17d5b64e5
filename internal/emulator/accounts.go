package emulator

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

// accounts are the groups, users and keys of /user. They are guarded by the device's lock.
type accounts struct {
	groups []*group
	users  []*account
	nextID int64
}

// group is a set of policies.
type group struct {
	id       int64
	name     string
	policies []string
	comment  string
}

// account is a user of the device.
type account struct {
	id       int64
	name     string
	group    string
	password string // blank is a password too
	address  string // where logins may come from; kept, not enforced
	comment  string
	disabled bool
	keys     []loginKey
}

// loginKey is a public key, in the wire format of SSH.
type loginKey struct {
	id   int64
	blob string
	info string // its comment
}

var allPolicies = []string{"local", "telnet", "ssh", "ftp", "reboot", "read", "write", "policy", "test", "winbox", "password",
	"web", "sniff", "sensitive", "api", "romon", "rest-api"}

// newAccounts are those of a fresh device. RouterOS fact: the groups read and write lack ftp; read has reboot.
func newAccounts() accounts {
	var a accounts
	without := func(excluded ...string) []string {
		return slices.DeleteFunc(slices.Clone(allPolicies), func(p string) bool { return slices.Contains(excluded, p) })
	}
	a.addGroup(&group{name: "read", policies: without("ftp", "write", "policy")})
	a.addGroup(&group{name: "write", policies: without("ftp", "policy")})
	a.addGroup(&group{name: "full", policies: without()})
	a.addUser(&account{name: "admin", group: "full"})
	return a
}

func (a *accounts) id() int64 { a.nextID++; return a.nextID }

func (a *accounts) addGroup(g *group) {
	g.id = a.id()
	a.groups = append(a.groups, g)
}

func (a *accounts) addUser(u *account) {
	u.id = a.id()
	a.users = append(a.users, u)
}

func (a *accounts) groupNamed(name string) *group {
	if i := slices.IndexFunc(a.groups, func(g *group) bool { return g.name == name }); i >= 0 {
		return a.groups[i]
	}
	return nil
}

func (a *accounts) user(name string) *account {
	if i := slices.IndexFunc(a.users, func(u *account) bool { return u.name == name }); i >= 0 {
		return a.users[i]
	}
	return nil
}

// addKey gives a key to a user. One that the user has stays as it is.
func (a *accounts) addKey(u *account, blob, info string) {
	if !u.hasKey(blob) {
		u.keys = append(u.keys, loginKey{a.id(), blob, info})
	}
}

func (u *account) hasKey(blob string) bool {
	return slices.ContainsFunc(u.keys, func(k loginKey) bool { return k.blob == blob })
}

// setUsers replaces all users.
func (d *Device) setUsers(users []User) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accounts.users = nil
	for _, u := range users {
		made := &account{name: u.Name, group: "full", password: u.Password}
		d.accounts.addUser(made)
		for _, key := range u.Keys {
			d.accounts.addKey(made, string(key.Marshal()), "")
		}
	}
}

// authorize gives a user a key. A user who does not exist is made, with full rights.
func (d *Device) authorize(name, blob string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.accounts.user(name)
	if u == nil {
		u = &account{name: name, group: "full"}
		d.accounts.addUser(u)
	}
	d.accounts.addKey(u, blob, "")
}

func (d *Device) revokeKeys(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if u := d.accounts.user(name); u != nil {
		u.keys = nil
	}
}

// acceptsPassword reports whether a user may log in over SSH with a password. RouterOS fact: by default a user with a key
// may not.
func (d *Device) acceptsPassword(name, password string, evenWithKey bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.accounts.user(name)
	if u == nil || !d.accounts.mayLogIn(u) || len(u.keys) > 0 && !evenWithKey {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(u.password), []byte(password)) == 1
}

func (d *Device) acceptsKey(name, blob string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.accounts.user(name)
	return u != nil && d.accounts.mayLogIn(u) && u.hasKey(blob)
}

// mayLogIn: a login over SSH needs the policy ssh.
func (a *accounts) mayLogIn(u *account) bool { return !u.disabled && a.permits(u, "ssh") }

func (a *accounts) permits(u *account, policy string) bool {
	g := a.groupNamed(u.group)
	return g != nil && slices.Contains(g.policies, policy)
}

// permits reports whether a user's group has a policy. A user whom the device does not know came through somebody else's
// login, and may do everything.
func (d *Device) permits(name, policy string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.accounts.user(name)
	return u == nil || d.accounts.permits(u, policy)
}

// parseKey reads a public key line, "ssh-ed25519 AAAA... comment". RouterOS fact: ECDSA keys are never accepted.
func parseKey(line string) (blob, info string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[0] != "ssh-ed25519" && fields[0] != "ssh-rsa" {
		return "", "", false
	}
	wire, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(wire) < 4 {
		return "", "", false
	}
	n := int(binary.BigEndian.Uint32(wire))
	if n != len(fields[0]) || len(wire) < 4+n || string(wire[4:4+n]) != fields[0] {
		return "", "", false
	}
	return string(wire), strings.Join(fields[2:], " "), true
}

// bits is the size of the key, as far as its type tells.
func (k loginKey) bits() int64 {
	if strings.HasPrefix(k.blob[4:], "ssh-ed25519") {
		return 256
	}
	return int64(len(k.blob)-4-len("ssh-rsa")-4-3-4-1) * 8 // the modulus is what an ssh-rsa key ends in
}
