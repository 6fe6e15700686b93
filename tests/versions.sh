#!/usr/bin/env bash
# Runs the decision table, groups, roles, links, whole lists and `watch` on every supported version of Keycloak and
# Synapse, and writes what passed into docs/versions.md.
#
#   tests/versions.sh                     all versions that have no result yet
#   tests/versions.sh KEYCLOAK SYNAPSE    one of each
#
# A pair takes two to three minutes, all of them about an hour. The results are kept in target/versions, so that a run
# that was stopped can be continued; delete the folder to repeat all. What is downloaded goes to a cache of its own,
# a version at a time, and is deleted afterwards.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The newest release of each minor version.
keycloaks=(22.0.5 24.0.5 26.0.8 26.1.4 26.2.5 26.3.5 26.4.7 26.5.6 26.7.3)
# Before 1.150 Synapse does not show MAS's locks, so these tests do not fit; what such a version answers is recorded.
synapses=(1.150.0 1.151.0 1.152.1 1.153.0 1.154.0 1.155.0 1.156.0 1.157.2 1.158.0 1.159.0 1.160.0 1.161.0 1.162.0 1.163.2)
tests=(table:: groups:: roles:: links:: reading:: watch::)

results=target/versions
page=docs/versions.md
mkdir -p "$results"

# Each result is a file named KEYCLOAK-SYNAPSE with the day and the last line of the tests.
run() {
    local keycloak="$1" synapse="$2" log="$results/$1-$2.log" cache line failed
    cache="$(mktemp -d)"
    if KEYCLOAK_VERSION="$keycloak" SYNAPSE_VERSION="$synapse" XDG_CACHE_HOME="$cache" \
        tests/real-servers.sh "${tests[@]}" >"$log" 2>&1; then
        line="$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/all \1 passed/p' "$log" | tail -n 1)"
    else
        failed="$(sed -n 's/^\([a-z_:]*\) --- FAILED$/\1/p' "$log" | sort | paste -sd ' ')"
        line="${failed:+failed: $failed}"
    fi
    rm -rf "$cache"
    printf '%s\t%s\n' "$(date +%F)" "${line:-did not start}" | tee "$results/$keycloak-$synapse"
}

write_page() {
    local begin='<!-- Made by tests/versions.sh. -->' end='<!-- Until here. -->' table result name
    table="$(
        for result in "$results"/*[0-9]; do
            [ -e "$result" ] || continue
            name="$(basename "$result")"
            IFS=$'\t' read -r day line <"$result"
            printf '| %s | %s | %s | %s |\n' "${name%-*}" "${name#*-}" "$line" "$day"
        done | sort -t '|' -k 3,3V
    )"
    TABLE="$table" awk -v begin="$begin" -v end="$end" '
        $0 == begin {
            print begin "\n\n| Keycloak | Synapse | tests | on |\n| --- | --- | --- | --- |\n" ENVIRON["TABLE"] "\n"
            skip = 1
        }
        $0 == end { skip = 0 }
        !skip' "$page" >"$results/page"
    cp "$results/page" "$page"
}

if [ $# -eq 2 ]; then
    run "$1" "$2"
else
    # Every version of one with some version of the other.
    for ((index = 0; index < ${#synapses[@]}; index++)); do
        keycloak="${keycloaks[index % ${#keycloaks[@]}]}" synapse="${synapses[index]}"
        [ -e "$results/$keycloak-$synapse" ] || run "$keycloak" "$synapse"
    done
fi
write_page
