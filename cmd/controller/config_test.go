package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rds-csi/internal/conn"
)

// read is readConfig with nothing around it.
func read(args, environ []string) (*config, *settings, error) {
	return readConfig(process{args: args, environ: environ, stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}, true)
}

func TestEachBadInputIsOneLineWithFlagFaultAndRemedy(t *testing.T) {
	f := writeFiles(t)
	empty := filepath.Join(f.dir, "empty")
	web := filepath.Join(f.dir, "web.yml")
	for path, text := range map[string]string{empty: "\n", web: "no_such_word: true\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		change              string // "--name" takes it away
		flag, fault, remedy string
	}{
		{"--rds-address", "--rds-address", "is missing", "--embedded-rds"},
		{"--rds-address=10.0.0.5:2222", "--rds-address=10.0.0.5:2222", "contains a port", "--rds-address=10.0.0.5 --rds-port=2222"},
		{"--rds-address=[fd00::5]:22", "--rds-address=[fd00::5]:22", "contains a port", "--rds-address=fd00::5 --rds-port=22"},
		{"--rds-address=admin@rds", "--rds-address", "contains a user name", "--rds-user=admin"},
		{"--rds-address=ssh://rds", "--rds-address", "is a URL", "--rds-address=rds"},
		{"--rds-address=ssh://admin@rds:2222/", "--rds-address", "is a URL", "use --rds-address=rds --rds-port=2222 --rds-user=admin"},
		{"--rds-address=admin@rds:22", "--rds-address", "contains a user name", "use --rds-address=rds --rds-port=22 --rds-user=admin"},
		{"--rds-address=rds:", "--rds-address=rds:", "contains a port", "use --rds-address=rds"},
		{"--rds-address=:22", "--rds-address=:22", "neither an IP address nor a host name", "such as 10.0.0.5"},
		{"--rds-address=10.0.0.256", "--rds-address=10.0.0.256", "neither an IP address nor a host name", "such as 10.0.0.5"},
		{"--rds-address=10.0.5", "--rds-address=10.0.5", "neither an IP address nor a host name", "such as 10.0.0.5"},
		{"--rds-address=rds..example", "--rds-address=rds..example", "neither an IP address nor a host name", "such as 10.0.0.5"},
		{"--rds-address=10.0.0.5 ", `--rds-address="10.0.0.5 "`, "ends with a blank", "remove it"},
		{"--rds-user=csi\n", `--rds-user="csi\n"`, "ends with a blank or a line break", "remove it"},
		{"--rds-key-file=" + f.key + "\n", "--rds-key-file=", "ends with a blank or a line break", "remove it"},
		{"--rds-address=rds one", "--rds-address", "neither an IP address nor a host name", "such as 10.0.0.5"},
		{"--rds-port=0", "--rds-port=0", "out of range", "from 1 to 65535"},
		{"--rds-port=70000", "--rds-port=70000", "out of range", "from 1 to 65535"},
		{"--rds-port=ssh", "--rds-port=ssh", "is not a number", "from 1 to 65535"},
		{"--rds-user=", "--rds-user=", "is not a user name", "give the name"},
		{"--rds-key-file=/no/such/key", "--rds-key-file=/no/such/key", "does not exist", "is mounted"},
		{"--rds-key-file=" + empty, "--rds-key-file", "is empty", "ssh-keygen"},
		{"--rds-key-file=" + encryptedKey(t), "--rds-key-file", "encrypted with a passphrase", "ssh-keygen"},
		{"--rds-key-file=" + f.public, "--rds-key-file", "not a private key", "ssh-keygen"},
		{"--rds-key-file=" + f.dir, "--rds-key-file", "not a regular file", "ssh-keygen"},
		{"--rds-key-file=", "--rds-key-file", "is missing", "private key"},
		{"--rds-host-key", "--rds-host-key", "is missing", "ssh-keyscan -p 22 192.0.2.1"},
		{"--rds-host-key=/no/such/key", "--rds-host-key", "does not exist", "is mounted"},
		{"--rds-host-key=" + f.public, "--rds-host-key", "neither a public key nor in known_hosts format", "ssh-keyscan"},
		{"--rds-host-key=" + f.otherHost, "--rds-host-key", "no key for 192.0.2.1", "for this very address"},
		{"--rds-insecure-skip-verify=true", "--rds-insecure-skip-verify", "contradicts --rds-host-key", "remove it"},
		{"--rds-insecure-skip-verify=perhaps", "--rds-insecure-skip-verify", "neither true nor false", "write true or false"},
		{"--rds-connect-timeout=10", "--rds-connect-timeout=10", "not a duration", "10s"},
		{"--rds-command-timeout=0s", "--rds-command-timeout=0s", "too short", "at least 100ms"},
		{"--rds-backoff-initial=soon", "--rds-backoff-initial", "not a duration", "500ms"},
		{"--rds-backoff-initial=0s", "--rds-backoff-initial", "too short", "at least 1ms"},
		{"--rds-backoff-max=500ms", "--rds-backoff-max", "shorter than --rds-backoff-initial (1s)", "raise it"},
		{"--rds-backoff-multiplier=0.5", "--rds-backoff-multiplier", "out of range", "at least 1"},
		{"--rds-backoff-multiplier=NaN", "--rds-backoff-multiplier", "out of range", "at least 1"},
		{"--rds-backoff-jitter=1.5", "--rds-backoff-jitter", "out of range", "between 0 and 1"},
		{"--rds-backoff-jitter=-0.1", "--rds-backoff-jitter", "out of range", "between 0 and 1"},
		{"--rds-backoff-max-elapsed=-1s", "--rds-backoff-max-elapsed", "too short", "at least 0s"},
		{"--rds-dial-budget=3", "--rds-dial-budget", "not a dial budget", "3/61s"},
		{"--rds-dial-budget=0/61s", "--rds-dial-budget", "not a dial budget", "3/61s"},
		{"--rds-dial-budget=3/61", "--rds-dial-budget", "not a dial budget", "3/61s"},
		{"--rds-session-limit=0", "--rds-session-limit", "out of range", "from 1"},
		{"--rds-volume-base-path=/", "--rds-volume-base-path", "is the root", "such as /storage-pool/csi"},
		{"--rds-volume-base-path=/a,,/b", "--rds-volume-base-path", "nothing before or after a comma", "remove the comma"},
		{"--rds-volume-base-path=/a b", "--rds-volume-base-path", "cannot be such a directory", "of letters"},
		{"--rds-volume-base-path=/a/../b", "--rds-volume-base-path", "contains ..", "such as /storage-pool/csi"},
		{"--endpoint=/csi/csi.sock", "--endpoint=/csi/csi.sock", "no scheme", "unix:///path"},
		{"--endpoint=http://localhost:1", "--endpoint", "no scheme", "tcp://host:port"},
		{"--endpoint=unix://", "--endpoint", "has no path", "unix:///path"},
		{"--endpoint=unix:///" + strings.Repeat("x", 120), "--endpoint", "path of 121 bytes", "at most 107 bytes"},
		{"--endpoint=unix:///no/such/folder/csi.sock", "--endpoint", "needs the directory /no/such/folder", "create or mount it"},
		{"--endpoint=tcp://localhost", "--endpoint", "not an address to listen on", "host:port"},
		{"--driver-name=-rds-", "--driver-name", "not a CSI driver name", "at most 63"},
		{"--metrics-address=9809", "--metrics-address=9809", "has no colon", "write :9809"},
		{"--metrics-address=localhost", "--metrics-address", "not an address to listen on", "write host:port"},
		{"--metrics-address=:99999", "--metrics-address", "no valid port", "write host:port"},
		{"--health-address=:9809", "--health-address", "same as --metrics-address", "another port"},
		{"--web.config.file=" + web, "--web.config.file", "not usable: yaml:", "exporter-toolkit"},
		{"--web.config.file=/no/such/file", "--web.config.file", "not usable", "is mounted"},
		{"--log-format=xml", "--log-format=xml", "is unknown", "auto, tint, json"},
		{"--log-level=loud", "--log-level=loud", "is unknown", "debug, info, warn, error"},
		{"--probe-ignores-connection=maybe", "--probe-ignores-connection", "neither true nor false", "write true or false"},
		{"--embedded-rds=true", "--rds-address=192.0.2.1", "excludes --embedded-rds", "one of the two"},
		{"--embedded-rds-outages=every=30s,down=5s", "--embedded-rds-outages", "there is none", "add --embedded-rds"},
		{"--embedded-rds-outages=hourly", "--embedded-rds-outages", "unknown word", "every=30s,down=5s"},
	}
	for _, test := range tests {
		t.Run(test.change, func(t *testing.T) {
			_, _, err := read(f.with(test.change), nil)
			var found faults
			if !errors.As(err, &found) {
				t.Fatalf("got %v, want faults", err)
			}
			if len(found) != 1 {
				t.Fatalf("got %d faults, want one:\n%v", len(found), err)
			}
			line := found[0].String()
			if !strings.HasPrefix(line, test.flag) || !strings.Contains(line, test.fault) ||
				!strings.Contains(line, test.remedy) || strings.Contains(line, "\n") {
				t.Errorf("got  %s\nwant one line: %s ... %s ... %s", line, test.flag, test.fault, test.remedy)
			}
		})
	}
}

