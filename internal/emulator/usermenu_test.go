package emulator

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// publicKey is a fresh key and its line.
func publicKey(t *testing.T, keyType string) (ssh.Signer, string) {
	t.Helper()
	signer, err := NewHostKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " csi@cluster"
}

func TestUsersAndGroupsAreKept(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`:put [/user print as-value]`, ".id=*4;name=admin;group=full\n"},
			{`/user group add name=csi policy=ssh,read,write,test`, ""},
			{`/user/group/add name=csi policy=ssh`, string(sameName) + "\n"},
			{`/user/group/add name=b policy=fly`, "input does not match any value of policy\n"},
			{`:put [:pick [/user group get csi policy] 0 19]`, "ssh,read,write,test\n"},
			{`/user add name=csi group=csi password="s3cret" address=192.0.2.0/24; :put [/user get csi address]`, "192.0.2.0/24\n"},
			{`/user add name=csi group=csi`, string(sameName) + "\n"},
			{`/user add name=.csi group=csi`, "invalid value for argument name\n"},
			{`/user add name=other group=nobody`, "input does not match any value of group\n"},
			{`/user add name=other`, "missing value(s) of argument(s) group\n"},
			{`:put [/user get csi group]`, "csi\n"},
			{`/user set csi group=full; :put [/user get csi group]`, "full\n"},
			{`/user set nobody group=full`, "no such item\n"},
			{`/user group set csi policy=ssh,read; :put [:pick [/user group get csi policy] 0 8]`, "ssh,read\n"},
			{`/user set csi group=csi; /user group remove csi`, string(groupInUse) + "\n"},
			{`/user remove csi; /user group remove csi; :put [:len [/user find]]`, "1\n"},
		})
	})
}

func TestAKeyThatWasAddedLogsIn(t *testing.T) {
	signer, line := publicKey(t, "ed25519")
	bubble(t, Options{}, func(h *harness) {
		admin := h.connect()
		admin.want(`/user group add name=csi policy=ssh,read,write`, "")
		admin.want(`/user add name=csi group=csi password=secret`, "")
		h.wantLogin("csi", true, ssh.Password("secret"))
		h.wantLogin("csi", false, ssh.PublicKeys(signer))
		admin.want(`/user ssh-keys add user=csi key="`+line+`"`, "")
		admin.want(`/user/ssh-keys/add user=csi key="`+line+`"; :put [/user ssh-keys print as-value where user=csi]`,
			".id=*7;user=csi;bits=256;info=csi@cluster\r\n")
		h.wantLogin("csi", true, ssh.PublicKeys(signer))
		h.wantLogin("csi", false, ssh.Password("secret")) // not any more
		admin.want(`/user ssh-keys remove *7`, "")
		h.wantLogin("csi", false, ssh.PublicKeys(signer))
		admin.want(`/user set csi disabled=yes`, "")
		h.wantLogin("csi", false, ssh.Password("secret"))
	})
}

func (h *harness) wantLogin(user string, want bool, auth ssh.AuthMethod) {
	h.Helper()
	if _, err := h.login(user, auth); (err == nil) != want {
		h.Errorf("login as %s: %v", user, err)
	}
}

func TestKeysOfTheWrongKindAreRefused(t *testing.T) {
	rds(t, DeviceOptions{}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`/user ssh-keys add user=admin key="ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY="`, string(badKeyFile) + "\n"},
			{`/user ssh-keys add user=admin key="ssh-ed25519 AAAA"`, string(badKeyFile) + "\n"},
			{`/user ssh-keys add user=nobody key="ssh-ed25519 AAAA"`, "input does not match any value of user\n"},
			{`/user ssh-keys import user=admin public-key-file=none.pub`, string(badKeyFile) + "\n"},
		})
	})
}

func TestAnOldRouterOSRefusesEd25519KeysOfUsers(t *testing.T) {
	_, line := publicKey(t, "ed25519")
	_, older := publicKey(t, "rsa")
	rds(t, DeviceOptions{NoEd25519UserKeys: true}, func(t *testing.T, run func(string) string) {
		wantAll(t, run, []exchange{
			{`/user ssh-keys add user=admin key="` + line + `"`, string(badKeyFile) + "\n"},
			{`/user ssh-keys add user=admin key="` + older + `"`, ""},
		})
	})
}

func TestCommandsNeedThePolicyOfTheGroup(t *testing.T) {
	synctestDevice(t, func(d *Device) {
		d.Run(t.Context(), "admin", `/user group add name=looks policy=ssh,read; /user add name=guest group=looks`)
		for line, want := range map[string]string{
			`:put [/system identity get name]`:  "MikroTik\r\n",
			`/system identity set name=mine`:    string(notPermitted) + "\r\n",
			`/user add name=x group=full`:       string(notPermitted) + "\r\n",
			`/system reboot`:                    string(notPermitted) + "\r\n",
			`/disk format pool file-system=xfs`: string(notPermitted) + "\r\n",
		} {
			if got := d.Run(t.Context(), "guest", line).Output; got != want {
				t.Errorf("%s: %q", line, got)
			}
		}
	})
}
