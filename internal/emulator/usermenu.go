package emulator

import (
	"slices"
	"strings"
)

// userMenu is /user, /user/group and /user/ssh-keys.
func (d *Device) userMenu(m *menu) {
	list(m, listing{rows: d.userRows, columns: []string{"name", "group"}, hidden: []string{"disabled"},
		flags: []rowFlag{{'X', "DISABLED", "disabled"}}})
	settings := []string{"name", "group", "password", "address", "comment", "disabled"}
	changing := func(run func(*call) (any, error), parameters ...string) *verb {
		return &verb{run: run, policy: "policy", parameters: append(parameters, "numbers"), positional: []string{"numbers"}}
	}
	m.verbs["add"] = &verb{run: d.addUserCommand, policy: "policy", parameters: settings}
	m.verbs["set"] = changing(d.setUsersCommand, settings...)
	m.verbs["remove"] = changing(d.removeUsers)

	g := m.at("group")
	list(g, listing{rows: d.groupRows, columns: []string{"name", "policy"}})
	g.verbs["add"] = &verb{run: d.addGroupCommand, policy: "policy", parameters: []string{"name", "policy", "comment"}}
	g.verbs["set"] = changing(d.setGroups, "name", "policy", "comment")
	g.verbs["remove"] = changing(d.removeGroups)

	k := m.at("ssh-keys")
	list(k, listing{rows: d.keyRows, columns: []string{"user", "bits", "info"}})
	k.verbs["add"] = &verb{run: d.addKeyCommand, policy: "policy", parameters: []string{"user", "key", "info"}}
	k.verbs["import"] = &verb{run: d.importKey, policy: "policy", parameters: []string{"user", "public-key-file"}}
	k.verbs["remove"] = changing(d.removeKeys)
}

func (d *Device) userRows() []record {
	var rows []record
	for _, u := range d.accounts.users {
		r := record{{".id", itemID(u.id)}, {"disabled", u.disabled}}
		if u.comment != "" {
			r = append(r, property{"comment", u.comment})
		}
		rows = append(rows, append(r, record{{"name", u.name}, {"group", word(u.group)}, {"address", u.address}}...))
	}
	return rows
}

// groupRows. How a device lists policies was seen in its manual alone: those that a group has, then, with an exclamation
// mark, the others.
func (d *Device) groupRows() []record {
	var rows []record
	for _, g := range d.accounts.groups {
		var has, lacks []string
		for _, p := range allPolicies {
			if slices.Contains(g.policies, p) {
				has = append(has, p)
			} else {
				lacks = append(lacks, "!"+p)
			}
		}
		rows = append(rows, record{{".id", itemID(g.id)}, {"name", g.name},
			{"policy", word(strings.Join(append(has, lacks...), ","))}, {"skin", word("default")}})
	}
	return rows
}

func (d *Device) keyRows() []record {
	var rows []record
	for _, u := range d.accounts.users {
		for _, k := range u.keys {
			rows = append(rows, record{{".id", itemID(k.id)}, {"user", word(u.name)}, {"bits", k.bits()}, {"info", k.info}})
		}
	}
	return rows
}

func (d *Device) addUserCommand(c *call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range []string{"name", "group"} {
		if text(c.parameters[name]) == "" {
			return nil, missingValue(name)
		}
	}
	u := &account{}
	if err := d.applyUser(u, c); err != nil {
		return nil, err
	}
	d.accounts.addUser(u)
	return itemID(u.id), nil
}

func (d *Device) setUsersCommand(c *call) (any, error) {
	return d.eachItem(c, func(item string) error {
		u := d.accounts.called(item)
		if u == nil {
			return noSuchItem
		}
		return d.applyUser(u, c)
	})
}

// applyUser puts the parameters into the user, all of them or none.
func (d *Device) applyUser(u *account, c *call) error {
	next := *u
	for name, v := range c.parameters {
		var err error
		switch value := text(v); name {
		case "name":
			if next.name = value; !validUserName(value) {
				return invalidValue(name)
			}
			if other := d.accounts.user(value); other != nil && other != u {
				return sameName
			}
		case "group":
			if next.group = value; d.accounts.groupNamed(value) == nil {
				return noMatch(name)
			}
		case "password":
			next.password = value
		case "address":
			next.address = value
		case "comment":
			next.comment = value
		case "disabled":
			next.disabled, err = truth(name, value)
		}
		if err != nil {
			return err
		}
	}
	*u = next
	return nil
}

