#!/usr/bin/env bash
# The status page of `watch`, the plan and the report as pages, and the playground, in a real browser without a window:
# text, what must not be in it, landmarks, labels and contrast; light and dark, narrow and wide.
#
#   tests/browser.sh [ARGUMENT…]   arguments go to the test binary
#
# Installs Chromium if it is missing, which needs root or sudo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

if ! command -v chromium >/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
fi
cargo test --locked --test cli -- --ignored pages:: "$@"
