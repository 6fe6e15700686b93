#!/usr/bin/env bash
# Installs the Debian package in a clean root, checks its contents, starts its service under a separate systemd against
# the demo's servers, and purges it. Then it runs the commands of the pages that install it in other ways.
#
#   packaging/debian/check.sh [PACKAGE]   without one, packaging/debian/build.sh builds it
#
# Needs root for the clean root and the separate systemd. Installs missing packages (apt), keeps the clean root in
# ${XDG_CACHE_HOME:-~/.cache}/matrix-keycloak-sync-packages, and always stops what it started. If this machine does not
# allow a check, the rest is checked, and the end says what was not.
#
# Text in single quotes is for the shells in that root, for apt and for dpkg:
# shellcheck disable=SC2016

set -euo pipefail

release=bookworm
# A server's usual packages, the package's dependencies, and the tools for the checks.
includes=systemd,systemd-sysv,dbus,adduser,ca-certificates,man-db,mandoc,bash-completion,zsh,fish
# In tenths, as systemd-analyze expects it.
exposure_at_most=15

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/matrix-keycloak-sync-packages"
clean="$cache/$release-$(printf '%s' "$includes" | sha256sum | cut -c1-12).tar"
work=""
container=""
not_allowed=()

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "check: $*"
    exit 1
}

ok() { say "    ok: $*"; }

step() { say "==> $* (at $SECONDS s)"; }

have() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1; }

# --- Stopping -------------------------------------------------------------------------------------------------------

stop_container() {
    local tries leader
    [ -n "$container" ] || return 0
    # Asks its first process to power off; then by force, because nothing in there has to be kept.
    leader="$(pgrep -P "$container" | head -n 1 || true)"
    [ -z "$leader" ] || kill -RTMIN+4 "$leader" 2>/dev/null || true
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$container" 2>/dev/null || break
        sleep 0.1
    done
    [ -z "$leader" ] || kill -KILL "$leader" 2>/dev/null || true
    kill -KILL "$container" 2>/dev/null || true
    wait "$container" 2>/dev/null || true
    container=""
}

finish() {
    local code=$?
    trap - EXIT
    trap '' INT TERM HUP
    stop_container
    [ -z "$work" ] || rm -rf --one-file-system "$work"
    exit "$code"
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- The clean root -------------------------------------------------------------------------------------------------

install_packages() {
    local packages=()
    have debootstrap || packages+=(debootstrap)
    have systemd-nspawn || packages+=(systemd-container)
    have lintian || packages+=(lintian)
    have pgrep || packages+=(procps)
    [ "${#packages[@]}" -gt 0 ] || return 0
    say "    packages: ${packages[*]}"
    apt-get update -q >"$work/apt.log" 2>&1 || fail "apt-get update: $(tail -n 5 "$work/apt.log")"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}" \
        >>"$work/apt.log" 2>&1 || fail "apt-get install: $(tail -n 20 "$work/apt.log")"
}

# From the same source as this machine's packages.
mirror() {
    local found
    found="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" 'Label: Debian' |
        head -n 1)"
    if [ -z "$found" ]; then
        apt-get update -q >"$work/apt.log" 2>&1 || true
        found="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" 'Label: Debian' |
            head -n 1)"
    fi
    [ -n "$found" ] || fail "apt on this machine has no source of $release"
    printf '%s' "$found"
}

