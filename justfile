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

# Licences, bans, sources.
deny:
    cargo deny check licenses bans sources

# Known weaknesses of dependencies; needs the network.
advisories:
    cargo deny check advisories

# Benchmarks build, run once and keep their budgets.
bench-smoke:
    cargo bench -p notion-sync --bench first_pull -- --test
    cargo bench -p notion-sync-core --features testkit --bench plan -- --test

# Planning and first pulls of up to a million records: ratios, exponents, peaks, times (release).
measure-plan:
    cargo bench -p notion-sync-core --features testkit --bench plan

# Ten thousand rows, counted and timed (release).
measure:
    cargo bench -p notion-sync --bench first_pull
