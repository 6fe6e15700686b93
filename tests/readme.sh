#!/usr/bin/env bash
# Runs the commands of the README's "Try it" in a fresh clone, as someone would who has just found the project, and prints
# how long each took and how much of that was building. Both share one build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

clone="$(mktemp -d)"
trap 'rm -rf "$clone"' EXIT
git clone --quiet . "$clone/project"
cd "$clone/project"
unset CARGO_TARGET_DIR

mapfile -t commands < <(sed -n '/^## Try it/,/^## /p' README.md | sed -n '/^```sh/,/^```$/p' | sed -n 's/^\(cargo [^#]*[^# ]\) *#.*/\1/p')
[ "${#commands[@]}" -eq 2 ] || {
    echo "the README no longer has two commands" >&2
    exit 1
}
for command in "${commands[@]}"; do
    begin=$SECONDS
    bash -c "$command" >"$clone/output" 2>"$clone/log" || {
        tail -n 40 "$clone/output" "$clone/log" >&2
        exit 1
    }
    built="$(sed -n 's/.*Finished .* in \(.*\)/\1/p' "$clone/log" | head -n 1)"
    printf '%-24s %4d s, of which building took %s\n' "$command" "$((SECONDS - begin))" "$built"
done