// validUserName. RouterOS fact: letters, digits and "_.#-@", and neither "." nor "-" first.
func validUserName(name string) bool {
	bad := func(c rune) bool { return c > 127 || !isLetterOrDigit(byte(c)) && !strings.ContainsRune("_.#-@", c) }
	return name != "" && !strings.ContainsFunc(name, bad) && name[0] != '.' && name[0] != '-'
}

func (d *Device) removeUsers(c *call) (any, error) {
	return d.eachItem(c, func(item string) error {
		u := d.accounts.called(item)
		if u == nil {
			return noSuchItem
		}
		d.accounts.users = slices.DeleteFunc(d.accounts.users, func(other *account) bool { return other == u })
		return nil
	})
}

// called finds a user by name or id.
func (a *accounts) called(item string) *account {
	for _, u := range a.users {
		if u.name == item || itemID(u.id) == item {
			return u
		}
	}
	return nil
}

func (d *Device) addGroupCommand(c *call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if text(c.parameters["name"]) == "" {
		return nil, missingValue("name")
	}
	g := &group{}
	if err := d.applyGroup(g, c); err != nil {
		return nil, err
	}
	d.accounts.addGroup(g)
	return itemID(g.id), nil
}

func (d *Device) setGroups(c *call) (any, error) {
	return d.eachItem(c, func(item string) error {
		i := d.accounts.groupIndex(item)
		if i < 0 {
			return noSuchItem
		}
		return d.applyGroup(d.accounts.groups[i], c)
	})
}

func (a *accounts) groupIndex(item string) int {
	return slices.IndexFunc(a.groups, func(g *group) bool { return g.name == item || itemID(g.id) == item })
}

func (d *Device) applyGroup(g *group, c *call) error {
	next := *g
	for name, v := range c.parameters {
		switch value := text(v); name {
		case "name":
			if other := d.accounts.groupNamed(value); other != nil && other != g {
				return sameName
			}
			next.name = value
		case "policy":
			next.policies = nil
			for p := range strings.SplitSeq(value, ",") {
				p, negated := strings.CutPrefix(p, "!")
				switch {
				case !slices.Contains(allPolicies, p):
					return noMatch(name)
				case !negated:
					next.policies = append(next.policies, p)
				}
			}
		case "comment":
			next.comment = value
		}
	}
	*g = next
	return nil
}

func (d *Device) removeGroups(c *call) (any, error) {
	return d.eachItem(c, func(item string) error {
		i := d.accounts.groupIndex(item)
		if i < 0 {
			return noSuchItem
		}
		name := d.accounts.groups[i].name
		if slices.ContainsFunc(d.accounts.users, func(u *account) bool { return u.group == name }) {
			return groupInUse
		}
		d.accounts.groups = slices.Delete(d.accounts.groups, i, i+1)
		return nil
	})
}

func (d *Device) addKeyCommand(c *call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := c.parameters["key"]; !ok {
		return nil, missingValue("key")
	}
	return d.installKey(c, text(c.parameters["key"]))
}

// importKey reads the key from a file that was uploaded. RouterOS fact: the file is gone afterwards.
func (d *Device) importKey(c *call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.storage.files[strings.TrimPrefix(text(c.parameters["public-key-file"]), "/")]
	if f == nil {
		return nil, badKeyFile
	}
	_, err := d.installKey(c, string(f.content))
	if err == nil {
		delete(d.storage.files, f.name)
	}
	return nil, err
}

func (d *Device) installKey(c *call, line string) (any, error) {
	u := d.accounts.user(text(c.parameters["user"]))
	if u == nil {
		return nil, noMatch("user")
	}
	blob, info, ok := parseKey(line)
	if !ok || d.options.NoEd25519UserKeys && strings.HasPrefix(line, "ssh-ed25519 ") {
		return nil, badKeyFile
	}
	if given, ok := c.parameters["info"]; ok {
		info = text(given)
	}
	d.accounts.addKey(u, blob, info)
	return nil, nil
}

func (d *Device) removeKeys(c *call) (any, error) {
	return d.eachItem(c, func(item string) error {
		for _, u := range d.accounts.users {
			before := len(u.keys)
			u.keys = slices.DeleteFunc(u.keys, func(k loginKey) bool { return itemID(k.id) == item })
			if len(u.keys) < before {
				return nil
			}
		}
		return noSuchItem
	})
}