func TestAllFaultsAreNamedAtOnceInTheOrderOfTheFlags(t *testing.T) {
	_, _, err := read([]string{"--rds-port=0", "--rds-key-file=/no/such/key", "--log-level=loud", "--endpoint="}, nil)
	var found faults
	if !errors.As(err, &found) {
		t.Fatalf("got %v, want faults", err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.name)
	}
	// The host key cannot be looked up without a port, so it is not complained about.
	if want := []string{"rds-port", "log-level", "rds-address", "rds-key-file"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if !strings.Contains(err.Error(), "4 faults in the configuration, nothing was started:") {
		t.Errorf("got %q", err)
	}
}

func TestAnUnknownFlagAndAnUnexpectedArgumentEndItAtOnce(t *testing.T) {
	for _, args := range [][]string{
		{"--no-such-flag", "--rds-port=0"},
		{"--rds-insecure-skip-verify", "false"},
		{"--log-level=info", "check"},
	} {
		if _, _, err := read(args, nil); !errors.Is(err, errUsage) {
			t.Errorf("%q: got %v, want a usage error", args, err)
		}
	}
}

func TestSettingsAreUnderstood(t *testing.T) {
	f := writeFiles(t)
	got := func(changes ...string) *config {
		t.Helper()
		cfg, _, err := read(f.with(changes...), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if host := got("--rds-address=[fd00::5]").rds.host; host != "fd00::5" {
		t.Errorf("bracketed IPv6 address became %q", host)
	}
	if budget := got("--rds-dial-budget=3/61s").rds.dialBudget; budget != (conn.DialBudget{Burst: 3, Gap: 61 * time.Second}) {
		t.Errorf("dial budget is %+v", budget)
	}
	if e := got("--endpoint=").endpoint; e != (endpoint{}) {
		t.Errorf("an empty endpoint became %v", e)
	}
	if e := got("--endpoint=tcp://127.0.0.1:10000").endpoint; e != (endpoint{"tcp", "127.0.0.1:10000"}) {
		t.Errorf("endpoint is %v", e)
	}
	if paths := got("--rds-volume-base-path=/pool/a, fast/b").rds.volumeBasePaths; !slices.Equal(paths, []string{"/pool/a", "fast/b"}) {
		t.Errorf("base paths are %q", paths)
	}
	cfg, _, err := read([]string{"-embedded-rds", "-embedded-rds-outages", "every=30s,down=5s"}, nil)
	if err != nil || !cfg.embedded || cfg.outages.Down != 5*time.Second {
		t.Errorf("embedded RDS: %+v, %v", cfg, err)
	}
}

func TestDefaultsAreThoseOfTheConnection(t *testing.T) {
	f := writeFiles(t)
	cfg, _, err := read(f.with(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := rdsConfig{
		host: "192.0.2.1", port: 22, user: "admin", keyFile: f.key, hostKeyFile: f.hostKey, volumeBasePaths: []string{"/pool/volumes"},
		connectTimeout: conn.DefaultConnectTimeout, commandTimeout: conn.DefaultCommandTimeout, sessionLimit: conn.DefaultSessionLimit,
		backoffInitial: conn.DefaultInitialInterval, backoffMax: conn.DefaultMaxInterval,
		backoffMultiplier: conn.DefaultMultiplier, backoffJitter: conn.DefaultRandomizationFactor,
	}
	if !reflect.DeepEqual(cfg.rds, want) {
		t.Errorf("got  %+v\nwant %+v", cfg.rds, want)
	}
	if len(cfg.notes) != 0 {
		t.Errorf("warnings: %q", cfg.notes)
	}
}

func TestAFlagWinsOverItsVariableAndAnEmptyVariableIsNone(t *testing.T) {
	f := writeFiles(t)
	environ := []string{"RDS_CSI_RDS_ADDRESS=192.0.2.9", "RDS_CSI_RDS_PORT=2022", "RDS_CSI_RDS_USER=",
		"RDS_CSI_METRICS_ADDRESS=127.0.0.1:1", "RDS_CSI_WEB_CONFIG_FILE=", "RDS_CSI_RDS_BACKOFF_MAX=20s"}
	cfg, _, err := read(f.with(), environ)
	if err != nil {
		t.Fatal(err)
	}
	if r := cfg.rds; r.host != "192.0.2.1" || r.port != 2022 || r.user != "admin" || r.backoffMax != 20*time.Second {
		t.Errorf("got %+v", r)
	}
	if cfg.metricsAddress != "127.0.0.1:1" {
		t.Errorf("got %q", cfg.metricsAddress)
	}
}

func TestAFaultOfAVariableNamesTheVariable(t *testing.T) {
	f := writeFiles(t)
	_, _, err := read(f.with(), []string{"RDS_CSI_RDS_PORT=tcp://10.0.0.1:22"})
	var found faults
	if !errors.As(err, &found) || len(found) != 1 {
		t.Fatalf("got %v, want one fault", err)
	}
	line := found[0].String()
	if !strings.HasPrefix(line, "RDS_CSI_RDS_PORT=tcp://10.0.0.1:22 (--rds-port): is not a number") ||
		!strings.Contains(line, "enableServiceLinks") {
		t.Errorf("got %s", line)
	}
}

func TestWarnings(t *testing.T) {
	f := writeFiles(t)
	open := filepath.Join(f.dir, "open")
	key, err := os.ReadFile(f.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil { // the umask may forbid it at creation
		t.Fatal(err)
	}
	unprotected := filepath.Join(f.dir, "web.yml")
	if err := os.WriteFile(unprotected, []byte("# basic_auth_users:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		changes []string
		environ string
		want    string
	}{
		{changes: []string{"--web.config.file=" + unprotected}, want: "asks for neither TLS nor a password"},
		{changes: []string{"--rds-key-file=" + open}, want: "open to every user of this machine (mode 0644)"},
		{changes: []string{"--rds-key-file=" + f.ecdsaKey}, want: "of type ecdsa-sha2-nistp256, which RouterOS does not accept"},
		{changes: []string{"--rds-host-key", "--rds-insecure-skip-verify=true"}, want: "SECURITY: --rds-insecure-skip-verify accepts ANY host key"},
		{changes: []string{"--endpoint=tcp://0.0.0.0:10000"}, want: "without authentication"},
		{changes: []string{"--rds-volume-base-path"}, want: "Identity alone is served"},
		{changes: []string{"-controller=true"}, want: "--controller has no effect here: this program is the controller"},
		{changes: []string{"-node-id=worker-1"}, want: "--node-id has no effect here"},
		{changes: []string{"-v=5"}, want: "--v has no effect here: use --log-level"},
		{environ: "RDS_CSI_RDS_ADRESS=x", want: "the variable RDS_CSI_RDS_ADRESS is not known"},
	}
	for _, test := range tests {
		cfg, _, err := read(f.with(test.changes...), []string{test.environ})
		if err != nil {
			t.Errorf("%q: %v", test.changes, err)
			continue
		}
		if len(cfg.notes) != 1 || !strings.Contains(cfg.notes[0], test.want) {
			t.Errorf("%q: got %q, want %q", test.changes, cfg.notes, test.want)
		}
	}
}

func TestAFlagThatIsGivenTwiceIsTold(t *testing.T) {
	f := writeFiles(t)
	cfg, _, err := read(append(f.with(), "--rds-port=22", "--rds-port=2022", "--rds-user=csi", "--rds-user=csi"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"--rds-port is given more than once; the last one holds: 2022"}; !slices.Equal(cfg.notes, want) || cfg.rds.port != 2022 {
		t.Errorf("port %d, warnings %q, want %q", cfg.rds.port, cfg.notes, want)
	}
}

func TestTheFlagsOfTheExistingDriverAreAccepted(t *testing.T) {
	f := writeFiles(t)
	args := append(f.with(), "-controller", "-enable-orphan-reconciler=true", "-orphan-check-interval=1h", "-orphan-grace-period", "5m",
		"-orphan-dry-run=false", "-attachment-grace-period=30s", "-attachment-reconcile-interval=5m",
		"-enable-vmi-serialization", "-vmi-cache-ttl=60s", "-kubeconfig=", "-v=5", "-logtostderr")
	cfg, _, err := read(args, []string{"RDS_CSI_SERVICE_HOST=10.0.0.1", "RDS_CSI_PORT_9809_TCP=tcp://10.0.0.1:9809"})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.notes) != 12 {
		t.Errorf("got %d warnings, want 12: %q", len(cfg.notes), cfg.notes)
	}
}

func TestHelpNamesEveryFlagAndVariableWithItsDefault(t *testing.T) {
	var out bytes.Buffer
	_, _, err := readConfig(process{args: []string{"--help"}, stdout: &out}, true)
	if !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("got %v, want help", err)
	}
	for _, s := range declare(new(config)).list {
		if s.legacy == "" && (!strings.Contains(out.String(), "--"+s.name+"\n") || !strings.Contains(out.String(), s.variable()+"\n")) {
			t.Errorf("help does not name --%s and %s", s.name, s.variable())
		}
	}
	for _, want := range []string{"RDS_CSI_WEB_CONFIG_FILE", "(default 16s)", "controller healthcheck"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q", want)
		}
	}
}

func TestAKeyThatThisProcessMayNotReadIsToldWithTheUser(t *testing.T) {
	if os.Getuid() == 0 {
		// Root reads every file, so the remedy is looked at alone.
		if remedy := fileRemedy(os.ErrPermission, ""); !strings.Contains(remedy, "uid 0") {
			t.Errorf("got %q", remedy)
		}
		return
	}
	f := writeFiles(t)
	if err := os.Chmod(f.key, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(f.with(), nil); err == nil || !strings.Contains(err.Error(), "readable for uid") {
		t.Errorf("got %v", err)
	}
}
