#!/usr/bin/env bash
# Checks the alert rules, their tests, what docs/deployments/instances.md shows, and the metrics that the program writes
# with promtool.
# promtool comes from Debian's package prometheus; if it is missing it is only unpacked, so that no server is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scratch=$(mktemp -d)
stand_ins=
clean_up() {
    if [[ -n $stand_ins ]]; then kill "$stand_ins" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap clean_up EXIT

if ! command -v promtool >/dev/null; then
    (
        cd "$scratch"
        apt-get download -qq prometheus >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq prometheus; }
        dpkg-deb -x prometheus_*.deb .
    )
    PATH=$scratch/usr/bin:$PATH
fi

promtool check rules packaging/monitoring/alerts.yml
(cd packaging/monitoring && promtool test rules alerts.test.yml)

# What the page about several instances shows: configurations of Prometheus, and a rule.
awk -v folder="$scratch" '/^```yaml$/ { open = 1; number++; next }
    /^```$/ { open = 0 }
    open { print >(folder "/instances-" number ".yml") }' docs/deployments/instances.md
shown=0
for block in "$scratch"/instances-*.yml; do
    if grep -q '^groups:' "$block"; then promtool check rules "$block"; else promtool check config "$block"; fi
    shown=$((shown + 1))
done
[[ $shown -eq 3 ]]

# Every metric, written by a test of the program.
METRICS_SAMPLE=$scratch/every.prom cargo test --quiet --locked --test monitoring
promtool check metrics <"$scratch/every.prom"

# The file after a run, and after the next one.
cargo build --quiet --locked
program=${CARGO_TARGET_DIR:-target}/debug/matrix-keycloak-sync
"$program" demo --serve >"$scratch/demo" &
stand_ins=$!
for _ in $(seq 100); do
    config=$(sed -n 's/^.* --config \([^ ]*\) plan$/\1/p' "$scratch/demo")
    if [[ -n $config ]]; then break; fi
    sleep 0.1
done
for _ in 1 2; do
    RUNTIME_DIRECTORY=$scratch "$program" --config "$config" sync --metrics-file "$scratch/run.prom" >/dev/null
    promtool check metrics <"$scratch/run.prom"
done
grep -q '^matrix_keycloak_sync_runs_total{kind="full",result="in_step"} 2$' "$scratch/run.prom"
echo "promtool has nothing to say against rules, tests and metrics"
