package otelx

import (
	"slices"

	"rds-csi/internal/conn"
)

// Types of a metric, as Prometheus calls them.
const (
	TypeCounter   = "counter"
	TypeGauge     = "gauge"
	TypeHistogram = "histogram"
)

// Names of the metrics. They are the names on /metrics and, unchanged, those of
// the OpenTelemetry instruments: a literal name survives every translation
// strategy of the exporter and every format that a scraper may ask for. The one
// exception is the instrument of the gRPC instrumentation, rpcDuration.
const (
	nameConnectionState     = "rds_csi_rds_connection_state"
	nameReconnects          = "rds_csi_rds_reconnect_total"
	nameReconnectDuration   = "rds_csi_rds_reconnect_duration_seconds"
	nameReconnectFailures   = "rds_csi_rds_reconnect_failures_total"
	nameConsecutiveFailures = "rds_csi_rds_reconnect_consecutive_failures"
	nameGivenUp             = "rds_csi_rds_reconnects_given_up_total"
	nameNextAttempt         = "rds_csi_rds_next_attempt_timestamp_seconds"
	nameBanSuspected        = "rds_csi_rds_ban_suspected"
	nameDisconnects         = "rds_csi_rds_disconnects_total"
	nameOutages             = "rds_csi_rds_outages_total"
	nameOutageDuration      = "rds_csi_rds_outage_duration_seconds"
	nameConnectDuration     = "rds_csi_rds_connect_duration_seconds"
	nameEstablished         = "rds_csi_rds_connection_established_timestamp_seconds"
	nameLastDisconnect      = "rds_csi_rds_last_disconnect_timestamp_seconds"
	nameLastReceived        = "rds_csi_rds_last_received_timestamp_seconds"
	nameConnectionInfo      = "rds_csi_rds_connection_info"
	nameCommandDuration     = "rds_csi_rds_command_duration_seconds"
	nameSessionsInUse       = "rds_csi_rds_sessions_in_use"
	nameSessionsLimit       = "rds_csi_rds_sessions_limit"
	nameSessionWait         = "rds_csi_rds_session_wait_duration_seconds"
	nameAbandoned           = "rds_csi_rds_abandoned_operations_total"
	nameCallbackPanics      = "rds_csi_rds_callback_panics_total"
	nameVolumes             = "rds_csi_rds_volumes"
	nameVolumesChanged      = "rds_csi_rds_volumes_changed_total"
	namePoolSize            = "rds_csi_rds_pool_size_bytes"
	namePoolFree            = "rds_csi_rds_pool_free_bytes"
	nameOperations          = "csi_plugin_operations_seconds"
	nameRPCDuration         = "rpc_server_call_duration_seconds"
	nameBuildInfo           = "rds_csi_build_info"
)

// Label is a dimension of a metric.
type Label struct {
	Name string
	// Values is the closed list; the last one also stands for whatever is not in
	// it. Empty: the value comes from the configuration or from the device, and
	// only the newest one is exported.
	Values []string
}

// MetricInfo describes one metric.
type MetricInfo struct {
	Name    string
	Type    string
	Unit    string // of the OpenTelemetry instrument (UCUM)
	Labels  []Label
	Help    string
	Buckets []float64 // upper bounds, of a histogram
}

// Catalog lists every metric of this package. Instruments are made from it, and
// tests compare dashboards, rules and documents with it.
func Catalog() []MetricInfo { return slices.Clone(catalog) }

