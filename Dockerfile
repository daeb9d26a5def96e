# Two stages: a static binary, and nothing else. It runs as the user 65534; Docker
# lets that user bind ports below 1024 inside the container. `make image` builds it
# with a list of the modules in the program (SBOM); without make:
#
#	docker build --tag letterlock .
#	docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=true --tag letterlock .
#
# BUILD_IMAGE is any image with Go and a CA bundle, for places without this one.
ARG BUILD_IMAGE=golang:1.26

# buildx sets BUILDPLATFORM and TARGETARCH: the compiler runs on the machine's own
# architecture, and compiles for the image's. "linux" is the machine's own.
FROM --platform=${BUILDPLATFORM:-linux} ${BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETARCH
ARG VERSION=
RUN CGO_ENABLED=0 GOARCH=${TARGETARCH:-$(go env GOARCH)} \
	go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=$VERSION" -o /letterlock ./cmd/letterlock \
 && mkdir -p /state /spool && chmod 0700 /state /spool

FROM scratch
ARG VERSION=
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="Letterlock" \
	org.opencontainers.image.description="A reverse proxy for mail that enforces TLS" \
	org.opencontainers.image.source="https://github.com/letterlock/letterlock" \
	org.opencontainers.image.documentation="https://github.com/letterlock/letterlock/blob/main/docs/guides/containers.md" \
	org.opencontainers.image.licenses="MIT" \
	org.opencontainers.image.version="$VERSION" \
	org.opencontainers.image.revision="$REVISION" \
	org.opencontainers.image.created="$CREATED"
COPY --from=build /letterlock /letterlock
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65534:65534 /state /var/lib/letterlock
COPY --from=build --chown=65534:65534 /spool /tmp
# The pattern makes the SBOM optional.
COPY LICENSE sbom.cdx.jso[n] /usr/share/doc/letterlock/
USER 65534:65534
EXPOSE 25 110 143 465 587 993 995 4190
VOLUME /var/lib/letterlock
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/letterlock", "health"]
# Configure it by variables such as LETTERLOCK_BACKEND, or by LETTERLOCK_CONFIG and
# a file.
ENTRYPOINT ["/letterlock"]
CMD ["serve"]
