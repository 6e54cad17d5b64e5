package emulator

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// DeviceOptions says which device this is. Zero values mean defaults: an RDS that has been up for a day.
type DeviceOptions struct {
	Identity     string // default "MikroTik"
	Version      string // default "7.24.5"
	Board        string // default that of an RDS, "CHR" on a CHR
	SerialNumber string // of the hardware; a CHR has none
	SoftwareID   string // of the licence; a CHR has none
	SystemID     string // of a CHR's licence
	CHR          bool

	Uptime time.Duration // when the device is made; default 26h3m4s

	NoRoseStorage bool // the package is missing, until it is uploaded and the device reboots
	// NoRouterboard removes the /system/routerboard menu, as some reports have it of a CHR; others have the menu
	// say "routerboard: no".
	NoRouterboard bool
	// ErrorExitStatus is the exit status of a line that failed. RouterOS fact: 0, with the error text on stdout; older
	// reports say 1.
	ErrorExitStatus int

	// NoEd25519UserKeys refuses Ed25519 keys of users. RouterOS fact: 7.11 does, 7.12 takes them.
	NoEd25519UserKeys bool
	// AskBeforeFormat has /disk format ask its question where nobody can answer, and do nothing. RouterOS fact: the
	// console asks, REST does not; what a line without a terminal gets is not known. A script in the background is not
	// asked.
	AskBeforeFormat bool

	// Pools are the mounted file systems. Default: "pool", of 8 TiB.
	Pools []Pool
	// Directories are those that exist on the pools, such as "pool/volumes"; nil: any.
	Directories []string
	// SlotLimit is the most characters a slot may have; 0: no limit. RouterOS fact: one driver limits it to 32, another
	// used 40.
	SlotLimit int
	// ShortenSlots cuts a slot that is too long instead of refusing it.
	ShortenSlots bool
	// KeepExported refuses to remove a disk that is still exported. What a device does is not known.
	KeepExported bool
	// AddTime is how long /disk add takes between making the file and showing the disk.
	AddTime time.Duration
	// Careless obeys what loses data: a smaller file-size, the removal of a file that a disk uses, and a disk to be added
	// over the file of another, which is refused only after the file has the new size. What a device does is not known.
	Careless bool
	// FileSizeAlone leaves out the size of file disks, and shows the file-size that they were given even where the file is
	// gone. What a device does is not known.
	FileSizeAlone bool
	// PrintDetail is how print detail is laid out.
	PrintDetail Layout
}

// Device is a RouterOS device without its network: state and command table. It is safe for concurrent use.
type Device struct {
	options DeviceOptions // immutable

	mu          sync.Mutex // guards what follows; held while a command looks at the state, not while it waits
	root        *menu      // the command table; a package brings commands of its own
	roseStorage bool
	identity    string
	boot        time.Time
	storage     storage
	accounts    accounts
	hooks       []func()
	keepsFiles  bool
}

// NewDevice returns a device that booted options.Uptime ago.
func NewDevice(options DeviceOptions) *Device {
	setDefault(&options.Identity, "MikroTik")
	setDefault(&options.Version, "7.24.5")
	setDefault(&options.Uptime, 26*time.Hour+3*time.Minute+4*time.Second)
	if options.CHR {
		setDefault(&options.Board, "CHR")
		setDefault(&options.SystemID, "wQd1bJ3pGkK")
		options.SerialNumber, options.SoftwareID = "", ""
	} else {
		setDefault(&options.Board, "RDS2216-2XG-4S+4XS-2XQ")
		setDefault(&options.SerialNumber, "HK70A1B2C3D")
		setDefault(&options.SoftwareID, "9HLX-W3QR")
		options.SystemID = ""
	}
	if options.Pools == nil {
		options.Pools = []Pool{{Slot: "pool", Size: 8 << 40}}
	}
	d := &Device{options: options, identity: options.Identity, boot: time.Now().Add(-options.Uptime)}
	d.roseStorage = !options.NoRoseStorage
	d.storage = d.newStorage()
	d.accounts = newAccounts()
	d.root = d.commands()
	return d
}

// bootTime is how long a device has been up when its SSH service answers first. RouterOS fact: it takes seconds, so that
// nobody ever sees an uptime of zero.
const bootTime = 3 * time.Second

// Reboot makes the device a freshly booted one: its uptime starts again, its state is kept, packages that were uploaded
// are installed.
func (d *Device) Reboot() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.boot = time.Now().Add(-bootTime)
	d.installPackages()
}

// table returns the command table as it is now.
func (d *Device) table() *menu {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root
}

// onReboot has f called for each reboot command. A device without anybody to call reboots by itself, at once.
func (d *Device) onReboot(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hooks = append(d.hooks, f)
}

// rebootCommand is what /system/reboot does.
func (d *Device) rebootCommand() {
	d.mu.Lock()
	hooks := slices.Clone(d.hooks)
	d.mu.Unlock()
	if len(hooks) == 0 {
		d.Reboot()
	}
	for _, f := range hooks {
		f()
	}
}

// Uptime returns how long the device has been up, in whole seconds as RouterOS counts.
func (d *Device) Uptime() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.boot).Truncate(time.Second)
}

// Result is what an exec channel gives for one line.
type Result struct {
	Output     string // stdout, lines ending in CRLF
	ExitStatus int
	Failed     bool // the line ended in an error, whose text is the end of Output
}

// Run runs one line as an exec channel does: without a pty, an echo or a prompt. The context ends waits such as :delay.
// RouterOS fact: the text of an error is on stdout like any output, and ends the line.
func (d *Device) Run(ctx context.Context, user, line string) Result {
	r := &runner{device: d, ctx: ctx, user: user, vars: map[string]any{}}
	err := r.line(line)
	if err != nil {
		r.printLine(err.Error())
	}
	result := Result{Output: strings.ReplaceAll(r.out.String(), "\n", "\r\n"), Failed: err != nil}
	if err != nil {
		result.ExitStatus = d.options.ErrorExitStatus
	}
	return result
}
