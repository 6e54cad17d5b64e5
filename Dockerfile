# The controller as an image, and beside it what the compose stack needs to try
# it: `docker build .` makes the first, `--target stack` the second.
#
# The tag of the base image is pinned. Its digest is not: it was not known where
# this was written.
FROM golang:1.26.8-alpine AS build
WORKDIR /src
ENV GOCACHE=/go/build
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
COPY internal internal
# The history is not part of the context, so somebody has to say what this is.
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./cmd/...
# A named volume takes the owner of the directory that it covers first.
RUN mkdir -p /rootfs/csi /rootfs/keys /rootfs/state && mkdir -m 1777 /rootfs/tmp

# No shell and no library: a certificate bundle for https collectors, and the
# programs.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /rootfs/ /
USER 65532:65532

# The emulated RDS and the program that prepares a device, for the compose stack
# alone.
FROM base AS stack
COPY --from=build /out/ /usr/local/bin/

# rose-storage for a RouterOS in QEMU. It is MikroTik's: keep this image off
# public registries, too.
FROM debian:13.1-slim AS packages
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl unzip \
    && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 deploy/chr/fetch /usr/local/bin/
ARG CHR_VERSION
ARG CHR_PACKAGES_SHA256
RUN CHR_SHA256="$CHR_PACKAGES_SHA256" fetch --packages "$CHR_VERSION" /packages

FROM stack AS routeros-setup
COPY --from=packages /packages/ /packages/

FROM base AS controller
COPY --from=build /out/controller /usr/local/bin/
EXPOSE 9809
ENTRYPOINT ["/usr/local/bin/controller"]
# It asks for /livez: a lost RDS is no reason to restart a controller.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/controller", "healthcheck"]
