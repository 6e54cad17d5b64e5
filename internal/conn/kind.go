package conn

// Kind says why an attempt to connect, or an operation on the connection,
// failed. It is found from the stage that was reached and from typed errors,
// never from text. The word is the same in log, metric label, page and docs.
type Kind string

// Kinds of a failed attempt to connect.
const (
	KindResolve     Kind = "resolve"     // the name has no address
	KindRefused     Kind = "refused"     // TCP connection refused
	KindUnreachable Kind = "unreachable" // no route, network or host down
	KindTimeout     Kind = "timeout"     // deadline before TCP was up; of an Exec: its own deadline
	KindClosed      Kind = "closed"      // EOF or reset before login was done; of an Exec: the connection ended
	KindHandshake   Kind = "handshake"   // no banner, no common algorithm, garbage, deadline in the key exchange
	KindHostKey     Kind = "host_key"    // not the pinned key
	KindAuth        Kind = "auth"        // login refused by the device
	KindCredentials Kind = "credentials" // key or known-hosts file missing, unreadable, malformed
	KindUnusable    Kind = "unusable"    // logged in, but Verify failed or timed out
	KindCanceled    Kind = "canceled"    // shutdown, or the caller gave up: no failure
)

// Kinds that only an operation on an established connection can have.
const (
	KindBusy     Kind = "busy"      // the device refused a session: it is alive, but full
	KindRejected Kind = "rejected"  // the device refused the command or ended it with an exit status other than 0
	KindTooLarge Kind = "too_large" // the output passed the limit
)

// kindInfo is the one table about kinds.
var kindInfo = map[Kind]struct{ errorType, summary, remedy string }{
	KindResolve: {"name_resolution_error", "The name of the RDS has no address.",
		"Check --rds-address and the DNS of the cluster."},
	KindRefused: {"connection_refused", "The RDS answers, but nothing listens on its SSH port.",
		"It may be booting. Otherwise check --rds-port, and on the RDS: /ip/service/print where name=ssh."},
	KindUnreachable: {"host_unreachable", "There is no route to the RDS, or its network or host is down.",
		"Check power, cabling, switch and routes between this pod and the RDS."},
	KindTimeout: {"timeout", "The RDS did not answer within the time limit.",
		"Check that the RDS is powered and that no firewall drops packets to its SSH port; on a slow link raise --rds-connect-timeout."},
	KindClosed: {"connection_reset", "The RDS closed the connection before the login was done.",
		"On the RDS check /ip/service (available-from, max-sessions) and /user/active; it may also be shutting down."},
	KindHandshake: {"ssh_handshake_failed", "The SSH handshake did not complete.",
		"The RDS accepts TCP but stalls, is overloaded, or is no SSH server; check /ip/ssh (ciphers, strong-crypto); on a slow link raise --rds-connect-timeout."},
	KindHostKey: {"host_key_mismatch", "The host key is not the pinned one: this may be another machine, or an attacker.",
		"Do not bypass. Compare /ip/ssh/print host-key-fingerprint on the RDS console with the file of --rds-host-key; update the file only if they belong together."},
	KindAuth: {"ssh_auth_failed", "The RDS refused the login.",
		"On the RDS check /user (name, group with policy ssh) and /user/ssh-keys; here check --rds-user and --rds-key-file."},
	KindCredentials: {"credentials_unreadable", "The private key or the host key file cannot be used.",
		"Check the files of --rds-key-file and --rds-host-key: present, readable by this process, complete."},
	KindUnusable: {"rds_unusable", "The login worked, but the RDS does not carry out commands.",
		"The RDS may still be booting. Otherwise check the policies of the user's group (ssh, read, write) and the load of the RDS."},
	KindCanceled: {"", "Stopped before it ended.", ""},
	KindBusy: {"session_refused", "The RDS refused another session on the connection.",
		"Lower --rds-session-limit or raise max-sessions in /ip/service on the RDS."},
	KindRejected: {"command_rejected", "The RDS refused the command.", "Read the text it answered."},
	KindTooLarge: {"output_too_large", "The output passed the limit.", "Narrow the command."},
}

// ErrorType is the value of the attribute error.type of a span
// (OpenTelemetry semantic conventions), empty for KindCanceled.
func (k Kind) ErrorType() string { return kindInfo[k].errorType }

// Summary tells in one plain sentence what happened.
func (k Kind) Summary() string { return kindInfo[k].summary }

// Remedy tells an operator what to do, empty where there is nothing to do.
func (k Kind) Remedy() string { return kindInfo[k].remedy }

// AttemptKinds lists the kinds that a failed attempt to connect can have, in
// the order of the stages. KindCanceled is no failure and not in it.
func AttemptKinds() []Kind {
	return []Kind{KindResolve, KindRefused, KindUnreachable, KindTimeout, KindClosed,
		KindHandshake, KindHostKey, KindAuth, KindCredentials, KindUnusable}
}

// slow reports whether only a person can mend the failure, so that hurrying
// through the fast steps of the schedule gains nothing and may trip a
// brute-force rule of the device's firewall.
func (k Kind) slow() bool {
	return k == KindAuth || k == KindHostKey || k == KindCredentials
}
