# The compose stack. The checks and the words are in the scripts.
.PHONY: up down e2e-chr

# COMPOSE_PROFILES=emulator (the default), chr, or empty for no RDS at all.
up:
	@sh deploy/up.sh

# Data stays, in volumes.
down:
	docker compose --profile '*' down

# The checks of a device against the RouterOS of the stack, which they reboot.
e2e-chr:
	@GO='$(GO)' sh deploy/e2e-chr.sh