make_clean_root() {
    [ ! -e "$clean" ] || return 0
    say "    a clean $release"
    debootstrap --variant=minbase --include="$includes" "$release" "$work/clean" "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
        fail "debootstrap: $(tail -n 20 "$work/debootstrap.log")"
    rm -rf "$work/clean/var/cache/apt/archives"/*.deb "$work/clean/var/lib/apt/lists"/*
    tar --create --numeric-owner --xattrs --file "$clean.new" --directory "$work/clean" .
    mv "$clean.new" "$clean"
    rm -rf "$work/clean"
}

# In separate namespaces, so that no mount and no process is left.
in_root() {
    unshare --mount --pid --ipc --uts --fork --kill-child=KILL --mount-proc="$root/proc" \
        chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        "$@" </dev/null
}

# All files, without dpkg's and apt's own.
everything() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./root \
        -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/systemd \) -prune -o -print |
        grep -vxE '\./etc/(group|gshadow|passwd|shadow|subuid|subgid)-' | LC_ALL=C sort)
    sed 's/^/group: /' "$root/etc/group"
}

# --- What the pages say ---------------------------------------------------------------------------------------------

# documented PAGE WORDS: the code block that contains the words
documented() {
    local block
    block="$(awk -v words="$2" '/^```sh/ { block = ""; open = 1; next }
        /^```$/ { if (open && index(block, words)) printf "%s", block; open = 0 }
        open { block = block $0 "\n" }' "$1")"
    [ -n "$block" ] || fail "$1 has no block with: $2"
    printf '%s\n' "$block"
}

# A clean root has no sudo, and needs none.
with_sudo() { printf 'PATH="/usr/local/bin:$PATH"\nsudo() { [ "$1" != -u ] || { runuser -u "$2" -- "${@:3}"; return; }; "$@"; }\n%s\n' "$1"; }

# docs/deployments/docker.md, way A: its user, its folders, its secrets. Docker itself is not in this root.
docker_page() {
    local page=docs/deployments/docker.md line
    in_root groupadd docker
    cp "$work/program" "$root/usr/local/bin/matrix-keycloak-sync"
    in_root bash -ec "$(with_sudo "$(documented $page useradd | sed '/^cargo/d; /target\/release/d')")" ||
        fail "$page: the commands for the user and the folders fail"
    while IFS= read -r line; do
        printf 'a secret\n' >"$root/tmp/secret"
        in_root bash -ec "$(with_sudo "$line")"' </tmp/secret' || fail "$page: $line"
    done < <(documented $page /etc/matrix-keycloak-sync/synapse-token)
    sed -n '/^```toml$/,/^```$/p;/^\*\*3/q' $page | sed '/^```/d' >"$root/etc/matrix-keycloak-sync/config.toml"
    in_root bash -ec "$(with_sudo 'sudo -u matrix-keycloak-sync matrix-keycloak-sync config check')" >"$work/docker" 2>&1 ||
        fail "$page: its configuration with its files: $(cat "$work/docker")"
    [ "$(in_root stat -c '%a %U' /etc/matrix-keycloak-sync/keycloak-secret)" = "400 matrix-keycloak-sync" ] ||
        fail "$page: the secret can be read by others"
    ok "$page: its user reads its configuration and secrets, and no one else reads the secrets"
    in_root userdel matrix-keycloak-sync
    in_root rm -r /etc/matrix-keycloak-sync /var/lib/matrix-keycloak-sync /usr/local/bin/matrix-keycloak-sync
}

# docs/deployments/mas-cli.md, "Without the package", with the program that the package has brought.
without_package() {
    local page=docs/deployments/mas-cli.md sources="$root/tmp/sources"
    mkdir -p "$sources/packaging" "$sources/target/release"
    cp -r packaging/debian "$sources/packaging/"
    cp "$work/program" "$sources/target/release/matrix-keycloak-sync"
    in_root bash -ec "cd /tmp/sources
        $(with_sudo "$(documented $page run-as-service | sed '/^cargo/d; /daemon-reload/d')")" ||
        fail "$page: the commands without the package fail"
    in_root systemd-analyze verify matrix-keycloak-sync.service matrix-keycloak-sync-sync.timer \
        matrix-keycloak-sync@corp.service matrix-keycloak-sync-sync@corp.timer >"$work/verify.log" 2>&1 ||
        fail "$page: $(cat "$work/verify.log")"
    in_root test -x /usr/bin/matrix-keycloak-sync-run || fail "$page: no matrix-keycloak-sync-run"
    ok "$page: without the package the units are as complete"
}

# --- What the package brings ----------------------------------------------------------------------------------------

look_at_package() {
    local size
    size="$(dpkg-deb --field "$package" Installed-Size)"
    ok "$(basename "$package"): $(($(stat -c %s "$package") / 1024)) KiB, installed $size KiB"
    lintian --fail-on error,warning "$package" >"$work/lintian.log" 2>&1 || fail "lintian: $(cat "$work/lintian.log")"
    ok "lintian has no error and no warning"
}

install_package() {
    cp "$package" "$root/tmp/package.deb"
    everything >"$work/before"
    in_root apt-get install -y -q --no-install-recommends /tmp/package.deb >"$work/install.log" 2>&1 ||
        fail "apt-get install: $(tail -n 20 "$work/install.log")"
    rm "$root/tmp/package.deb"
    ok "apt installs it, with nothing but what a clean root has"
    in_root matrix-keycloak-sync --version >"$work/version" || fail "the program does not run in a clean root"
    ok "$(cat "$work/version") runs"
}

look_at_files() {
    local config=/etc/matrix-keycloak-sync/config.toml unit
    in_root dpkg-query --showformat '${Conffiles}\n' --show matrix-keycloak-sync | grep -qF " $config " ||
        fail "$config is no conffile"
    [ "$(in_root stat -c '%a %U %G' "$config")" = "640 root matrix-keycloak-sync" ] || fail "$config: wrong rights"
    [ "$(in_root stat -c '%a %U' /etc/matrix-keycloak-sync/credentials)" = "700 root" ] || fail "credentials: wrong rights"
    ok "config.toml is a conffile that its group reads; the directory of the secrets is root's alone"
    for unit in matrix-keycloak-sync.service matrix-keycloak-sync-sync.timer \
        matrix-keycloak-sync@corp.service matrix-keycloak-sync-sync@corp.timer; do
        if in_root systemctl --root=/ is-enabled "$unit" >/dev/null 2>&1; then
            fail "$unit is enabled before anybody has configured it"
        fi
    done
    ok "nothing is enabled before it is configured"
    in_root man --warnings=w matrix-keycloak-sync >"$work/man" 2>"$work/man.log" || fail "man: $(cat "$work/man.log")"
    [ ! -s "$work/man.log" ] || fail "man: $(cat "$work/man.log")"
    grep -q '^EXIT STATUS$' "$work/man" || fail "the man page has no exit codes"
    in_root man --warnings=w matrix-keycloak-sync-sync >"$work/man" 2>"$work/man.log" || fail "man: $(cat "$work/man.log")"
    grep -q -- --approve "$work/man" || fail "the man page of sync does not say --approve"
    # One at a time: of several compressed pages, mandoc reads the bytes.
    in_root sh -ec 'for each in /usr/share/man/man1/matrix-keycloak-sync*.1.gz; do mandoc -T lint -W error "$each"; done' \
        >"$work/mandoc.log" 2>&1 ||
        fail "mandoc: $(cat "$work/mandoc.log")"
    ok "the man pages of the program and of its commands render"
    packaging/references.sh "$root/usr/share/doc/matrix-keycloak-sync" packaging/{check,release,shells}.sh \
        packaging/{compose,container,debian,ess,helm,kubernetes,nixos,opendesk} packaging/monitoring/check.sh ||
        fail "the pages refer to what the package does not have"
    ok "the pages refer only to what the package has, or to the sources"
    completions
}

# packaging/shells.sh tries the scripts; here they have to be found by the shells.
completions() {
    in_root bash -c '. /usr/share/bash-completion/bash_completion
        _completion_loader matrix-keycloak-sync
        COMP_WORDS=(matrix-keycloak-sync undo 12 --dr) COMP_CWORD=3 COMP_LINE="matrix-keycloak-sync undo 12 --dr" COMP_POINT=33
        spec="$(complete -p matrix-keycloak-sync)"
        function="${spec#*-F }"
        "${function%% *}" matrix-keycloak-sync --dr 12
        [ "${COMPREPLY[*]}" = --dry-run ]' || fail "bash does not complete"
    in_root zsh -c 'autoload -U compinit && compinit -u -D && [ "${_comps[matrix-keycloak-sync]}" = _matrix-keycloak-sync ] &&
        autoload +X _matrix-keycloak-sync' || fail "zsh does not complete"
    [ "$(in_root fish -c 'complete --do-complete "matrix-keycloak-sync undo 12 --dr"' | cut -f1)" = --dry-run ] ||
        fail "fish does not complete"
    ok "bash, zsh and fish complete commands and their options"
}

look_at_units() {
    local unit
    templates
    in_root systemd-analyze verify matrix-keycloak-sync.service matrix-keycloak-sync-sync.service \
        matrix-keycloak-sync-sync.timer matrix-keycloak-sync@corp.service matrix-keycloak-sync-sync@corp.service \
        matrix-keycloak-sync-sync@corp.timer >"$work/verify.log" 2>&1 || fail "systemd-analyze verify: $(cat "$work/verify.log")"
    if grep -q matrix-keycloak-sync "$work/verify.log"; then
        fail "systemd-analyze verify: $(cat "$work/verify.log")"
    fi
    ok "systemd-analyze verify has nothing to say about the units and their templates"
    for unit in matrix-keycloak-sync.service matrix-keycloak-sync-sync.service \
        matrix-keycloak-sync@corp.service matrix-keycloak-sync-sync@corp.service; do
        exposed_little "$unit"
        ok "$(sed -n 's/^→ //p' "$work/security.log")"
    done
    with_drop_ins
    by_hand
    by_hand @corp
    # The unit in docs/deployments/docker.md.
    sed -n '/^\[Unit\]$/,/^```$/p' docs/deployments/docker.md | sed -e '/^```/d' -e 's|/usr/local/bin/|/usr/bin/|' \
        >"$root/tmp/docker.service"
    exposed_little /tmp/docker.service
    ok "$(sed -n 's/^→ //p' "$work/security.log")"
    rm "$root/tmp/docker.service"
}

# The templates are the units, except for what an instance has for itself.
templates() {
    local unit
    for unit in matrix-keycloak-sync.service matrix-keycloak-sync-sync.service matrix-keycloak-sync-sync.timer; do
        diff <(grep -v '^#' "packaging/debian/units/$unit") \
            <(sed -e '/^#/d; /^TemporaryFileSystem=/d' -e 's/ (%i)$//; s|/%i\.toml|/config.toml|; s|/%i\b||; s/@%i\b//' \
                -e 's/^User=_mks-%i$/User=_matrix-keycloak-sync/; s/^\(Environment=\)"\(.*\) "$/\1\2/' \
                "packaging/debian/instances/${unit/./@.}") >"$work/templates" ||
            fail "the template of $unit is not like it: $(cat "$work/templates")"
    done
    ok "the templates for instances have everything that the units have"
}

exposed_little() {
    in_root systemd-analyze security --offline=true --threshold="$exposure_at_most" --no-pager "$1" \
        >"$work/security.log" 2>&1 || fail "systemd-analyze security: $(cat "$work/security.log")"
}

# With the drop-ins, which relax limits, the unit has to stay within the bound too.
with_drop_ins() {
    local example unit dropin
    for unit in matrix-keycloak-sync matrix-keycloak-sync-sync; do
        dropin="$root/etc/systemd/system/$unit.service.d"
        mkdir -p "$dropin"
        for example in examples/{encrypted-credentials,mas-cli} packaging/matrix-docker-ansible-deploy/mas-cli-in-container; do
            cp "$root/usr/share/doc/matrix-keycloak-sync/$example.conf" "$dropin/"
            exposed_little "$unit.service"
            rm "$dropin/${example##*/}.conf"
        done
        rmdir "$dropin"
    done
    ok "with the drop-ins that come with the package they stay within $exposure_at_most tenths"
}

