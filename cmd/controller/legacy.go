package main

import "strings"

// legacyFlags are flags of 3whiskeywhiskey/rds-csi, its logger's included,
// that mean nothing here, and what to know instead. They are accepted, so that
// its manifests can be used as they are.
var legacyFlags = []struct{ switches, withValue, instead string }{
	{"controller", "", "this program is the controller, and nothing else"},
	{"node", "node-id", "this program serves no Node service; nodes keep the driver that they have"},
	{"enable-orphan-reconciler orphan-dry-run", "orphan-check-interval orphan-grace-period", "orphaned volumes are not looked for"},
	{"", "attachment-grace-period attachment-reconcile-interval", "attachments are not tracked"},
	{"enable-vmi-serialization", "vmi-cache-ttl", "operations are not serialised by virtual machine"},
	{"", "kubeconfig", "this program does not talk to Kubernetes"},
	{"logtostderr alsologtostderr legacy_stderr_threshold_behavior add_dir_header skip_headers skip_log_headers one_output",
		"v vmodule stderrthreshold log_dir log_file log_file_max_size log_backtrace_at",
		"use --log-level and --log-format"},
}

func legacySettings() []*setting {
	var list []*setting
	for _, group := range legacyFlags {
		for _, name := range strings.Fields(group.switches) {
			list = append(list, &setting{name: name, legacy: group.instead, isSwitch: true})
		}
		for _, name := range strings.Fields(group.withValue) {
			list = append(list, &setting{name: name, legacy: group.instead})
		}
	}
	return list
}
