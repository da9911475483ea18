# syntax=docker/dockerfile:1
# check=skip=JSONArgsRecommended

ARG GO_VERSION=1.26
ARG BASE
ARG REGISTRY=registry.example:5000/

FROM --platform=$BUILDPLATFORM ${REGISTRY}golang:${GO_VERSION}-alpine@sha256:0123 AS build
ARG TARGETOS TARGETARCH=amd64
ARG GO_VERSION
WORKDIR /src
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=token,dst=/run/token,ro \
    GOOS=$TARGETOS go build -ldflags "-X main.v=$GO_VERSION" -o /out/app ./cmd/app

FROM build AS test
RUN go test ./...

FROM $BASE as base
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build --chown=65532:65532 /out/app /app
COPY --from=1 /x /y
COPY --from=busybox:1.37 /bin/busybox /bin/
USER nonroot:nonroot
ENTRYPOINT ["/app"]