// The units follow the OpenTelemetry metric conventions: "s" for seconds and
// annotations such as {attempt} for counts. A gauge never has the unit "1": the
// exporter would append "_ratio" to its name.
var catalog = []MetricInfo{
	{Name: nameConnectionState, Type: TypeGauge, Labels: open("address"),
		Help: "RDS SSH connection state (1=connected, 0=disconnected)"},
	{Name: nameReconnects, Type: TypeCounter, Unit: "{attempt}", Labels: closed("status", statusSuccess, statusFailure),
		Help: "Total RDS reconnection attempts by status"},
	{Name: nameReconnectDuration, Type: TypeHistogram, Unit: "s",
		Help:    "Duration of successful RDS reconnections in seconds, from the detection of the loss to connected",
		Buckets: []float64{0.1, 0.5, 1, 2, 5, 10, 30, 60}},
	{Name: nameReconnectFailures, Type: TypeCounter, Unit: "{attempt}", Labels: closed("reason", conn.AttemptKinds()...),
		Help: "Total failed RDS reconnection attempts by reason"},
	{Name: nameConsecutiveFailures, Type: TypeGauge, Unit: "{attempt}",
		Help: "Failed RDS connection attempts since the last successful one"},
	{Name: nameGivenUp, Type: TypeCounter, Unit: "{cycle}",
		Help: "Total reconnection cycles that passed their maximum elapsed time; attempts go on"},
	{Name: nameNextAttempt, Type: TypeGauge, Unit: "s", Labels: open("address"),
		Help: "Unix time of the next connection attempt; absent while none is scheduled"},
	{Name: nameBanSuspected, Type: TypeGauge,
		Help: "Whether the RDS seems to have banned this address (1=suspected): dials time out after it had answered"},
	{Name: nameDisconnects, Type: TypeCounter, Unit: "{disconnect}", Labels: closed("reason", conn.DisconnectReasons()...),
		Help: "Total ends of an established RDS connection by the first reason seen; shutdown is not counted"},
	{Name: nameOutages, Type: TypeCounter, Unit: "{outage}", Labels: closed("cause", conn.Causes()...),
		Help: "Total outages that are over by cause"},
	{Name: nameOutageDuration, Type: TypeHistogram, Unit: "s",
		Help:    "Duration of outages that are over in seconds, from the last byte received to connected",
		Buckets: []float64{1, 5, 15, 60, 300, 900, 3600, 14400, 86400}},
	{Name: nameConnectDuration, Type: TypeHistogram, Unit: "s", Labels: closed("stage", conn.Stages()...),
		Help:    "Duration of the successful stages of connection attempts in seconds",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}},
	{Name: nameEstablished, Type: TypeGauge, Unit: "s", Labels: open("address"),
		Help: "Unix time at which the newest connection was established"},
	{Name: nameLastDisconnect, Type: TypeGauge, Unit: "s", Labels: open("address"),
		Help: "Unix time at which the newest loss of the connection was detected"},
	{Name: nameLastReceived, Type: TypeGauge, Unit: "s", Labels: open("address"),
		Help: "Unix time at which the newest byte arrived on the newest connection"},
	{Name: nameConnectionInfo, Type: TypeGauge, Labels: open("address", "server_version", "host_key_check"),
		Help: "What the newest connection was made to; the value is always 1"},
	{Name: nameCommandDuration, Type: TypeHistogram, Unit: "s",
		Labels:  append(closed("command", commandNames...), closed("status", statusSuccess, statusFailure)...),
		Help:    "Duration of commands on the connection in seconds, waiting for a session included",
		Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}},
	{Name: nameSessionsInUse, Type: TypeGauge, Unit: "{session}",
		Help: "Sessions in use on the connection"},
	{Name: nameSessionsLimit, Type: TypeGauge, Unit: "{session}",
		Help: "Limit of concurrent sessions on the connection"},
	{Name: nameSessionWait, Type: TypeHistogram, Unit: "s",
		Help:    "Time that commands waited for a session in seconds",
		Buckets: []float64{0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}},
	{Name: nameAbandoned, Type: TypeCounter, Unit: "{operation}",
		Help: "Total operations left behind on the connection: past their deadline, or given up by the caller"},
	{Name: nameCallbackPanics, Type: TypeCounter, Unit: "{panic}",
		Help: "Total panics of the reconnect callback"},
	{Name: nameVolumes, Type: TypeGauge, Unit: "{volume}",
		Help: "Volumes on the RDS when they were listed last, after a connection or an RPC"},
	{Name: nameVolumesChanged, Type: TypeCounter, Unit: "{volume}", Labels: closed("change", "vanished", "unexported", "resized"),
		Help: "Total volumes that were not as they had been left when they were listed after a reconnection"},
	{Name: namePoolSize, Type: TypeGauge, Unit: "By", Labels: open("pool"),
		Help: "Size of the pool in bytes when it was asked for last"},
	{Name: namePoolFree, Type: TypeGauge, Unit: "By", Labels: open("pool"),
		Help: "Free bytes of the pool when it was asked for last"},
	{Name: nameOperations, Type: TypeHistogram, Unit: "s", Labels: open("driver_name", "method_name", "grpc_status_code"),
		Help:    "Duration of CSI RPCs in seconds by method and gRPC code",
		Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600}},
	{Name: nameRPCDuration, Type: TypeHistogram, Unit: "s", Labels: open("rpc_system_name", "rpc_method", "rpc_response_status_code"),
		Help:    "Duration of RPCs in seconds under the names of OpenTelemetry",
		Buckets: []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}},
	{Name: nameBuildInfo, Type: TypeGauge, Labels: open("version", "revision", "goversion"),
		Help: "Build of the controller; the value is always 1"},
}

const (
	statusSuccess = "success"
	statusFailure = "failure"
)

// Values of the label command of their own; a classifier gives the others.
const (
	commandVerify = "verify"
	commandProbe  = "probe"
	commandOther  = "other"
)

var commandNames = []string{commandVerify, commandProbe, "disk_add", "disk_set", "disk_remove", "disk_print",
	"file_remove", "file_print", commandOther}

func open(names ...string) []Label {
	labels := make([]Label, len(names))
	for i, name := range names {
		labels[i].Name = name
	}
	return labels
}

func closed[T ~string](name string, values ...T) []Label {
	l := Label{Name: name, Values: make([]string, len(values))}
	for i, v := range values {
		l.Values[i] = string(v)
	}
	return []Label{l}
}
