#!/bin/sh
# Starts the compose stack: says first what is missing, all of it at once, and
# at the end where everything is. Exit status 1: something is missing, or a
# service did not become healthy.
set -eu
cd "$(dirname "$0")/.."

# As compose reads them: the environment wins over .env, empty ones included.
setting() {
	printenv "$1" || { [ $? -eq 1 ] && sed -n "s/^$1=//p" .env; }
}
profiles=$(setting COMPOSE_PROFILES)
chosen() {
	case ",$profiles," in *",$1,"*) true ;; *) false ;; esac
}

faults=0
missing() {
	faults=$((faults + 1))
	printf 'make up: %s\n' "$@" >&2
}

# older VERSION MAJOR MINOR: whether the version is before that one.
older() {
	major=${1%%.*}
	minor=${1#*.}
	minor=${minor%%.*}
	case "$major$minor" in *[!0-9]* | '') return 1 ;; esac
	[ "$major" -lt "$2" ] || { [ "$major" -eq "$2" ] && [ "$minor" -lt "$3" ]; }
}

check_docker() {
	if ! command -v docker >/dev/null 2>&1; then
		missing 'docker is missing: install Docker Engine with the compose plugin.'
		return
	fi
	if ! compose=$(docker compose version --short 2>/dev/null); then
		missing 'docker has no compose plugin: install docker-compose-plugin (or docker-compose-v2).'
	elif older "${compose#v}" 2 24; then
		missing "docker compose $compose is too old: 2.24 or later is needed."
	fi
	if ! engine=$(docker version --format '{{.Server.Version}}' 2>/dev/null) || [ -z "$engine" ]; then
		missing "the docker engine cannot be reached: is it running, and may $(id -un) use it? (docker info says more.)"
	elif older "$engine" 25 0; then
		missing "docker engine $engine is too old: 25 or later is needed (start_interval of healthchecks)."
	fi
}

check_profiles() {
	for profile in $(printf '%s' "$profiles" | tr ',' ' '); do
		case $profile in
		emulator | chr) ;;
		*) missing "there is no profile $profile: COMPOSE_PROFILES is emulator, chr or empty." ;;
		esac
	done
	if chosen emulator && chosen chr; then
		missing 'emulator and chr are the same RDS to the controller: choose one in COMPOSE_PROFILES.'
	fi
}

is_sha256() {
	case $1 in
	*[!0-9a-fA-F]*) return 1 ;;
	esac
	[ ${#1} -eq 64 ]
}

check_chr() {
	chosen chr || return 0
	version=$(setting CHR_VERSION)
	if ! is_sha256 "$(setting CHR_SHA256)" || ! is_sha256 "$(setting CHR_PACKAGES_SHA256)"; then
		missing "CHR_SHA256 and CHR_PACKAGES_SHA256 have to be the SHA-256 of two files of RouterOS $version." \
			'  They are downloaded from MikroTik, who publishes no checksum that could be kept here. Download them' \
			'  yourself on a network that you trust, and say what you got:' \
			"    curl -LO https://download.mikrotik.com/routeros/$version/chr-$version.img.zip" \
			"    curl -LO https://download.mikrotik.com/routeros/$version/all_packages-x86-$version.zip" \
			"    export CHR_SHA256=\$(sha256sum chr-$version.img.zip | cut -d' ' -f1)" \
			"    export CHR_PACKAGES_SHA256=\$(sha256sum all_packages-x86-$version.zip | cut -d' ' -f1)" \
			'    COMPOSE_PROFILES=chr make up' \
			'  By that you accept the terms of MikroTik: https://mikrotik.com/downloadterms.html'
	fi
	# The engine opens the device for the container; its group may use it there.
	if [ -c "${RDS_KVM_DEVICE:-/dev/kvm}" ]; then
		RDS_KVM_DEVICE=${RDS_KVM_DEVICE:-/dev/kvm}
		RDS_KVM_GID=${RDS_KVM_GID:-$(stat -c %g "$RDS_KVM_DEVICE")}
		export RDS_KVM_DEVICE RDS_KVM_GID
	else
		unset RDS_KVM_DEVICE
		echo 'make up: this machine has no /dev/kvm: RouterOS is emulated (TCG), which is slow. A boot takes minutes.' >&2
	fi
}

check_docker
check_profiles
check_chr
if [ "$faults" -gt 0 ]; then
	echo 'make up: nothing was started. Without docker, this shows the controller with an emulated RDS:' >&2
	echo '  go run ./cmd/controller --embedded-rds' >&2
	exit 1
fi

if [ -z "${RDS_CSI_VERSION:-}" ]; then
	RDS_CSI_VERSION=$(git describe --always --dirty 2>/dev/null || echo unknown)
fi
export RDS_CSI_VERSION COMPOSE_PROFILES="$profiles"

# A RouterOS that is emulated boots for minutes, twice when it is new.
patience=300
if chosen chr; then
	patience=1800
fi
if ! docker compose up --detach --build --wait --wait-timeout "$patience"; then
	echo 'make up: not every service is healthy. docker compose logs SERVICE tells why:' >&2
	docker compose ps --all >&2 || true
	exit 1
fi

# where SERVICE PORT: its address on this machine.
where() { docker compose port "$1" "$2" 2>/dev/null || echo "127.0.0.1:$2"; }

controller=$(where controller 9809)
cat <<EOF

The stack is up.

  controller    http://$controller/          state, history, what to do
                http://$controller/metrics   and /status.json, /readyz
  Grafana       http://$(where grafana 3000)/          dashboards; "Duration of reconnections" leads to traces
  Prometheus    http://$(where prometheus 9090)/alerts
  Alertmanager  http://$(where alertmanager 9093)/

EOF
if chosen emulator; then
	control=$(where emulator 2280)
	cat <<EOF
The RDS is an emulator, user admin without a password on $(where emulator 2222). Let it fail and look:

  curl -X POST 'http://$control/reboot?down=30s'    a reboot
  curl -X POST 'http://$control/drop'               the connection is cut
  docker compose pause emulator                          silence; unpause ends it
  docker compose stop emulator                           gone; start brings it back. Alerts come after minutes
EOF
elif chosen chr; then
	cat <<EOF
The RDS is RouterOS $(setting CHR_VERSION) on $(where routeros 2222), with the free licence. Let it fail and look:

  docker compose restart routeros      a reboot
  docker compose pause routeros        silence; unpause ends it
  make e2e-chr                         the checks of a device; they reboot it
EOF
else
	cat <<EOF
There is no RDS (COMPOSE_PROFILES is empty): the controller says not ready and goes on trying, alerts come after
minutes. COMPOSE_PROFILES=emulator make up brings one.
EOF
fi
cat <<EOF

  export COMPOSE_PROFILES=$profiles   for docker compose in this shell
  docker compose logs -f controller   every attempt is a line
  make down                           stops it; data stays

EOF
