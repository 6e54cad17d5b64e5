package main

const subcommandNames = "check, healthcheck, version"

const helpText = `Keeps one SSH connection to a MikroTik ROSE Data Server (RDS) usable and serves CSI.

  controller [flags]               serve until SIGTERM
  controller check [flags]         connect once and tell how far it gets; exit 0, 1 (it failed) or 2 (configuration)
      --config-only                read the configuration and its files alone
  controller healthcheck [flags]   ask the running controller for /livez; exit 0 or 1; for containers without a shell
      --ready                      ask for /readyz: is the RDS connected?
      --url=URL                    ask this URL, not the one that follows from the other flags
  controller version

Try it without an RDS:             controller --embedded-rds --embedded-rds-outages=every=30s,down=5s

Every flag has a variable, given below it. A flag wins over its variable; an empty variable counts as not set.
Traces go out where OTEL_EXPORTER_OTLP_ENDPOINT says; the other OTEL_* variables hold too.

`
