// Package conn keeps one SSH connection to one RouterOS device usable.
//
// [SSHClient] is the connection: it dials, logs in, verifies the device, runs
// commands, and notices by itself when the peer ends the connection or falls
// silent. [ConnectionManager] owns a [Client]: it closes what is lost, connects
// anew with backoff and jitter, and publishes a [Snapshot] of what it knows.
// Whoever wants to count, trace or show something is an [Observer].
//
// The package knows nothing of RouterOS commands, metrics or CSI.
package conn
