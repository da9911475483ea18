FROM a:1 AS Build
MAINTAINER Somebody <x@example.com>
VOLUME /data /logs
VOLUME ["/a b", "/c"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --retries=3 CMD curl -f http://localhost/ || exit 1
HEALTHCHECK NONE
ONBUILD RUN apt-get install x
ONBUILD USER root
ADD --checksum=sha256:24454f83 --chmod=0644 https://example.com/x.tar.gz /x/
ADD ["a b.txt", "/c d/"]
WORKDIR /srv
WORKDIR app
USER app
CMD serve --port 80
EXPOSE 22
FROM build
WORKDIR relative
FROM a
COPY --from=build /x /x
COPY --from=0 /x /x
RUN --mount=from=build,target=/b --network=none --security=insecure ls