# matrix-keycloak-sync-run has to give its unit the limits of the service; that unit is recorded here for the check.
# With @INSTANCE, those of its service.
by_hand() {
    local fakes="$root/tmp/fakes" unit=/tmp/by-hand.service command=matrix-keycloak-sync-run
    mkdir "$fakes"
    printf '#!/bin/sh\n[ "$1" != cat ] || cat /usr/lib/systemd/system/"$(echo "$2" | sed "s/@.*[.]/@./")"; [ "$1" = cat ]\n' \
        >"$fakes/systemctl"
    printf '#!/bin/sh\necho [Service]\nfor each; do case "$each" in --property=*) echo "${each#*=}" ;; esac; done\n' \
        >"$fakes/systemd-run"
    chmod +x "$fakes"/*
    in_root env PATH="/tmp/fakes:/usr/sbin:/usr/bin:/sbin:/bin" matrix-keycloak-sync-run "$@" plan >"$root$unit"
    echo "ExecStart=/usr/bin/matrix-keycloak-sync plan" >>"$root$unit"
    exposed_little "$unit"
    [ "$#" -eq 0 ] || command="$command $1"
    tr -d '"' <"$root$unit" | grep -qx "Environment=MATRIX_KEYCLOAK_SYNC_COMMAND=$command" ||
        fail "$command does not pass on how it is called"
    ! grep -q '%[id]' "$root$unit" || fail "$command gives its unit what only a template has: $(cat "$root$unit")"
    grep -qx LimitCORE=0 "$root$unit" || fail "matrix-keycloak-sync-run allows core dumps"
    ok "$command: $(sed -n 's/^→ //p' "$work/security.log")"
    rm -r "$fakes" "${root:?}$unit"
}

# --- A systemd of its own -------------------------------------------------------------------------------------------

in_container() {
    nsenter --target "$leader" --mount --pid --uts --ipc --cgroup --net --root --wd \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SYSTEMD_PAGER= SYSTEMD_COLORS=0 "$@" </dev/null
}

boot() {
    local tries state
    # A separate network with only the loopback device.
    setpriv --pdeathsig KILL systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --directory="$root" \
        --console=pipe >"$work/console.log" 2>&1 </dev/null &
    container=$!
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 "$container" 2>/dev/null || break
        leader="$(pgrep -P "$container" | head -n 1 || true)"
        if [ -n "$leader" ]; then
            state="$(in_container systemctl is-system-running 2>/dev/null || true)"
            case "$state" in running | degraded) return 0 ;; esac
        fi
        sleep 0.2
    done
    say "    $(tail -n 3 "$work/console.log")"
    stop_container
    return 1
}

value() { sed -n "/^\[$1\]/,/^\[/ s/^$2 = \"\(.*\)\".*/\1/p" "$work/demo.toml" | head -n 1; }

# The demo's servers for the service, and a configuration for them: secrets as credentials.
configure() {
    local tries config etc="$root/etc/matrix-keycloak-sync"
    rm -f "$root/root/demo.txt"
    in_container systemd-run --quiet --unit=demo-world --property=StandardOutput=file:/root/demo.txt \
        --property=KillSignal=SIGINT matrix-keycloak-sync demo --serve
    for ((tries = 0; tries < 100; tries++)); do
        config="$(in_container sed -n 's/^.* --config \([^ ]*\) doctor$/\1/p' /root/demo.txt 2>/dev/null || true)"
        if [ -n "$config" ]; then break; fi
        sleep 0.2
    done
    in_container cat "$config" >"$work/demo.toml"
    (umask 077
        value keycloak client_secret >"$etc/credentials/keycloak"
        value synapse admin_token >"$etc/credentials/synapse"
        value writer.mas_api client_secret >"$etc/credentials/mas")
    mas_config="$(value writer.mas_cli config)"
    write_config "$1"
}

write_config() {
    cat >"$root/etc/matrix-keycloak-sync/config.toml" <<TOML
server_name = "example.org"
state_file = "/var/lib/matrix-keycloak-sync/state.db"
[keycloak]
url = "$(value keycloak url)"
realm = "$(value keycloak realm)"
groups = ["/matrix-users"]
client_id = "$(value keycloak client_id)"
client_secret_file = "/etc/matrix-keycloak-sync/credentials/keycloak"
[synapse]
url = "$(value synapse url)"
admin_token_file = "/etc/matrix-keycloak-sync/credentials/synapse"
[writer]
type = "$1"
[writer.mas_cli]
command = ["/usr/bin/matrix-keycloak-sync", "stand-in", "mas-cli"]
config = "/etc/matrix-keycloak-sync/credentials/mas-cli.yaml"
[writer.mas_api]
url = "$(value writer.mas_api url)"
issuer = "$(value writer.mas_api issuer)"
client_id = "$(value writer.mas_api client_id)"
client_secret_file = "/etc/matrix-keycloak-sync/credentials/mas"
[limits]
max_disable_percent = 80
TOML
}

status_of() { in_container systemctl show --property="$2" --value "$1"; }

journal_of() { in_container journalctl --no-pager --output=cat --unit="$1"; }

run_service() {
    local sync=matrix-keycloak-sync-sync.service code=0

    # Right after the installation: the example configuration, and no secrets.
    if in_container systemctl start "$sync" 2>/dev/null; then fail "a service without secrets runs"; fi
    [ "$(status_of "$sync" ExecMainStatus)" = 78 ] ||
        fail "without secrets it ends with $(status_of "$sync" ExecMainStatus): $(journal_of "$sync")"
    ok "without its secrets the service ends with 78, by the program's own message"

    cp -p "$root/etc/matrix-keycloak-sync/config.toml" "$work/config.toml"
    configure mas-api
    refused "$sync"
    in_container systemctl start "$sync" || fail "the service failed: $(journal_of "$sync")"
    ok "$sync brings the demo's accounts in step by the Admin API, under systemd, as a user that is there only meanwhile"
    in_container matrix-keycloak-sync-run plan --detailed-exitcode >"$work/plan" 2>&1 || fail "not in step: $(cat "$work/plan")"
    ok "matrix-keycloak-sync-run plan: nothing is left to do"
    in_container matrix-keycloak-sync-run history >"$work/history" 2>&1 || fail "history: $(cat "$work/history")"
    [ -s "$root/var/lib/private/matrix-keycloak-sync/state.db" ] || fail "no state file where StateDirectory is"
    ok "what was done stands in the state file, which is in StateDirectory"
    in_container matrix-keycloak-sync-run doctor >"$work/doctor" 2>&1 || code=$?
    [ "$code" -le 1 ] || fail "doctor ends with $code: $(cat "$work/doctor")"
    ok "matrix-keycloak-sync-run doctor runs, and ends with $code"

    mas_cli "$sync"
    textfile "$sync"
    watch
    instances
}

# The command that a refusal prints, by the service and by hand, works as typed.
refused() {
    local etc="$root/etc/matrix-keycloak-sync" command printed
    cp -p "$etc/config.toml" "$work/within.toml"
    sed -i 's/^max_disable_percent = .*/max_disable = 0/' "$etc/config.toml"
    if in_container systemctl start "$1" 2>/dev/null; then fail "a plan over the limits is carried out"; fi
    in_container matrix-keycloak-sync-run sync >"$work/refused" 2>&1 && fail "by hand, a plan over the limits is carried out"
    command="$(sed -n 's/^ *\(matrix-keycloak-sync.* --approve [^ ]*\)$/\1/p' "$work/refused" | tail -n 1)"
    case "$command" in
        "matrix-keycloak-sync-run sync --approve "*) ;;
        *) fail "the refusal prints: $(cat "$work/refused")" ;;
    esac
    printed="$(journal_of "$1")"
    [[ "$printed" == *"$command"* ]] || fail "the journal does not have the command: $printed"
    in_container bash -c "$command" >"$work/approved" 2>&1 || fail "$command: $(cat "$work/approved")"
    in_container matrix-keycloak-sync-run history >"$work/history" 2>&1 || fail "history: $(cat "$work/history")"
    ok "a refusal prints '$command', which works as typed"
    cp -p "$work/within.toml" "$etc/config.toml"
    in_container systemctl stop demo-world
    configure mas-api
}

