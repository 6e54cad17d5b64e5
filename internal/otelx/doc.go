// Package otelx is the only user of the OpenTelemetry SDK: it turns the events
// of package conn into metrics, spans and log fields, and serves /metrics.
//
// [New] builds the pipeline, [Telemetry.Observer] is given to the connection
// manager and its client, [Telemetry.SetSource] names what a scrape reads.
//
// # Metrics
//
// A scrape reads memory, never the device. What is unknown is absent, not zero.
// Counters, and gauges without labels (except the limit of sessions, unknown
// until the client tells it), are there at zero from the start; a
// histogram appears with its first value. Labels are bounded: a value that is
// not in a closed list becomes its last one, and of a label without a list only
// the newest value is exported. Histograms carry exemplars with the trace id on
// an OpenMetrics scrape when spans are exported. The metrics of the Go runtime,
// of the process and of the handler itself are there too.
//
// Every attempt but the process's very first is a reconnection; one that
// shutdown cut short counts as neither success nor failure. Name, then type,
// unit and labels, then meaning:
//
//	rds_csi_rds_connection_state
//		gauge; address
//		RDS SSH connection state (1=connected, 0=disconnected).
//	rds_csi_rds_reconnect_total
//		counter, {attempt}; status = success, failure
//		Total RDS reconnection attempts by status.
//	rds_csi_rds_reconnect_duration_seconds
//		histogram, s; buckets 0.1 0.5 1 2 5 10 30 60
//		Duration of successful RDS reconnections in seconds, from the detection of the loss to connected.
//	rds_csi_rds_reconnect_failures_total
//		counter, {attempt}; reason = resolve, refused, unreachable, timeout, closed, handshake, host_key, auth, credentials, unusable
//		Total failed RDS reconnection attempts by reason.
//	rds_csi_rds_reconnect_consecutive_failures
//		gauge, {attempt}
//		Failed RDS connection attempts since the last successful one.
//	rds_csi_rds_reconnects_given_up_total
//		counter, {cycle}
//		Total reconnection cycles that passed their maximum elapsed time; attempts go on.
//	rds_csi_rds_next_attempt_timestamp_seconds
//		gauge, s; address
//		Unix time of the next connection attempt; absent while none is scheduled.
//	rds_csi_rds_ban_suspected
//		gauge
//		Whether the RDS seems to have banned this address (1=suspected): dials time out after it had answered.
//	rds_csi_rds_disconnects_total
//		counter, {disconnect}; reason = eof, reset, silence, unusable, disconnect, requested, other
//		Total ends of an established RDS connection by the first reason seen; shutdown is not counted.
//	rds_csi_rds_outages_total
//		counter, {outage}; cause = link, reboot, other_device, unknown
//		Total outages that are over by cause.
//	rds_csi_rds_outage_duration_seconds
//		histogram, s; buckets 1 5 15 60 300 900 3600 14400 86400
//		Duration of outages that are over in seconds, from the last byte received to connected.
//	rds_csi_rds_connect_duration_seconds
//		histogram, s; stage = resolve, tcp, handshake, verify; buckets 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10
//		Duration of the successful stages of connection attempts in seconds.
//	rds_csi_rds_connection_established_timestamp_seconds
//		gauge, s; address
//		Unix time at which the newest connection was established.
//	rds_csi_rds_last_disconnect_timestamp_seconds
//		gauge, s; address
//		Unix time at which the newest loss of the connection was detected.
//	rds_csi_rds_last_received_timestamp_seconds
//		gauge, s; address
//		Unix time at which the newest byte arrived on the newest connection.
//	rds_csi_rds_connection_info
//		gauge; address; server_version; host_key_check
//		What the newest connection was made to; the value is always 1.
//	rds_csi_rds_command_duration_seconds
//		histogram, s; command = verify, probe, disk_add, disk_set, disk_remove, disk_print, file_remove, file_print, other; status = success, failure; buckets 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30
//		Duration of commands on the connection in seconds, waiting for a session included.
//	rds_csi_rds_sessions_in_use
//		gauge, {session}
//		Sessions in use on the connection.
//	rds_csi_rds_sessions_limit
//		gauge, {session}
//		Limit of concurrent sessions on the connection.
//	rds_csi_rds_session_wait_duration_seconds
//		histogram, s; buckets 0.001 0.01 0.05 0.1 0.25 0.5 1 2.5 5 10 30
//		Time that commands waited for a session in seconds.
//	rds_csi_rds_abandoned_operations_total
//		counter, {operation}
//		Total operations left behind on the connection: past their deadline, or given up by the caller.
//	rds_csi_rds_callback_panics_total
//		counter, {panic}
//		Total panics of the reconnect callback.
//	rds_csi_rds_volumes
//		gauge, {volume}
//		Volumes on the RDS when they were listed last, after a connection or an RPC.
//	rds_csi_rds_volumes_changed_total
//		counter, {volume}; change = vanished, unexported, resized
//		Total volumes that were not as they had been left when they were listed after a reconnection.
//	rds_csi_rds_pool_size_bytes
//		gauge, By; pool
//		Size of the pool in bytes when it was asked for last.
//	rds_csi_rds_pool_free_bytes
//		gauge, By; pool
//		Free bytes of the pool when it was asked for last.
//	csi_plugin_operations_seconds
//		histogram, s; driver_name; method_name; grpc_status_code; buckets 0.1 0.25 0.5 1 2.5 5 10 15 25 50 120 300 600
//		Duration of CSI RPCs in seconds by method and gRPC code.
//	rpc_server_call_duration_seconds
//		histogram, s; rpc_system_name; rpc_method; rpc_response_status_code; buckets 0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10
//		Duration of RPCs in seconds under the names of OpenTelemetry.
//	rds_csi_build_info
//		gauge; version; revision; goversion
//		Build of the controller; the value is always 1.
//
// # Spans
//
// Spans are exported where OTEL_TRACES_EXPORTER (otlp, console, none) or an OTLP
// endpoint variable is set; OTEL_SDK_DISABLED=true turns them off, but not
// /metrics, on which the alerts depend. The other variables of the OpenTelemetry
// SDK and of its OTLP exporter work as specified. Where the collector is down
// spans are dropped, nothing waits, and the log says so once a minute.
//
//	rds.reconnect     a root for each attempt, linked to the first and the
//	                  previous attempt of the same outage
//	  tcp connect     for each address dialled
//	  ssh handshake   banner, key exchange, host key, login
//	  rds verify      the command that proves the connection usable
//	rds.outage        a root, written once at recovery with its true start,
//	                  linked to the first and the last attempt
//	rds.reconcile     a root for each look at the volumes after a reconnection,
//	                  linked to the attempt that made the connection
//	rds.exec          a caller's command, in the caller's trace, linked to the
//	                  attempt that made its connection
//
// No span, metric or log line of this package holds a command's values, the text
// of an error of the connection, a key, a password or a file's content.
package otelx
