# Two stages: a static binary, and nothing else. It runs as nobody; Docker lets
# that user bind ports below 1024 inside the container.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /letterlock ./cmd/letterlock \
 && mkdir -p /state /spool && chmod 0700 /state /spool

FROM scratch
COPY --from=build /letterlock /letterlock
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65534:65534 /state /var/lib/letterlock
COPY --from=build --chown=65534:65534 /spool /tmp
USER 65534:65534
EXPOSE 25 110 143 465 587 993 995 4190
VOLUME /var/lib/letterlock
# Configure it by variables such as LETTERLOCK_BACKEND, or by --config and a file.
ENTRYPOINT ["/letterlock"]
CMD ["serve"]
