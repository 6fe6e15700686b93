#!/usr/bin/env bash
# Builds the book into target/book and follows every link in it, without the network: first between the Markdown files,
# README.md too, as a forge shows them, then in the HTML, anchors included.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mdbook_version=0.5.4
hyperlink_version=0.3.2
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

# installed PROGRAM VERSION [OPTION…]: of just this version, from source.
installed() {
    local program=$1 version=$2
    shift 2
    if ! "$program" --version 2>/dev/null | grep -qF "$version"; then
        cargo install --quiet --locked "$program" --version "$version" "$@"
    fi
    printf '%s %s\n' "$program" "$version"
}

installed mdbook "$mdbook_version" --no-default-features --features search
installed hyperlink "$hyperlink_version"

cargo test --quiet --locked --test book -- --nocapture

rm -rf target/book
mdbook build
hyperlink target/book --check-anchors --sources docs
printf 'book: %d pages in target/book, every link and anchor leads somewhere\n' "$(find target/book -name '*.html' | wc -l)"
