# Every habit in one place; CI calls the same recipes by their commands.

# What a change has to pass.
all: fmt lint test docs purity deny

# Formatting.
fmt:
    cargo fmt --all --check

# Lints, warnings are errors.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# All tests, doctests included.
test:
    cargo test --workspace

# Documentation builds without a warning.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# The core knows no I/O, the client builds without a runtime.
purity:
    scripts/purity

# Programs that link sqlx and diesel beside our crates build and run; the oldest SQLite edits a file.
checks:
    scripts/checks

# The official JavaScript SDK against the simulator; needs node.
js-sdk:
    scripts/js-sdk

# Two Python clients against the simulator; needs Python with venv.
py-clients:
    scripts/py-clients

# The file of the present format, kept for later builds to open; before the format is raised.
fixture:
    cargo test -p notion-sync --test formats -- --ignored make_the_fixture

# Licences, bans, sources.
deny:
    cargo deny check licenses bans sources

# Known weaknesses of dependencies; needs the network.
advisories:
    cargo deny check advisories

# Benchmarks build, run once and keep their budgets.
bench-smoke:
    cargo bench -p notion-sync-sim --bench served -- --test
    cargo bench -p notion-sync --bench first_pull -- --test
    cargo bench -p notion-sync-core --features testkit --bench plan -- --test
    cargo bench -p notion-sync-sqlite --bench replica -- --test

# Planning and first pulls of up to a million records: ratios, exponents, peaks, times (release).
measure-plan:
    cargo bench -p notion-sync-core --features testkit --bench plan

# A SQLite file of up to a million records: ratios to bare inserts, exponents, where time goes (release).
measure-replica:
    cargo bench -p notion-sync-sqlite --bench replica -- --million

# Pages of 100 rows that the simulator serves a second (release).
measure-sim:
    cargo bench -p notion-sync-sim --bench served

# Ten thousand rows, counted and timed (release).
measure:
    cargo bench -p notion-sync --bench first_pull

# Generated cases and histories nobody has seen yet: another seed every time, told first.
explore histories="20000":
    #!/usr/bin/env bash
    set -euo pipefail
    seed=$((RANDOM * 32768 + RANDOM))
    echo "seed $seed"
    PROPTEST_RNG_SEED=$seed PROPTEST_CASES=3000 cargo test -p notion-sync-core --lib random_histories
    PROPTEST_RNG_SEED=$seed PROPTEST_CASES=20000 cargo test -p notion-sync-core --lib plan::laws
    cargo run --release -p notion-sync-core --features testkit,canary --example simulate -- \
      --seeds $((seed * 1000))..$((seed * 1000 + {{histories}})) --threads "$(nproc)"
    cargo run --release --example simulate_sqlite -- \
      --seeds $((seed * 1000))..$((seed * 1000 + {{histories}} / 20)) --threads "$(nproc)"