# The drop-in as documented, for both units, with the demo's file instead of MAS's.
mas_cli() {
    local dropin="$root/etc/systemd/system/$1.d" watching="$root/etc/systemd/system/matrix-keycloak-sync.service.d"
    # Servers in their initial state, so that there is something to do again.
    in_container systemctl stop demo-world
    configure mas-cli
    mkdir -p "$root/etc/mas-cli"
    in_container cp "$mas_config" /etc/mas-cli/mas-cli.yaml
    chmod 600 "$root/etc/mas-cli/mas-cli.yaml"
    in_container bash -ec "$(with_sudo "$(documented docs/deployments/mas-cli.md mas-cli.conf)")" ||
        fail "the commands of docs/deployments/mas-cli.md for the drop-in fail"
    cmp "$dropin/mas-cli.conf" "$watching/mas-cli.conf" || fail "the drop-in is not there for both units"
    in_container systemctl start "$1" || fail "with mas-cli the service failed: $(journal_of "$1")"
    in_container matrix-keycloak-sync-run plan --detailed-exitcode >"$work/plan" 2>&1 || fail "not in step: $(cat "$work/plan")"
    ok "with the drop-in it starts mas-cli (the demo's), and reads a configuration of MAS that is closed to others"
    in_container matrix-keycloak-sync-run sync >"$work/sync" 2>&1 || fail "by hand, with mas-cli: $(cat "$work/sync")"
    ! grep -qiE 'warn|cannot' "$work/plan" "$work/sync" || fail "by hand, with mas-cli: $(cat "$work/plan" "$work/sync")"
    ok "matrix-keycloak-sync-run takes the drop-in over"
    rm -r "$dropin" "$watching" "$root/etc/mas-cli"
    write_config mas-api
    in_container systemctl daemon-reload
}

