#!/usr/bin/env bash
# Checks that the documentation in a folder, as users get it, refers only to files that they get too: every link between
# files, and every path below packaging/ that a page calls part of what is installed.
#
#   packaging/references.sh FOLDER [PATH…]   the paths below packaging/ that pages may name, although they are not there
set -euo pipefail

folder="$1"
shift
sources=("$@")
failed=0
pages=0

wrong() {
    printf 'references: %s\n' "$*" >&2
    failed=1
}

is_in_the_sources() {
    local path
    for path in "${sources[@]}"; do
        case "$1" in "$path"*) return 0 ;; esac
    done
    return 1
}

while IFS= read -r page; do
    pages=$((pages + 1))
    while IFS= read -r link; do
        case "$link" in *://* | mailto:* | '#'*) continue ;; esac
        [ -e "$(dirname "$page")/${link%%#*}" ] || wrong "$page: $link"
    done < <(sed -n '/^```/,/^```/!p' "$page" | grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//')
    while IFS= read -r path; do
        [ -e "$folder/$path" ] || is_in_the_sources "$path" || wrong "$page: $path"
    done < <(grep -oE '\bpackaging/[A-Za-z0-9_./-]*[A-Za-z0-9]' "$page")
done < <(find "$folder" -name '*.md')
[ "$pages" -gt 20 ] || wrong "$folder has only $pages pages"
exit "$failed"
