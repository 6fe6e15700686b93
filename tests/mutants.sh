#!/usr/bin/env bash
# Do the tests notice? Changes the code in one place after the other, in the rooms that decide, read and write, and sees
# whether a test fails. What no test notices is listed in target/mutants/mutants.out/missed.txt.
#
#   tests/mutants.sh                 all of them: hours
#   tests/mutants.sh K/N             every Nth from the Kth on, K from 0
#   tests/mutants.sh K/N --in-place  without a copy of the tree and its first build; an interrupted run leaves a change behind
#
# First by the tests of the library and the model, without the slow ones among them; what they do not notice is tried once
# more by the slow ones and by the tests that run the program, without those that take minutes and are about something else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo_mutants_version=27.1.0
rooms=(planner readers writers apply watch)
slow_tests=(
    signals standins state::tests subprocess
    planner::tests::limits::{the_number,the_share,the_limits,a_share}
)
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0 PROPTEST_CASES=32 MODEL_WORLDS=2000

if ! cargo mutants --version 2>/dev/null | grep -qF "$cargo_mutants_version"; then
    cargo install --quiet --locked cargo-mutants --version "$cargo_mutants_version"
fi

options=(--output target/mutants --build-timeout 900 --no-shuffle --baseline skip)
for room in "${rooms[@]}"; do
    options+=(--file "src/$room/**")
done
if [ $# -gt 0 ]; then
    options+=(--shard "$1" --sharding round-robin "${@:2}")
fi

# Only the named tests are built, which takes a third of the time of all. 2: some are missed, which is what the second run
# is for.
quick() {
    local skip=()
    for test in "${slow_tests[@]}"; do
        skip+=(--skip "$test")
    done
    cargo mutants "${options[@]}" --timeout 120 -C=--lib -C=--test=model -- -- "${skip[@]}" || [ $? -eq 2 ]
}
# These tests take ten minutes on a busy machine with two cores; with less time than that, every change would count as noticed.
thorough() {
    cargo mutants "${options[@]}" --timeout 2400 --iterate -C=--lib -C=--test=cli -- -- \
        --skip fault_matrix --skip kills --skip churn
}

mkdir -p target/mutants
rm -rf target/mutants/mutants.out
quick
thorough
