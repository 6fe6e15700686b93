#!/usr/bin/env bash
# Builds the files of a release in target/release-files: the Debian package, a tarball with that program, one with a program
# that needs no C library (musl), the SBOM (CycloneDX), the crate, and the checksums of all of them. Publishes nothing.
#
#   packaging/release.sh   on a tag, with nothing uncommitted; docs/releasing.md has the steps around it
#
# It builds for the processor it runs on. The static program needs `rustup target add` and musl-gcc; without them it is left
# out, or with STATIC=required an error.
#
# The same commit, compiler and C library give the same bytes; docs/releasing.md says how to compare.

set -euo pipefail

cargo_cyclonedx_version=0.5.9
cargo_deny_version=0.20.2
# Bytes of the program: what has to be downloaded, and read into an image.
largest=15000000

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "release: $*"
    exit 1
}

[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
MATRIX_KEYCLOAK_SYNC_COMMIT="$(git rev-parse --short=12 HEAD)"
export SOURCE_DATE_EPOCH MATRIX_KEYCLOAK_SYNC_COMMIT

version="$(cargo pkgid | sed 's/.*[#@]//')"
target="$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')"
host="$(rustc -vV | sed -n 's/^host: //p')"
static="${host%%-*}-unknown-linux-musl"
out="$target/release-files"
# In a workflow, the tag says which version is meant.
tag="${GITHUB_REF_NAME:-${CI_COMMIT_TAG:-v$version}}"
[ "$tag" = "v$version" ] || fail "the tag $tag is not that of version $version in Cargo.toml"
if ! grep -q "^## \[\?$version\b" CHANGELOG.md; then
    [ -n "${UNRELEASED:-}" ] || fail "CHANGELOG.md has no section for $version (UNRELEASED=1 to try)"
fi

if ! cargo cyclonedx --version 2>/dev/null | grep -qF "$cargo_cyclonedx_version"; then
    say "==> cargo-cyclonedx $cargo_cyclonedx_version"
    cargo install --quiet --locked cargo-cyclonedx --version "$cargo_cyclonedx_version"
fi

if ! cargo deny --version 2>/dev/null | grep -qF "$cargo_deny_version"; then
    say "==> cargo-deny $cargo_deny_version"
    cargo install --quiet --locked cargo-deny --version "$cargo_deny_version"
fi
say "==> no crate with a known advisory"
# Fetches the newest database. ADVISORIES=offline uses the local copy, for a machine without network access.
if [ "${ADVISORIES:-}" = offline ]; then
    cargo deny --offline --log-level error check advisories || fail "an advisory, or no copy of the database (cargo deny fetch)"
else
    cargo deny --log-level error check advisories || fail "an advisory, or the database cannot be fetched (ADVISORIES=offline)"
fi

rm -rf "$out"
mkdir -p "$out"
cp "$(packaging/debian/build.sh)" "$out/"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# The program, and at the paths that the pages name what they refer to. What only builds a release or an image takes the
# sources.
tarball() {
    local for_target="$1" program="$2" name="matrix-keycloak-sync-$version-$1"
    say "==> the tarball for $for_target"
    [ "$(stat -c %s "$program")" -lt "$largest" ] || fail "the program for $for_target has more than $largest bytes"
    mkdir "$work/$name"
    cp "$program" README.md CHANGELOG.md LICENSE SECURITY.md config.example.toml "$work/$name/"
    cp -r docs target/packaging/man target/packaging/completions "$work/$name/"
    mkdir -p "$work/$name/packaging/debian"
    # What git has, and not the secrets of a try-out in that folder.
    git archive HEAD packaging/compose | tar --extract --directory "$work/$name"
    cp -r packaging/{monitoring,kubernetes,helm,ess,matrix-docker-ansible-deploy,opendesk} "$work/$name/packaging/"
    cp -r packaging/debian/{units,instances,examples,run-as-service,config.toml,matrix-keycloak-sync-run.8} "$work/$name/packaging/debian/"
    packaging/references.sh "$work/$name" packaging/{check,release,shells}.sh packaging/{container,nixos} packaging/debian/{build,check}.sh
    # Sorted names, one timestamp and no user, so that nothing depends on this machine.
    tar --create --directory "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --mode='u+rwX,go+rX,go-w' "$name" | gzip --no-name --best >"$out/$name.tar.gz"
}

# The same paths and flags as packaging/debian/build.sh, with a C compiler for musl.
build_static() {
    say "==> the program for $static"
    local flags="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
    env "CC_${static//-/_}=musl-gcc" RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }$flags" \
        cargo build --quiet --release --locked --target "$static" >&2
}

tarball "$host" "$target/release/matrix-keycloak-sync"
if [ -d "$(rustc --print sysroot)/lib/rustlib/$static" ] && command -v musl-gcc >/dev/null; then
    build_static
    tarball "$static" "$target/$static/release/matrix-keycloak-sync"
elif [ "${STATIC:-}" = required ]; then
    fail "the static program needs \`rustup target add $static\` and musl-gcc (musl-tools)"
else
    say "    left out: the static program (\`rustup target add $static\`, musl-tools)"
fi

say "==> what is inside"
# With a fixed time, it also omits the serial number, which would differ each time.
cargo cyclonedx --quiet --format json --spec-version 1.5 --describe crate --target "$host"
mv matrix-keycloak-sync*.cdx.json "$out/matrix-keycloak-sync-$version-$host.cdx.json"

say "==> the crate"
cargo package --quiet --locked --no-verify
cp "$target/package/matrix-keycloak-sync-$version.crate" "$out/"

(cd "$out" && sha256sum -- * >SHA256SUMS)
cat "$out/SHA256SUMS"
