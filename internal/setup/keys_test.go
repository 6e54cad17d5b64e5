package setup

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

func filesIn(dir string) Files {
	return Files{Key: filepath.Join(dir, "new", "key"), PublicKey: filepath.Join(dir, "new", "key.pub"), HostKeys: filepath.Join(dir, "new", "host_key")}
}

func makeKeys(t *testing.T, files Files, keyType string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := MakeKeys(t.Context(), files, keyType, &out)
	t.Logf("\n%s", out.String())
	return out.String(), err
}

func contents(t *testing.T, files Files) (all [3]string) {
	t.Helper()
	for i, name := range []string{files.Key, files.PublicKey, files.HostKeys} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = string(text)
	}
	return all
}

func TestMissingFilesAreMadeAndOthersLeftAlone(t *testing.T) {
	for keyType, want := range map[string]string{"ed25519": ssh.KeyAlgoED25519, "rsa": ssh.KeyAlgoRSA} {
		files := filesIn(t.TempDir())
		if _, err := makeKeys(t, files, keyType); err != nil {
			t.Fatal(err)
		}
		signer, err := conn.LoadKey(files.Key)
		if err != nil || signer.PublicKey().Type() != want {
			t.Errorf("%s: got %v, %v", keyType, signer, err)
		}
		for name, mode := range map[string]fs.FileMode{files.Key: 0o600, filepath.Dir(files.Key): fs.ModeDir | 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode() != mode {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		before := contents(t, files)
		for _, another := range []string{"ed25519", "rsa"} {
			if out, err := makeKeys(t, files, another); err != nil || contents(t, files) != before || strings.Contains(out, "done") {
				t.Errorf("the second run: %v\n%s", err, out)
			}
		}
		if err := os.Remove(files.PublicKey); err != nil {
			t.Fatal(err)
		}
		if _, err := makeKeys(t, files, keyType); err != nil || contents(t, files) != before {
			t.Errorf("the public key is not the same: %v", err)
		}
	}
}

// As when two make the same file.
func TestAFileThatAppearsMeanwhileIsKept(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	if err := create(name, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create(name, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "first" {
		t.Errorf("%q, %v", text, err)
	}
}

// The controller starts with the placeholder, and trusts nobody.
func TestThePlaceholderIsAKeyThatNobodyHas(t *testing.T) {
	a, b := filesIn(t.TempDir()), filesIn(t.TempDir())
	for _, files := range []Files{a, b} {
		if _, err := makeKeys(t, files, "ed25519"); err != nil {
			t.Fatal(err)
		}
	}
	first, err := conn.LoadHostKeys(a.HostKeys, "192.0.2.1", 22)
	if err != nil {
		t.Fatal(err)
	}
	second, err := conn.LoadHostKeys(b.HostKeys, "192.0.2.1", 22)
	if err != nil || first.Fingerprints()[0] == second.Fingerprints()[0] {
		t.Errorf("two placeholders are the same: %v", err)
	}
}

func TestOnlyThePlaceholderCountsAsNoPin(t *testing.T) {
	files := filesIn(t.TempDir())
	if _, err := makeKeys(t, files, "ed25519"); err != nil {
		t.Fatal(err)
	}
	o := &Options{Host: "192.0.2.1", Port: 22, Files: files}
	placeholder := contents(t, files)[2]
	for text, wantPin := range map[string]bool{
		placeholder:               false,
		placeholder + placeholder: true,
		"# mine\n" + placeholder:  true,
		strings.Fields(placeholder)[0] + " " + strings.Fields(placeholder)[1] + "\n": true,
	} {
		if err := os.WriteFile(files.HostKeys, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if keys, err := o.pinned(); err != nil || (keys != nil) != wantPin {
			t.Errorf("%q: %v, %v", text, keys, err)
		}
	}
	for _, text := range []string{"", "nonsense\n", "ssh-ed25519 AAAA\n"} {
		if err := os.WriteFile(files.HostKeys, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if keys, err := o.pinned(); err == nil {
			t.Errorf("%q counts as %v", text, keys)
		}
	}
	if err := os.Remove(files.HostKeys); err != nil {
		t.Fatal(err)
	}
	if keys, err := o.pinned(); err != nil || keys != nil {
		t.Errorf("no file: %v, %v", keys, err)
	}
}

func TestFilesThatCannotBeUsedAreNamedAndKept(t *testing.T) {
	write := func(t *testing.T, name string, content []byte) {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(curve, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		break_ func(t *testing.T, files Files) string // the file
		says   string
	}{
		"a key that is none": {func(t *testing.T, f Files) string { write(t, f.Key, []byte("nonsense")); return f.Key }, "is not a private key"},
		"an empty key":       {func(t *testing.T, f Files) string { write(t, f.Key, nil); return f.Key }, "is empty"},
		"an ECDSA key":       {func(t *testing.T, f Files) string { write(t, f.Key, pem.EncodeToMemory(block)); return f.Key }, "RouterOS does not accept"},
		"another public key": {func(t *testing.T, f Files) string {
			other := filesIn(t.TempDir())
			if _, err := makeKeys(t, other, "ed25519"); err != nil {
				t.Fatal(err)
			}
			write(t, f.PublicKey, []byte(contents(t, other)[1]))
			return f.PublicKey
		}, "is not the public half"},
	} {
		t.Run(name, func(t *testing.T) {
			files := filesIn(t.TempDir())
			broken := test.break_(t, files)
			before, _ := os.ReadFile(broken)
			out, err := makeKeys(t, files, "ed25519")
			if _, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(out, test.says) || !strings.Contains(out, "what to do: ") {
				t.Errorf("got %v, %s", err, out)
			}
			if now, _ := os.ReadFile(broken); !bytes.Equal(now, before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Admin: Admin{User: "admin"}, User: "csi", Group: "csi", BasePath: "/pool/csi", PoolDisk: "virtio1", AllowFrom: "192.0.2.0/24,2001:db8::1"}
	if faults := good.Check(); len(faults) > 0 {
		t.Errorf("got %v", faults)
	}
	bad := Options{Admin: Admin{User: "-admin"}, User: "-admin", Group: "a b", BasePath: "/", PoolDisk: `x"]`, AllowFrom: "anywhere"}
	if faults := bad.Check(); len(faults) != 7 {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
	long := good
	if long.AllowFrom = strings.Repeat("192.0.2.1,", 100) + "192.0.2.1"; len(long.Check()) != 1 {
		t.Error("a list of 1000 characters is accepted")
	}
	for _, path := range []string{"/pool/../x", "pool//csi", `/pool/"csi`, "/pool/csi\n", "/1pool/csi", "/pool/.hidden"} {
		o := good
		if o.BasePath = path; len(o.Check()) != 1 {
			t.Errorf("%q is accepted", path)
		}
	}
}
