#!/usr/bin/env bash
# Makes the Debian package: the program, its man pages and completions, and the package around them.
#
#   packaging/debian/build.sh               prints the package's path on stdout, everything else on stderr
#   PROFILE=dev packaging/debian/build.sh   packs what `cargo build` has built: for a check of the package, not to install
#
# DEBFULLNAME and DEBEMAIL name the maintainer, as for Debian's own tools. The same SOURCE_DATE_EPOCH (by default the
# last commit's time) and compiler give the same bytes. Needs cargo and a C compiler; fetches cargo-deb if missing.

set -euo pipefail

cargo_deb_version=3.8.0

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf '%s\n' "$*" >&2; }

install_cargo_deb() {
    if ! cargo deb --version 2>/dev/null | grep -qF "$cargo_deb_version"; then
        say "==> cargo-deb $cargo_deb_version"
        cargo install --quiet --locked cargo-deb --version "$cargo_deb_version" >&2
    fi
}

# The paths of the sources and of the home folder would be in the program, in the locations of panics.
build_program() {
    say "==> the program"
    if [ "$profile" = dev ]; then
        cargo build --quiet --locked >&2
        return
    fi
    local flags="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
    RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }$flags" cargo build --quiet --release --locked >&2
}

# cargo-deb looks for files that cargo does not build below this directory, with any target directory.
generate() {
    say "==> the man pages and the completions"
    rm -rf target/packaging
    mkdir -p target/packaging/man target/packaging/completions
    local command
    "$program" man >target/packaging/man/matrix-keycloak-sync.1
    for command in $("$program" man | sed -n '/^\.SH COMMANDS/,/^\.SH/ s/^\\fB\([a-z]*\)\\fR$/\1/p'); do
        "$program" man "$command" >"target/packaging/man/matrix-keycloak-sync-$command.1"
    done
    "$program" completions bash >target/packaging/completions/matrix-keycloak-sync.bash
    "$program" completions zsh >target/packaging/completions/_matrix-keycloak-sync
    "$program" completions fish >target/packaging/completions/matrix-keycloak-sync.fish
    # Debian's format; the changes are in CHANGELOG.md.
    printf 'matrix-keycloak-sync (%s-1) stable; urgency=medium\n\n  * %s\n\n -- %s  %s\n' \
        "$version" "What has changed stands in changelog.gz." \
        "$maintainer" "$(LC_ALL=C date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")" >target/packaging/changelog.Debian
    gzip --no-name --best --stdout CHANGELOG.md >target/packaging/changelog.gz
}

metadata() { cargo metadata --format-version 1 --no-deps | sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }

profile="${PROFILE:-release}"
target="$(metadata target_directory)"
version="$(cargo pkgid | sed 's/.*[#@]//')"
program="$target/${profile/#dev/debug}/matrix-keycloak-sync"
maintainer="${DEBFULLNAME:-The matrix-keycloak-sync authors} <${DEBEMAIL:-root@localhost}>"
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

install_cargo_deb
build_program
generate
say "==> the package"
cargo deb --quiet --no-build --locked --profile "$profile" --maintainer "$maintainer"
