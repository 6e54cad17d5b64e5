package emulator

import (
	"bytes"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func synctestDevice(t *testing.T, test func(d *Device)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(NewDevice(DeviceOptions{})) })
}

var npk = append(bytes.Clone(packageMagic), make([]byte, 100_000)...)

func (c *client) upload(name string, content []byte) {
	c.t.Helper()
	files, err := sftp.NewClient(c.Client)
	if err != nil {
		c.t.Fatal(err)
	}
	defer files.Close()
	f, err := files.Create(name)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		c.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		c.t.Fatal(err)
	}
}

func TestAnUploadedPackageIsInstalledByTheNextBoot(t *testing.T) {
	bubble(t, Options{Device: NewDevice(DeviceOptions{CHR: true, NoRoseStorage: true}), RebootTime: 10 * time.Second}, func(h *harness) {
		c := h.connect()
		c.want(`/disk set pool nvme-tcp-export=no`, "expected end of command (line 1 column 16)\r\n")
		c.upload("/rose-storage-7.24.5.npk", npk)
		c.upload("rose-storage-7.24.4.npk", npk) // of another version
		c.want(`:put [/file get rose-storage-7.24.5.npk size]; :put [:len [/system package find]]`, "100004\r\n1\r\n")
		c.want(`:execute {/system reboot}`, "")
		time.Sleep(12 * time.Second)
		h.settle()
		c = h.connect()
		c.want(`:put [/system package get rose-storage version]; :put [/file print as-value proplist=name where type=package]`,
			"7.24.5\r\n.id=**AGOZSyJwKGd;name=rose-storage-7.24.4.npk\r\n")
		c.want(`/disk set pool nvme-tcp-export=no`, "")
	})
}

func TestAnUploadedKeyIsImportedAndGone(t *testing.T) {
	signer, line := publicKey(t, "ed25519")
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.upload("csi.pub", []byte(line+"\n"))
		c.want(`/user ssh-keys import user=admin public-key-file=csi.pub; :put [:len [/file find where name=csi.pub]]`, "0\r\n")
		h.wantLogin("admin", true, ssh.PublicKeys(signer))
	})
}

func TestFilesAreReadListedAndRemoved(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.upload("notes.txt", []byte("hello"))
		files, err := sftp.NewClient(c.Client)
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		f, err := files.Open("notes.txt")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(f); err != nil || string(text) != "hello" {
			t.Errorf("got %q, %v", text, err)
		}
		list, err := files.ReadDir("/")
		if err != nil || len(list) != 2 || !list[0].IsDir() || list[1].Name() != "notes.txt" || list[1].Size() != 5 {
			t.Errorf("got %v, %v", list, err)
		}
		if err := files.Remove("notes.txt"); err != nil {
			t.Error(err)
		}
		if _, err := files.Stat("notes.txt"); !os.IsNotExist(err) {
			t.Errorf("after the removal: %v", err)
		}
	})
}

func TestDirectoriesAreMadeOverSFTP(t *testing.T) {
	bubble(t, Options{Device: NewDevice(DeviceOptions{Directories: []string{}})}, func(h *harness) {
		c := h.connect()
		files, err := sftp.NewClient(c.Client)
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		for dir, good := range map[string]bool{"/pool/csi": true, "/nowhere/csi": false, "/pool/none/csi": false} {
			if err := files.Mkdir(dir); (err == nil) != good {
				t.Errorf("%s: %v", dir, err)
			}
		}
		if err := files.Mkdir("/pool/csi"); err == nil {
			t.Error("it was made twice")
		}
		c.want(`:put [/file get pool/csi type]; /disk add type=file file-path=pool/csi/v.img file-size=1M slot=v`, "directory\r\n")
	})
}

func TestWithoutThePolicyFtpNoFilesAreServed(t *testing.T) {
	signer, line := publicKey(t, "ed25519")
	bubble(t, Options{}, func(h *harness) {
		h.connect().want(`/user group add name=csi policy=ssh,read; /user add name=csi group=csi; /user ssh-keys add user=csi key="`+line+`"`, "")
		c, err := h.login("csi", ssh.PublicKeys(signer))
		if err != nil {
			t.Fatal(err)
		}
		if files, err := sftp.NewClient(c.Client); err == nil {
			files.Close()
			t.Error("files were served")
		}
	})
}

// OpenSSH's client shares no code with the library that serves here.
func TestTheClientOfOpenSSHUploads(t *testing.T) {
	program, err := exec.LookPath("sftp")
	if err != nil {
		if os.Getenv("RDS_CI") == "1" {
			t.Fatalf("no sftp, and CI must have it (Debian: apt-get install openssh-client): %v", err)
		}
		t.Skipf("no sftp on this machine (Debian: apt-get install openssh-client): %v", err)
	}
	overTCP(t, Options{}, func(h *harness) {
		address, err := h.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(address.String())
		signer, keyFile := privateKey(t)
		h.AuthorizeKey("admin", signer.PublicKey())
		local := filepath.Join(t.TempDir(), "x.npk")
		if err := os.WriteFile(local, npk, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, "-b", "-", "-i", keyFile, "-P", port, "-F", "none",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "admin@127.0.0.1")
		cmd.Stdin = bytes.NewBufferString("put " + local + " /rose.npk\nls -l\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if size, ok := h.Device().FileSize("rose.npk"); !ok || size != int64(len(npk)) {
			t.Errorf("%d bytes arrived, %v", size, ok)
		}
	})
}

// privateKey is a fresh key and the file that holds it.
func privateKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	key, err := GenerateHostKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, file
}
