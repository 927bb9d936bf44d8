# Each recipe is one or two plain commands, which also run without `just`.

# List the recipes
default:
    @just --list

# Formatting, lints, docs, and every scenario
check:
    cargo fmt --all --check && cargo clippy --workspace --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps && cargo run -- check scenarios/*.toml

# Scripts and styles of the pages and of the report; needs npm
lint-web:
    .ci/lint-web

# All tests
test:
    cargo test --workspace

# Run a scenario
run scenario="scenarios/first-look.toml":
    cargo run --release -- run {{scenario}}

# Run a scenario with the profile that published figures are measured with. It takes longer to build
measure scenario="scenarios/first-look.toml":
    cargo run --profile dist -- run {{scenario}}

# Serve the feed and the pages for teaching on port 8080
serve:
    cargo run --release -- serve

# Serve the pages for teaching. A debug build reads them from the disk at each request
demo:
    cargo run -- serve

# Run the microbenchmarks
bench:
    cargo bench --workspace

# Accept the snapshots as they are now. Read them first
bless:
    INSTA_UPDATE=always cargo test --workspace

# Compare what the server costs with other servers and with a bare write (docs/performance.md)
versus rounds="4":
    cargo build --profile dist -p wirebench
    cargo run --release -p wirebench-versus -- --wirebench wirebench=target/dist/wirebench --rounds {{rounds}}

# Compare the servers that people run (docs/servers.md). Needs Nchan, Pushpin, Node with `npm ci` in
# targets/servers, and `nats-server` in the path
servers repeat="5":
    cargo build --profile dist -p wirebench
    PATH="$PWD/target/dist:$PATH" wirebench run scenarios/servers.toml --repeat {{repeat}} \
        --target targets/nats.toml --target targets/nchan.toml --target targets/node-sse.toml \
        --target targets/node-ws.toml --target targets/pushpin.toml --target targets/socket.io.toml \
        --target targets/socket.io-recovery.toml --target targets/wirebench.toml

# Check licences, advisories, bans and sources of all dependencies. Needs cargo-deny, and the
# network for advisories
deny:
    cargo deny check

# Fuzz one target for some minutes (fuzz/README.md). Needs cargo-fuzz
fuzz target seconds="180":
    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none {{target}} -- -max_total_time={{seconds}} -rss_limit_mb=512 -timeout=10

# Run everything that CI runs
ci:
    .ci/run