# The drop-in as documented: root copies only what the program's user has written.
textfile() {
    local dropin="$root/etc/systemd/system/$1.d" figures="$root/var/lib/private/matrix-keycloak-sync/metrics.prom"
    local folder="$root/var/lib/prometheus/node-exporter" bad
    local there="$folder/matrix-keycloak-sync.prom"
    mkdir -p "$dropin" "$folder"
    cp "$root/usr/share/doc/matrix-keycloak-sync/examples/textfile.conf" "$dropin/"
    in_container systemctl daemon-reload
    in_container systemctl start "$1" || fail "with the textfile drop-in: $(journal_of "$1")"
    cmp "$figures" "$there" || fail "node_exporter does not see the figures of the run"
    [ "$(stat -c %a "$there")" = 644 ] || fail "node_exporter cannot read the figures"
    cp "$there" "$work/figures"
    for bad in "ln -s /etc/shadow" mkfifo mkdir; do
        rm -rf "$figures"
        $bad "$figures"
        in_container timeout 60 systemctl start "$1" 2>/dev/null || true
        cmp "$work/figures" "$there" || fail "root copies from what stands in the place of the figures ($bad)"
    done
    [ "$(ls -A "$folder")" = matrix-keycloak-sync.prom ] || fail "left behind for node_exporter: $(ls -A "$folder")"
    ok "with the drop-in node_exporter sees the figures, and never what a link, a pipe or a folder leads to"
    rm -rf "$dropin" "$root/var/lib/prometheus" "$figures"
    in_container systemctl daemon-reload
}

