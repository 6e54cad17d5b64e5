package setup

import (
	"context"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
)

func TestAFreshDeviceIsPreparedOverTCP(t *testing.T) {
	if testing.Short() {
		t.Skip("real sockets")
	}
	t.Parallel()
	server, err := emulator.NewServer(emulator.Options{Device: emulator.NewDevice(fresh()), // with an RSA host key, as RouterOS has
		RebootTime: 200 * time.Millisecond, RebootDelay: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	address, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(address.String())
	h := newHarness(t, server)
	h.options.Host, h.options.Poll = host, 20*time.Millisecond
	h.options.Port, _ = strconv.Atoi(port)
	if !h.finishes() {
		t.Error("nothing was changed")
	}
	before := h.state()
	if h.finishes() || h.state() != before {
		t.Errorf("the second run changed something:\n%s\n%s", before, h.state())
	}
}

func TestASecondRunOnlyLooks(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.finishes()
		state, sent := h.state(), len(h.Stats().Commands)
		out, changed, err := h.run()
		if err != nil || changed || h.state() != state || !strings.Contains(out, "nothing was changed") || strings.Contains(out, " done ") {
			h.Errorf("changed %v, error %v, state:\n%s\nwas:\n%s", changed, err, h.state(), state)
		}
		for _, line := range h.Stats().Commands[sent:] {
			// The controller's own check sets properties of a disk that is not there.
			check := strings.Contains(line, "rds-csi-check-that-does-not-exist")
			if !check && slices.ContainsFunc([]string{" add", "/add", " set", "/set", "remove", "import", "format", "reboot", "execute"},
				func(word string) bool { return strings.Contains(line, word) }) {
				h.Errorf("the second run sent %s", line)
			}
		}
		if h.Stats().Reboots != 1 {
			h.Errorf("%d reboots", h.Stats().Reboots)
		}
	})
}

func TestTheUserHasWhatTheControllerNeedsAndNoMore(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.finishes(func(o *Options) { o.AllowFrom = "192.0.2.0/24" })
		if got := h.admin(`:put [:pick [/user group get csi policy] 0 19]; :put [/user get csi group]; :put [/user get csi address]`); got != "ssh,read,write,test\ncsi\n192.0.2.0/24" {
			h.Errorf("got %s", got)
		}
		if h.finishes(func(o *Options) { o.AllowFrom = "192.0.2.0/24" }) {
			h.Error("the second run changed something")
		}
	})
}

