#!/bin/sh
# Runs the checks of a device against the RouterOS of the compose stack. They
# reboot it, make and delete volumes on it, and let it fall silent. That takes
# more rights than the controller has, so a user e2e with full rights is made.
set -eu
cd "$(dirname "$0")/.."

fail() {
	printf 'make e2e-chr: %s\n' "$@" >&2
	exit 1
}

export COMPOSE_PROFILES=chr
command -v docker >/dev/null 2>&1 || fail 'docker is missing: it runs the RouterOS to check.'
docker compose ps --services --status running 2>/dev/null | grep -qx routeros ||
	fail 'there is no RouterOS to check; COMPOSE_PROFILES=chr make up starts one.'
address=$(docker compose port routeros 2222)
host=${address%:*}
port=${address##*:}

# The key is in a volume that the controller has.
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
trap 'exit 1' INT TERM
docker compose cp controller:/keys/. "$keys" >/dev/null
chmod 600 "$keys/id_ed25519"
sed "s/^/[$host]:$port /" "$keys/known_hosts" >"$keys/ssh_hosts" # it is a list of public keys

# A terminal is never asked: the password of admin is blank.
remote() {
	program=$1
	shift
	SSH_ASKPASS=$(command -v true) SSH_ASKPASS_REQUIRE=force "$program" -F none -o UserKnownHostsFile="$keys/ssh_hosts" \
		-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o IdentityAgent=none -o ConnectTimeout=20 \
		-o NumberOfPasswordPrompts=1 -o LogLevel=ERROR "$@"
}
as_admin() { remote ssh -o PubkeyAuthentication=no -p "$port" "admin@$host" "$@"; }
e2e_can_log_in() {
	remote ssh -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no -o IdentitiesOnly=yes -i "$keys/id_ed25519" \
		-p "$port" "e2e@$host" ':put ready' 2>/dev/null | grep -q ready
}

if ! e2e_can_log_in; then
	password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	as_admin "/user/add name=e2e group=full password=$password" || fail 'admin cannot log in with a blank password.'
	# Not every device says how a copy ended. Whether it did is seen by the login.
	remote scp -q -o PubkeyAuthentication=no -P "$port" "$keys/id_ed25519.pub" "admin@$host:rds-csi-e2e.pub" || :
	as_admin '/user/ssh-keys/import public-key-file=rds-csi-e2e.pub user=e2e'
	e2e_can_log_in || fail 'the user e2e cannot log in with its key.'
fi

RDS_E2E_ADDRESS=$host RDS_E2E_PORT=$port RDS_E2E_USER=e2e RDS_E2E_KEY_FILE=$keys/id_ed25519 \
	RDS_E2E_HOST_KEY=$keys/known_hosts RDS_E2E_BASE_PATH=/pool/csi \
	RDS_E2E_PAUSE='docker compose pause routeros' RDS_E2E_RESUME='docker compose unpause routeros' \
	"${GO:-go}" test ./e2e -run RouterOS -count=1 -v -timeout 60m
