#!/usr/bin/env bash
# Do the tests notice? Changes the code in one place after the other, in the rooms that decide, read and write, and sees
# whether a test fails. What no test notices is listed in target/mutants/mutants.out/missed.txt.
#
#   tests/mutants.sh             all of them: hours
#   tests/mutants.sh K/N         every Nth from the Kth on, K from 0
#
# First by the tests of the library and the model, which take seconds; what they do not notice is tried once more by the
# tests that run the program, without those that take minutes and are about something else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo_mutants_version=27.1.0
rooms=(planner readers writers apply watch)
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0 PROPTEST_CASES=32 MODEL_WORLDS=2000

if ! cargo mutants --version 2>/dev/null | grep -qF "$cargo_mutants_version"; then
    cargo install --quiet --locked cargo-mutants --version "$cargo_mutants_version"
fi

options=(--output target/mutants --timeout 300 --build-timeout 900 --no-shuffle --baseline skip)
for room in "${rooms[@]}"; do
    options+=(--file "src/$room/**")
done
if [ $# -gt 0 ]; then
    options+=(--shard "$1" --sharding round-robin)
fi

# 2: some are missed, which is what the second run is for.
quick() {
    cargo mutants "${options[@]}" -- --lib --test model -- --skip signals --skip standins --skip state::tests ||
        [ $? -eq 2 ]
}
thorough() {
    cargo mutants "${options[@]}" --iterate -- --test cli -- \
        --skip fault_matrix --skip kills --skip churn --skip economy --skip patience
}

rm -rf target/mutants/mutants.out
quick
thorough