// What fails is told with its remedy, and once that is done, the repetition finishes.
func TestEachFailureIsToldAndTheRepetitionFinishes(t *testing.T) {
	tests := []struct {
		name   string
		device func(*emulator.DeviceOptions)
		before string                                      // run on the device
		break_ func(h *harness) (changes []func(*Options)) // what is wrong here
		step   string
		says   []string
		repair string // run on the device
		fixed  func(*Options)
	}{
		{name: "password", step: "device", says: []string{"refuses the login of admin"},
			break_: with(func(o *Options) { o.Admin.Password = "wrong" })},
		{name: "no package", step: "rose-storage", says: []string{"not installed", "--package", "rose-storage-7.24.5.npk"},
			break_: with(func(o *Options) { o.Package = "" })},
		{name: "package of another version", step: "rose-storage", says: []string{"rose-storage-7.24.4.npk is not for RouterOS 7.24.5", "give rose-storage-7.24.5.npk"},
			break_: with(func(o *Options) { o.Package = strings.Replace(o.Package, "7.24.5", "7.24.4", 1) })},
		{name: "package that is none", step: "rose-storage", says: []string{"did not install", "damaged"}, break_: func(h *harness) []func(*Options) {
			return []func(*Options){func(o *Options) {
				o.Package = h.TempDir() + "/rose-storage-7.24.5.npk"
				if err := os.WriteFile(o.Package, []byte("<html>"), 0o600); err != nil {
					h.Fatal(err)
				}
			}}
		}},
		{name: "group with other policies", before: `/user group add name=csi policy=ssh,read,write,test,reboot`,
			step: "group", says: []string{"other policies", "ssh,reboot,read,write,test", "/user/group/set csi"}, repair: `/user group set csi policy=ssh,read,write,test`},
		{name: "user in another group", before: `/user add name=csi group=full`,
			step: "user", says: []string{"in the group full", "/user/set csi group=csi"}, repair: `/user set csi group=csi`},
		{name: "user who is disabled", before: `/user group add name=csi policy=test,write,ssh,read; /user add name=csi group=csi disabled=yes`,
			step: "user", says: []string{"disabled", "/user/set csi disabled=no"}, repair: `/user set csi disabled=no`},
		{name: "user from elsewhere", before: `/user group add name=csi policy=test,write,ssh,read; /user add name=csi group=csi address=198.51.100.0/24`,
			break_: with(func(o *Options) { o.AllowFrom = "192.0.2.0/24" }),
			step:   "user", says: []string{"198.51.100.0/24"}},
		{name: "key refused", device: func(o *emulator.DeviceOptions) { o.NoEd25519UserKeys = true },
			step: "user's key", says: []string{"refuses the public key", "unable to load key file", "--type=rsa"}, fixed: useRSA},
		{name: "no disk named", step: "pool", says: []string{"no disk is mounted at /pool", "--pool-disk", "virtio1 (4.0 GiB)"},
			break_: with(func(o *Options) { o.PoolDisk = "" })},
		{name: "unknown disk", step: "pool", says: []string{"no disk nvme7", "virtio1 (4.0 GiB)"},
			break_: with(func(o *Options) { o.PoolDisk = "nvme7" })},
		{name: "disk with a file system", step: "pool", says: []string{"is not formatted: it has the file system btrfs", "name another disk", "virtio1"},
			device: func(o *emulator.DeviceOptions) {
				o.Pools = append(o.Pools, emulator.Pool{Slot: "virtio2", Size: 1 << 30})
			}, break_: with(func(o *Options) { o.PoolDisk = "virtio2" })},
		{name: "disk with partitions", step: "pool", says: []string{"is not formatted: it has the partition virtio2-part1"},
			device: func(o *emulator.DeviceOptions) {
				o.Pools = append(o.Pools, emulator.Pool{Slot: "virtio2", Size: 1 << 30, Raw: true, Partitioned: true})
			}, break_: with(func(o *Options) { o.PoolDisk = "virtio2" })},
		{name: "pool on another disk", step: "pool", says: []string{"virtio2 is mounted at /virtio2 already, not virtio1"},
			device: func(o *emulator.DeviceOptions) {
				o.Pools = append(o.Pools, emulator.Pool{Slot: "virtio2", Size: 1 << 30})
			}, break_: with(func(o *Options) { o.BasePath = "/virtio2/csi" })},
		{name: "base path is a file", device: func(o *emulator.DeviceOptions) { o.Pools = []emulator.Pool{{Slot: "pool", Size: 4 << 30}} },
			before: `/system identity set name=x`, break_: func(h *harness) []func(*Options) {
				if err := h.Device().WriteFile("pool/csi", 100); err != nil {
					h.Fatal(err)
				}
				return []func(*Options){noDisk}
			}, step: "base path", says: []string{"no directory"}, repair: `/file remove pool/csi`, fixed: noDisk},
		{name: "nobody may upload", before: `/user group add name=some policy=local,ssh,read,write,policy,test,reboot; /user add name=ops group=some password=x`,
			break_: with(func(o *Options) { o.Admin = Admin{User: "ops", Password: "x"} }),
			step:   "rose-storage", says: []string{"policy ftp"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			device := fresh()
			if test.device != nil {
				test.device(&device)
			}
			bubble(t, device, func(h *harness) {
				if test.before != "" {
					h.admin(test.before)
				}
				var changes []func(*Options)
				if test.break_ != nil {
					changes = test.break_(h)
				}
				h.fails(test.step, test.says, changes...)
				state := h.state()
				h.fails(test.step, test.says, changes...)
				if h.state() != state && h.Stats().Reboots == 0 {
					h.Errorf("the repetition changed something:\n%s\nwas:\n%s", h.state(), state)
				}
				if test.repair != "" {
					h.admin(test.repair)
				}
				fixed := test.fixed
				if fixed == nil {
					fixed = func(*Options) {}
				}
				h.finishes(fixed)
			})
		})
	}
}

func with(changes ...func(*Options)) func(*harness) []func(*Options) {
	return func(*harness) []func(*Options) { return changes }
}

func noDisk(o *Options) { o.PoolDisk = "" }

// useRSA makes another key.
func useRSA(o *Options) {
	o.Files.Key += "_rsa"
	o.Files.PublicKey = o.Files.Key + ".pub"
	if err := MakeKeys(context.Background(), o.Files, "rsa", discard{}); err != nil {
		panic(err)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestAFormattedDiskStaysAsItWas(t *testing.T) {
	device := fresh()
	device.Pools = []emulator.Pool{{Slot: "virtio1", Size: 4 << 30}}
	bubble(t, device, func(h *harness) {
		if err := h.Device().WriteFile("virtio1/precious", 4096); err != nil {
			h.Fatal(err)
		}
		h.fails("pool", []string{"it has the file system btrfs"})
		if size, ok := h.Device().FileSize("virtio1/precious"); !ok || size != 4096 {
			h.Error("the file is gone")
		}
	})
}

// As after a cut between the two.
func TestAPoolThatWasFormattedAndNotYetNamedIsNamed(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.admin(`/disk format virtio1 file-system=ext4 label=pool`)
		h.finishes()
		if got := h.admin(`:put [/disk get pool mount-point]`); got != "pool" {
			h.Errorf("got %s", got)
		}
	})
}

