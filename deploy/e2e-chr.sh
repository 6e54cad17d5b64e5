#!/bin/sh
# Runs the checks of a device against the RouterOS of the compose stack. They
# reboot it, make and delete volumes on it, and let it fall silent.
set -eu
cd "$(dirname "$0")/.."

export COMPOSE_PROFILES=chr
if ! docker compose ps --services --status running 2>/dev/null | grep -qx routeros; then
	echo 'make e2e-chr: there is no RouterOS to check; COMPOSE_PROFILES=chr make up starts one.' >&2
	exit 1
fi
address=$(docker compose port routeros 2222)

# The key is in a volume that the controller has.
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
trap 'exit 1' INT TERM
docker compose cp controller:/keys/. "$keys" >/dev/null
chmod 600 "$keys"/id_ed25519
# The pin is for the name in the stack; here the device has another one.
sed 's/^[^ #]* \(ssh-\)/\1/' "$keys"/known_hosts >"$keys"/host_key

RDS_E2E_ADDRESS=${address%:*} RDS_E2E_PORT=${address##*:} RDS_E2E_USER=${RDS_E2E_USER:-csi} \
	RDS_E2E_KEY_FILE=$keys/id_ed25519 RDS_E2E_HOST_KEY=$keys/host_key RDS_E2E_BASE_PATH=/pool/csi \
	RDS_E2E_PAUSE='docker compose pause routeros' RDS_E2E_RESUME='docker compose unpause routeros' \
	"${GO:-go}" test ./e2e -run 'CHR|RouterOS' -count=1 -v -timeout 60m
