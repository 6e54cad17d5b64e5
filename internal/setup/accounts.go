package setup

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/pkg/sftp"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// quote is routeros.Quote of what Check let through, which it cannot refuse.
func quote(value string) string {
	text, err := routeros.Quote(value)
	if err != nil {
		panic(err)
	}
	return text
}

func (s *run) group(ctx context.Context) (outcome, error) {
	groups, err := routeros.Items(ctx, s.admin, "/user/group", "name="+quote(s.Group))
	if err != nil {
		return outcome{}, err
	}
	wanted := strings.Join(Policies, ",")
	if len(groups) == 0 {
		if err := routeros.Change(ctx, s.admin, "/user/group/add name="+quote(s.Group)+" policy="+wanted); err != nil {
			return outcome{}, err
		}
		return done("%s, with %s", s.Group, wanted)
	}
	has := slices.DeleteFunc(groups[0].List("policy"), func(p string) bool { return strings.HasPrefix(p, "!") })
	if !sameSet(has, Policies) {
		return outcome{}, fault("choose another --group, or on the device: /user/group/set "+s.Group+" policy="+wanted,
			"the group %s is there with other policies: %s", s.Group, strings.Join(has, ","))
	}
	return there("%s, with %s", s.Group, wanted)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// user makes the user with a password that nobody knows: until the key is there, RouterOS would take a blank one.
func (s *run) user(ctx context.Context) (outcome, error) {
	users, err := routeros.Items(ctx, s.admin, "/user", "name="+quote(s.User))
	if err != nil {
		return outcome{}, err
	}
	if len(users) == 0 {
		command := "/user/add name=" + quote(s.User) + " group=" + quote(s.Group) + " password=" + quote(rand.Text())
		if s.AllowFrom != "" {
			command += " address=" + quote(s.AllowFrom)
		}
		if err := routeros.Change(ctx, s.admin, command); err != nil {
			return outcome{}, err
		}
		s.newUser = true
		return done("%s, in the group %s", s.User, s.Group)
	}
	u := users[0]
	const remedy = "choose another --user, or change it on the device: /user/set "
	from := u.List("address")
	switch {
	case u.Text("group") != s.Group:
		return outcome{}, fault(remedy+s.User+" group="+s.Group, "the user %s is there, in the group %s", s.User, u.Text("group"))
	case u.True("disabled"):
		return outcome{}, fault(remedy+s.User+" disabled=no", "the user %s is there, and disabled", s.User)
	case s.AllowFrom != "" && !sameSet(from, strings.Split(s.AllowFrom, ",")):
		return outcome{}, fault(remedy+s.User+" address="+s.AllowFrom, "the user %s is there, and may log in from %q", s.User, strings.Join(from, ","))
	}
	return there("%s, in the group %s", s.User, s.Group)
}

// userKey installs the public key. The device does not show the keys that a user has, so what tells whether it is there
// is a login. Other keys of the user stay.
func (s *run) userKey(ctx context.Context) (outcome, error) {
	if !s.newUser {
		switch _, err := s.asController(ctx); {
		case err == nil:
			return there("the device takes it")
		case conn.KindOf(err) != conn.KindAuth:
			return outcome{}, loginFault(err)
		}
	}
	line, err := s.Files.publicLine()
	if err != nil {
		return outcome{}, err
	}
	name := "rds-csi-" + s.User + ".pub"
	if err := s.admin.upload(ctx, name, bytes.NewReader(line)); err != nil {
		return outcome{}, err
	}
	refused := routeros.Change(ctx, s.admin, "/user/ssh-keys/import public-key-file="+quote(name)+" user="+quote(s.User))
	if refused == nil {
		return done("imported for %s", s.User)
	}
	// The text of a success is not known for certain: what counts is whether the key opens the door.
	if _, err := s.asController(ctx); err == nil {
		return done("imported for %s", s.User)
	}
	s.admin.files(ctx, func(c *sftp.Client) error { return c.Remove("/" + name) }) // tidiness, no more
	if routeros.KindOf(refused) != routeros.ErrFailure {
		return outcome{}, refused
	}
	return outcome{}, fault("a RouterOS before 7.12 takes no Ed25519 key: update it, or make another key with routeros-setup keys --type=rsa",
		"the device refuses the public key: %w", refused)
}
