// Package emulator is a RouterOS device in process: what an RDS or a CHR says over SSH, and every way in which it stops
// saying it.
//
// It has two halves. [Device] is the device model: state, a small RouterOS script interpreter and one command table. It
// knows nothing of SSH; [Device.Run] takes one line and gives the text that a RouterOS exec channel would give. [Server]
// puts an SSH server around a Device and holds the faults: every setter can be turned at any time.
//
// There are three ways to reach it. [Server.Dial] connects in memory, over a buffered pipe that works inside a
// testing/synctest bubble. [Server.Listen] and [Server.Serve] serve TCP. [ServeDevice] and [RunOverSocket] give the
// command table to another process, such as the forced command of a real sshd.
//
// Comments that begin "RouterOS fact:" say what real devices were seen to do. Where reports disagree, or nobody has
// looked, an option chooses.
//
// # What is not certain of RouterOS
//
// Each such fact is a switch, so that what is built on the emulator can be shown to work either way. The source says
// where the fact was seen; unknown: nobody has told. The words of refusals that nobody has published are no switch:
// refusals.go marks them.
//
//	uncertain fact                                  | switch                          | default | source
//	an exec that failed ends with status 0, or 1    | DeviceOptions.ErrorExitStatus   | 0       | CENTRS; RDSCSI says 1
//	an exec ends with a status, or without          | Options.OmitExitStatus          | with    | CENTRS, OXI-1966
//	an exec ends with an EOF before the close       | Options.SendEOF                 | no      | OXI-1966: not on 6.4x
//	a command ends with its session, or outlives it | Faults.OutliveSession           | ends    | QCHR: outlives it (REST)
//	long output loses its end                       | Faults.Cut                      | no      | OXI-1966, OXI-3867
//	keepalive@openssh.com is answered               | Options.AnswerGlobalRequests    | no      | RDSCSI, TERMIX
//	how many sessions a connection may have open    | Options.SessionsPerConnection   | any     | RDSCSI: 19 stall; SMOKEPING-3: one
//	an open past them is refused, or hangs          | Options.HangOverLimit           | refused | RDSCSI: hangs
//	how long it serves after a reboot command       | Options.RebootDelay             | 1s      | RDSCSI, TIK4-CHR
//	how long a reboot takes                         | Options.RebootTime              | 30s     | RDSCSI: 60 to 120 s; TIK4-CHR: 5 to 40 s
//	which rules count new connections               | Options.BruteForce              | none    | WIKI-BRUTE, M-BRUTE
//	the connection that leads to a ban is dropped   | BruteForceRules.DropAtOnce      | no      | M-BRUTE: yes
//	an attempt renews a ban                         | BruteForceRules.Renew           | no      | M-BRUTE: yes
//	banned sources are refused, or dropped          | BruteForceRules.Refuse          | dropped | M-BRUTE
//	Ed25519 keys of users are taken                 | DeviceOptions.NoEd25519UserKeys | yes     | QCHR-KEYS: not by 7.11
//	a CHR has /system/routerboard                   | DeviceOptions.NoRouterboard     | yes     | unknown
//	/disk format asks without a terminal            | DeviceOptions.AskBeforeFormat   | no      | MIKROPKL, EVILF: not over REST
//	a file's directory must exist                   | DeviceOptions.Directories       | no      | unknown
//	how long a slot may be                          | DeviceOptions.SlotLimit         | any     | SCHEESE: 32; RDSCSI: 40 at least
//	a longer slot is refused, or cut                | DeviceOptions.ShortenSlots      | refused | unknown
//	an exported disk can be removed                 | DeviceOptions.KeepExported      | yes     | SCHEESE unexports it first
//	how long a disk takes to show after add         | DeviceOptions.AddTime           | 0       | SCHEESE waits 3 s
//	what loses data is refused                      | DeviceOptions.Careless          | refused | unknown
//	a file disk shows its size                      | DeviceOptions.FileSizeAlone     | yes     | TFPROV
//	print detail wraps its lines                    | Layout.Width                    | no      | CENTRS: no; RDSCSI, SCHEESE-NOTES: yes
//	how far a continuation is indented              | Layout.Indent                   | 6       | SCHEESE-NOTES: 6; RDSCSI: 15
//	a value can be wrapped in its middle            | Layout.SplitWords               | no      | RDSCSI: yes
//
// Sources:
//
//	CENTRS                 = tikoci/centrs, seen on CHR 7.23.1
//	EVILF, MIKROPKL        = EvilFreelancer/docker-routeros; tikoci/mikropkl
//	M-BRUTE, WIKI-BRUTE    = MikroTik's manual and old wiki: brute-force prevention
//	OXI-1966, OXI-3867     = issues of ytti/oxidized
//	QCHR, QCHR-KEYS        = tikoci/quickchr, its notes and its test/lab/ssh-keys
//	RDSCSI                 = 3whiskeywhiskey/rds-csi, the driver before this one, on an RDS
//	SCHEESE, SCHEESE-NOTES = singlecheeze/mikrotik-rds-csi, and its author's notes on an RDS2216
//	SMOKEPING-3            = issue of tonydm/smokeping-OpenSSHMikrotikRouterOSPing, RouterOS 6
//	TERMIX                 = issues 183 and 509 of Termix-SSH/Support
//	TFPROV                 = terraform-routeros/terraform-provider-routeros, a record over REST
//	TIK4-CHR               = danikf/tik4net, its notes on a CHR
package emulator