// RouterOS mounts pools some time after a boot.
func TestAPoolThatIsMountedLaterIsAwaited(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.finishes()
		h.Device().SetPoolMounted("pool", false)
		h.fails("pool", []string{"is not mounted at /pool after 2m0s"})
		h.onLine = func(line string) {
			if strings.HasPrefix(line, "user's key") {
				time.AfterFunc(time.Minute, func() { h.Device().SetPoolMounted("pool", true) })
			}
		}
		if h.finishes() {
			h.Error("something was changed")
		}
	})
}

func TestADeviceThatAsksBeforeItFormatsIsAnswered(t *testing.T) {
	device := fresh()
	device.AskBeforeFormat = true
	bubble(t, device, func(h *harness) { h.finishes() })
}

func TestARebootThatNeverEndsIsToldAndTheRepetitionFinishes(t *testing.T) {
	bubbleOf(t, fresh(), emulator.Options{RebootTime: 30 * time.Minute}, func(h *harness) {
		begin := time.Now()
		h.fails("rose-storage", []string{"not ready after 5m0s", "connection refused", "--timeout"})
		if took := time.Since(begin); took > 6*time.Minute {
			h.Errorf("it took %v", took)
		}
		time.Sleep(30 * time.Minute)
		h.finishes()
	})
}

// The reboot command is taken, and nothing happens.
func TestADeviceThatDoesNotRebootIsTold(t *testing.T) {
	bubbleOf(t, fresh(), emulator.Options{RebootDelay: time.Hour}, func(h *harness) {
		h.fails("rose-storage", []string{"not ready after 5m0s", "has not rebooted yet", "by hand: /system/reboot"})
		time.Sleep(2 * time.Hour)
		h.finishes()
	})
}

func TestADeviceThatFallsSilentIsToldAndTheRepetitionFinishes(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.onLine = func(line string) { h.SetHoldExec(strings.HasPrefix(line, "group")) }
		h.fails("user", []string{"the device does not answer within 30s", "run it again"})
		h.onLine = nil
		h.SetHoldExec(false)
		h.finishes()
	})
}

func TestAnotherHostKeyIsNeverTrusted(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.finishes()
		pinned, err := os.ReadFile(h.options.Files.HostKeys)
		if err != nil {
			h.Fatal(err)
		}
		for _, keyType := range []string{"ed25519", "rsa"} {
			key, err := emulator.NewHostKey(keyType)
			if err != nil {
				h.Fatal(err)
			}
			h.SetHostKeys(key)
			logins := h.Stats().Logins
			h.fails("device", []string{"not the one whose key is pinned", "do not go on unless you know why"})
			if now, _ := os.ReadFile(h.options.Files.HostKeys); string(now) != string(pinned) {
				h.Error("the pinned key was replaced")
			}
			if h.Stats().Logins != logins {
				h.Error("it logged in all the same")
			}
		}
	})
}

func TestTheHostKeyOfTheFirstUseIsPinnedAndSaid(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		out, _, err := h.run()
		if err != nil {
			h.Fatal(err)
		}
		keys, err := conn.LoadHostKeys(h.options.Files.HostKeys, "any.name.example", 2222)
		if err != nil {
			h.Fatal(err)
		}
		for _, f := range keys.Fingerprints() {
			if !strings.Contains(out, f+" is trusted from now on") {
				h.Errorf("the output lacks %s", f)
			}
		}
	})
}

func TestNoPasswordIsPrinted(t *testing.T) {
	bubbleOf(t, fresh(), emulator.Options{Users: []emulator.User{{Name: "admin", Password: "s3cret-pass"}}}, func(h *harness) {
		h.options.Admin.Password = "s3cret-pass"
		good, _, err := h.run()
		if err != nil {
			h.Fatal(err)
		}
		h.SetRejectLogin(true)
		bad, _, err := h.run()
		if err == nil {
			h.Error("it succeeded")
		}
		out := good + bad + err.Error()
		if strings.Contains(out, "s3cret") || strings.Contains(out, "blank password") {
			h.Errorf("the output has the password, or says that there is none:\n%s", out)
		}
		for _, line := range h.Stats().Commands {
			if _, rest, ok := strings.Cut(line, `password="`); ok {
				password, _, _ := strings.Cut(rest, `"`)
				if len(password) < 20 || strings.Contains(out, password) {
					h.Errorf("the user's password %q is short or printed", password)
				}
			}
		}
	})
}

func TestABlankPasswordIsPointedOut(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		if out, _, _ := h.run(); !strings.Contains(out, "blank password") {
			h.Errorf("got\n%s", out)
		}
	})
}

func TestAnAdministratorWithAKey(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		files := Files{Key: h.TempDir() + "/admin"}
		files.PublicKey, files.HostKeys = files.Key+".pub", files.Key+".host"
		if err := MakeKeys(h.Context(), files, "ed25519", h.Output()); err != nil {
			h.Fatal(err)
		}
		signer, err := files.signer()
		if err != nil {
			h.Fatal(err)
		}
		h.AuthorizeKey("admin", signer.PublicKey())
		h.fails("device", []string{"where the user has a key"})
		h.finishes(func(o *Options) { o.Admin.KeyFile = files.Key })
	})
}