watch() {
    local watch=matrix-keycloak-sync.service tries
    if ! in_root matrix-keycloak-sync watch --help >/dev/null 2>&1; then
        not_allowed+=("$watch was not started: this program has no command watch yet")
        return 0
    fi
    in_container timeout 120 systemctl start "$watch" || fail "$watch does not start: $(journal_of "$watch")"
    for ((tries = 0; tries < 100; tries++)); do
        if in_container bash -c 'exec 3<>/dev/tcp/127.0.0.1/9464 && printf "GET /readyz HTTP/1.0\r\n\r\n" >&3 && grep -q "^HTTP/1.. 200" <&3' \
            2>/dev/null; then break; fi
        sleep 0.2
    done
    [ "$tries" -lt 100 ] || fail "$watch is not ready: $(journal_of "$watch")"
    ok "$watch is started, and /readyz says 200; systemd has: $(status_of "$watch" StatusText)"
    in_container systemctl reload "$watch" || fail "$watch does not reload: $(journal_of "$watch")"
    sleep 1
    [ "$(status_of "$watch" ActiveState)" = active ] || fail "$watch is not active after a reload: $(journal_of "$watch")"
    in_container systemctl start matrix-keycloak-sync-sync.timer
    [ "$(status_of "$watch" ActiveState)" != active ] || fail "the timer and the service run together"
    in_container systemctl stop matrix-keycloak-sync-sync.timer
    [ "$(status_of "$watch" Result)" = success ] || fail "$watch does not stop well: $(journal_of "$watch")"
    ok "it reloads, and it stops well when the timer takes over"
}

