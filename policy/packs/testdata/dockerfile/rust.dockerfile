FROM rust:1.90-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update && apt-get install -y --no-install-recommends pkg-config libssl-dev curl ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ARG PROTOC_VERSION=32.0 PROTOC_SHA256=24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d
RUN curl -fsSLo /tmp/protoc.zip "https://github.com/protocolbuffers/protobuf/releases/download/v${PROTOC_VERSION}/protoc-${PROTOC_VERSION}-linux-x86_64.zip" \
 && echo "${PROTOC_SHA256}  /tmp/protoc.zip" | sha256sum -c - \
 && unzip /tmp/protoc.zip -d /usr/local && rm /tmp/protoc.zip
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=ssh \
    cargo build --release --locked && cp target/release/app /app

FROM debian:trixie-slim
COPY --from=build /app /usr/local/bin/app
RUN install -d -o 1000 -g 1000 -m 0750 /var/lib/app
VOLUME /var/lib/app
USER 1000:1000
ENTRYPOINT ["app"]
