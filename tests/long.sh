#!/usr/bin/env bash
# The long forms of tests that `.ci/run` has in a short form: for a release, and after a change of what they are about.
# docs/contributing.md has their last results.
#
#   tests/long.sh          all of them: more than an hour on two cores
#   tests/long.sh PART…    some of them: kills, churn, worlds, soak
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=never RUST_BACKTRACE=0

# Runs killed at 200 random moments, half for each writer, and half of these with all kinds of actions.
kills() { KILLS=50 RUST_TEST_THREADS=2 cargo test --quiet --locked --test cli -- kills:: --nocapture; }

# 200 runs on a group of 20,000 that changes all the time, half for each source of accounts.
churn() { CHURN_RUNS=100 RUST_TEST_THREADS=2 cargo test --quiet --locked --test cli -- churn:: --nocapture; }

# A million random worlds for the planner and its model.
worlds() { MODEL_WORLDS=1000000 cargo test --quiet --locked --test model; }

# Half an hour of `watch` on real servers that restart.
soak() { tests/real-servers.sh --soak 1800; }

[ $# -gt 0 ] || set -- kills churn worlds soak
for part in "$@"; do
    case "$part" in
    kills | churn | worlds | soak) ;;
    *)
        echo "tests/long.sh: no part $part; there are kills, churn, worlds and soak" >&2
        exit 2
        ;;
    esac
done
for part in "$@"; do
    printf '==> %s (at %d s)\n' "$part" "$SECONDS"
    "$part"
done
printf '==> all passed (%d s)\n' "$SECONDS"
