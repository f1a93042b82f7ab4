# Dependencies are built in a separate layer, which is reused until Cargo.lock changes.
FROM rust:1.95.0-slim-bookworm AS chef
RUN cargo install cargo-chef --locked --version 0.1.78
WORKDIR /build

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS build
COPY --from=plan /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --package noticebot --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --package noticebot --bin noticebot
# The volumes get the owner of these directories.
RUN mkdir /data /config

# No shell and no package manager; contains root certificates and time zones.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/noticebot /usr/local/bin/noticebot
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build --chown=65532:65532 /config /config
ENV NOTICEBOT_DATABASE_URL=sqlite:///data/noticebot.db
# Written by `noticebot setup`, and read if it exists.
ENV NOTICEBOT_ENV_FILE=/config/.env
VOLUME /data
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/noticebot", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/noticebot"]
CMD ["serve"]
