# A static binary on an empty image.
#
#   docker build --tag wirebench .
#   docker run --rm --publish 8080:8080 wirebench
#
# The container is healthy while the server answers over plain HTTP on port 8080. With another port
# or with `--tls`, pass a health check of your own.

FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev gcc git make
WORKDIR /source
COPY . .
RUN cargo build --locked --profile dist --package wirebench --features sqlite,postgres,mysql,nats \
    && cp target/dist/wirebench /wirebench

FROM scratch
COPY --from=build /wirebench /wirebench
# Any user but root. The server writes no files.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=2s CMD ["/wirebench", "health"]
ENTRYPOINT ["/wirebench"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