# docs/deployments/instances.md: two instances at the same time, and with them the service without one.
instances() {
    local page=docs/deployments/instances.md etc="$root/etc/matrix-keycloak-sync" name port=9464
    local state="$root/var/lib/private/matrix-keycloak-sync" folder="$root/var/lib/prometheus/node-exporter" command
    # The demo's servers in their initial state; one writer at a time has something to do.
    in_container systemctl stop demo-world
    configure mas-api
    for name in corp school; do
        in_container bash -ec "$(with_sudo "$(documented $page "credentials/corp" | sed "s/corp/$name/g; /stdin/d")")" ||
            fail "$page: the commands for an instance fail"
        (umask 077 && cp "$etc/credentials/keycloak" "$etc/credentials/synapse" "$etc/credentials/mas" "$etc/credentials/$name/")
        port=$((port + 1))
        {
            sed -e '/^state_file/d' -e "s|/credentials/|/credentials/$name/|" "$etc/config.toml"
            printf '[watch]\nlisten = "127.0.0.1:%s"\n' "$port"
        } >"$etc/$name.toml"
        [ "$(in_container stat -c '%a %G' "/etc/matrix-keycloak-sync/$name.toml")" = "640 matrix-keycloak-sync" ] ||
            fail "$page: $name.toml: wrong rights"
    done
    rm "$etc/credentials/school/mas"
    if in_container systemctl start matrix-keycloak-sync-sync@school.service 2>/dev/null; then
        fail "an instance runs with the secret of another"
    fi
    ok "an instance without its own secret does not have that of another"
    cp -p "$etc/credentials/corp/mas" "$etc/credentials/school/"
    cp -p "$etc/corp.toml" "$work/within.toml"
    sed -i 's/^max_disable_percent = .*/max_disable = 0/' "$etc/corp.toml"
    in_container matrix-keycloak-sync-run @corp sync >"$work/refused" 2>&1 && fail "a plan over the limits is carried out"
    command="$(sed -n 's/^ *\(matrix-keycloak-sync.* --approve [^ ]*\)$/\1/p' "$work/refused" | tail -n 1)"
    case "$command" in
        "matrix-keycloak-sync-run @corp sync --approve "*) ;;
        *) fail "the refusal of an instance prints: $(cat "$work/refused")" ;;
    esac
    in_container bash -c "$command" >"$work/approved" 2>&1 || fail "$command: $(cat "$work/approved")"
    cp -p "$work/within.toml" "$etc/corp.toml"
    ok "a refusal prints '$command', which works as typed"
    for name in corp school; do
        in_container systemctl start "matrix-keycloak-sync-sync@$name.service" ||
            fail "instance $name: $(journal_of "matrix-keycloak-sync-sync@$name.service")"
        [ -s "$state@$name/state.db" ] || fail "instance $name has no state file of its own"
    done
    [ -e "$state/state.db" ] || fail "the instances have taken the state file of the service"
    ok "each instance has its own state file and lock, and the service keeps its own"
    mkdir -p "$root/etc/systemd/system/matrix-keycloak-sync-sync@.service.d" "$folder"
    in_container bash -ec "$(with_sudo "$(documented $page textfile-instances.conf)")" || fail "$page: the drop-in for figures"
    for name in corp school; do
        in_container systemctl start "matrix-keycloak-sync-sync@$name.service" ||
            fail "with the textfile drop-in: $(journal_of "matrix-keycloak-sync-sync@$name.service")"
        sed -e '/^#/d' "$folder/matrix-keycloak-sync-$name.prom" >"$work/figures"
        grep -q . "$work/figures" || fail "no figures of $name: $(journal_of "matrix-keycloak-sync-sync@$name.service")"
        ! grep -vqE "^[a-z_]+\{instance=\"$name\"[,}]" "$work/figures" ||
            fail "figures without the label of $name: $(cat "$work/figures")"
    done
    [ -z "$(grep -hv '^#' "$folder"/*.prom | sed 's/ [^ ]*$//' | sort | uniq -d)" ] || fail "two instances give one figure twice"
    ok "the figures of each instance have its label"
    in_container systemctl start matrix-keycloak-sync.service matrix-keycloak-sync@corp.service \
        matrix-keycloak-sync@school.service ||
        fail "three watch at the same time: $(journal_of matrix-keycloak-sync@corp.service)"
    in_container matrix-keycloak-sync-run @school plan --detailed-exitcode >"$work/plan" 2>&1 ||
        fail "by hand, while watch runs: $(cat "$work/plan")"
    [ "$(in_container systemctl list-units --no-legend 'matrix-keycloak-sync@*.service' --state=running | wc -l)" = 2 ] ||
        fail "an instance has ended: $(journal_of matrix-keycloak-sync@school.service)"
    in_container systemctl start matrix-keycloak-sync-sync@corp.timer
    [ "$(status_of matrix-keycloak-sync@corp.service ActiveState)" != active ] || fail "the timer and the service of corp run together"
    [ "$(status_of matrix-keycloak-sync@school.service ActiveState)" = active ] || fail "the timer of corp stops school"
    ok "the service and two instances run at the same time, each with its own timer"
    in_container systemctl stop matrix-keycloak-sync-sync@corp.timer matrix-keycloak-sync.service \
        matrix-keycloak-sync@school.service
    rm -r "$root/etc/systemd/system/matrix-keycloak-sync-sync@.service.d" "$root/var/lib/prometheus"
}

# If no systemd can be started: the limits of the unit that bubblewrap supports.
run_sandboxed() {
    have bwrap || apt-get install -y -q --no-install-recommends bubblewrap >"$work/apt.log" 2>&1 ||
        { not_allowed+=("the demo under the unit's limits: no bubblewrap"); return 0; }
    mkdir -p "$work/state"
    if ! bwrap --ro-bind "$root" / --proc /proc --dev /dev --tmpfs /tmp --tmpfs /run \
        --dir /var/lib/matrix-keycloak-sync --bind "$work/state" /var/lib/matrix-keycloak-sync --unshare-all \
        --uid 61184 --gid 61184 --cap-drop ALL --new-session --die-with-parent --clearenv --setenv PATH /usr/bin \
        /usr/bin/matrix-keycloak-sync demo >"$work/demo.log" 2>&1; then
        fail "the demo fails under the unit's limits: $(tail -n 20 "$work/demo.log")"
    fi
    ok "the demo runs to the end read-only, without capabilities, new privileges or a user of the system"
    not_allowed+=("the unit's filter of system calls, credentials and DynamicUser: only systemd does these")
}

purge() {
    cp -p "$work/config.toml" "$root/etc/matrix-keycloak-sync/config.toml" 2>/dev/null || true
    in_root apt-get purge -y -q matrix-keycloak-sync >"$work/purge.log" 2>&1 || fail "purge: $(tail -n 20 "$work/purge.log")"
    rm -f "$root/root/demo.txt"
    everything >"$work/after"
    diff "$work/before" "$work/after" >"$work/left" || fail "what purging leaves behind: $(cat "$work/left")"
    ok "purging leaves nothing behind: no file, no group, no secret, no state"
}

# --- The run --------------------------------------------------------------------------------------------------------

[ "$(id -u)" -eq 0 ] || fail "a root of its own takes root: sudo $0"
package="${1:-$(packaging/debian/build.sh)}"
work="$(mktemp -d)"
root="$work/root"

step "what is missing"
mkdir -p "$cache" "$root"
# Two runs at a time would create the same root.
exec 9>"$cache/lock"
flock 9
install_packages
make_clean_root
exec 9>&-
tar --extract --numeric-owner --xattrs --file "$clean" --directory "$root"

# A systemd that has run has left its own files, which are not the package's.
step "a systemd of its own"
booted=true
if boot; then
    ok "systemd $(in_container systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p') is up in the clean root"
    stop_container
else
    booted=false
    not_allowed+=("a systemd of its own (systemd-nspawn --boot)")
fi
step "the package"
look_at_package
install_package
step "its files"
look_at_files
step "its units"
look_at_units
step "its service"
if "$booted"; then
    boot || fail "systemd does not come up with the package installed: $(tail -n 5 "$work/console.log")"
    run_service
    stop_container
else
    run_sandboxed
fi
step "its end"
cp "$root/usr/bin/matrix-keycloak-sync" "$work/program"
purge
step "the pages, without the package"
docker_page
without_package
for each in "${not_allowed[@]}"; do say "    not checked: $each"; done
say "==> all passed ($SECONDS s)"
