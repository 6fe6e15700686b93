#!/usr/bin/env bash
# End-to-end tests on real servers: PostgreSQL, Keycloak, Synapse that delegates to the MAS
# stand-in, and OpenLDAP, which the directory tests start and stop themselves.
#
#   tests/real-servers.sh [ARGUMENT…]   run the tests; arguments go to the test binary (a test's name, --exact, …);
#                                       without any, a short form of --soak follows
#   tests/real-servers.sh --serve       start the servers, print the variables that point at them, wait for Ctrl-C
#   tests/real-servers.sh --soak S      for S seconds (1800 by default), `watch` stays in step while users come and go,
#                                       accounts change by hand, a directory is down now and then, and all servers restart
#
# Installs missing packages (apt, Maven, pip), keeps them in
# ${XDG_CACHE_HOME:-~/.cache}/matrix-keycloak-sync-e2e, listens on the loopback address only, and
# always stops what it started. Needs bash, cargo, and root or sudo if packages are missing.
#
# KEYCLOAK_VERSION and SYNAPSE_VERSION select other versions; tests/versions.sh runs all that are supported.
#
# To use servers of your own instead, including a real MAS, do not run this script: set the
# variables at the head of tests/real_servers/main.rs and run
# `cargo test --test real_servers -- --ignored`.

set -euo pipefail

keycloak_version="${KEYCLOAK_VERSION:-26.7.3}"
synapse_version="${SYNAPSE_VERSION:-1.163.2}"
psycopg2_version=2.9.13
server_name=e2e.test
mas_client_id=01J44QC8BCY7FCFM7WGHQGKMTJ

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/matrix-keycloak-sync-e2e"
keycloak_home="$cache/keycloak-$keycloak_version"
synapse_venv="$cache/synapse-$synapse_version"
work=""
serving=false
started=()
declare -A group_of=()

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "real-servers: $*"
    exit 1
}

# Prints how long each phase took.
phase_name=""
phase() {
    if [ -n "$phase_name" ]; then
        say "    $((SECONDS - phase_start)) s"
    fi
    phase_name="$1" phase_start=$SECONDS
    if [ -n "$phase_name" ]; then
        say "==> $phase_name"
    fi
}

# --- Stopping -------------------------------------------------------------------------------------------------------

# Each server leads its own process group, so that a signal reaches its child processes too. It gets
# a signal to end if this script is killed and no trap runs. A change of user would reset that, so
# the user is changed here too.
start_as=()
start() {
    local name="$1"
    shift
    setsid setpriv "${start_as[@]}" --pdeathsig TERM "$@" >"$work/$name.log" 2>&1 9>&- &
    group_of[$name]=$!
    started+=("$name")
}

group_runs() { pgrep -g "$1" >/dev/null 2>&1; }

stop() {
    local group="${group_of[$1]}" signal="$2" tries
    group_runs "$group" || return 0
    kill "-$signal" -- "-$group" 2>/dev/null || true
    for ((tries = 0; tries < 100; tries++)); do
        group_runs "$group" || return 0
        sleep 0.1
    done
    say "real-servers: $1 does not stop, killing it"
    kill -KILL -- "-$group" 2>/dev/null || true
}

finish() {
    local code=$? index name
    trap - EXIT
    trap '' INT TERM HUP
    phase ""
    for ((index = ${#started[@]} - 1; index >= 0; index--)); do
        name="${started[index]}"
        # PostgreSQL waits for its clients on TERM, but not on INT.
        if [ "$name" = postgresql ]; then stop "$name" INT; else stop "$name" TERM; fi
    done
    if [ -n "$work" ]; then
        if [ "$code" -ne 0 ] && ! "$serving" && compgen -G "$work/*.log" >/dev/null; then
            mkdir -p "$target/real-servers"
            cp "$work"/*.log "$target/real-servers/"
            say "real-servers: failed ($code); the servers' logs are in $target/real-servers"
        fi
        rm -rf "$work"
    fi
    exit "$code"
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Installing -----------------------------------------------------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

postgresql_bin() {
    local dir
    for dir in $(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV) $(have pg_config && pg_config --bindir); do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
            echo "$dir"
            return
        fi
    done
}

# In sbin, which is not on the PATH of every user.
slapd_path() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v slapd || true; }

java_is_new_enough() {
    local major
    have java || return 1
    major="$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')"
    [ "${major:-0}" -ge 17 ]
}

install_packages() {
    local packages=()
    [ -n "$(postgresql_bin)" ] || packages+=(postgresql)
    java_is_new_enough || packages+=(default-jre-headless)
    have curl || packages+=(curl)
    have setpriv && have flock || packages+=(util-linux)
    have pgrep || packages+=(procps)
    [ -n "$(slapd_path)" ] || packages+=(slapd)
    have ldapmodify || packages+=(ldap-utils)
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
    if [ ! -d "$keycloak_home" ]; then
        have mvn || packages+=(maven)
        have unzip || packages+=(unzip)
    fi
    [ "${#packages[@]}" -gt 0 ] || return 0
    have apt-get || fail "missing, and there is no apt-get to install them: ${packages[*]}"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "    packages: ${packages[*]}"
    "${as_root[@]}" apt-get update -q >"$work/apt.log" 2>&1 || fail "apt-get update: $(tail -n 5 "$work/apt.log")"
    # Without a configuration of its own, slapd's package starts no server.
    if [[ " ${packages[*]} " == *" slapd "* ]]; then
        echo "slapd slapd/no_configuration boolean true" | "${as_root[@]}" debconf-set-selections
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}" \
        >>"$work/apt.log" 2>&1 || fail "apt-get install: $(tail -n 20 "$work/apt.log")"
    # PostgreSQL's package does start one, which is not needed.
    if [[ " ${packages[*]} " == *" postgresql "* ]]; then
        pg_lsclusters -h | while read -r version name _; do
            "${as_root[@]}" pg_ctlcluster "$version" "$name" stop || true
        done
    fi
    java_is_new_enough || fail "Keycloak $keycloak_version needs Java 17 or newer, found: $(java -version 2>&1 | head -n 1)"
}

install_keycloak() {
    [ ! -d "$keycloak_home" ] || return 0
    say "    Keycloak $keycloak_version"
    local unpacked="$work/keycloak"
    mkdir -p "$unpacked"
    mvn -B -q dependency:copy -DoutputDirectory="$unpacked" -Dmdep.useBaseVersion=true \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$keycloak_version:zip" \
        >"$work/maven.log" 2>&1 || fail "Keycloak from Maven: $(tail -n 20 "$work/maven.log")"
    unzip -q "$unpacked/keycloak-quarkus-dist-$keycloak_version.zip" -d "$unpacked"
    mv "$unpacked/keycloak-$keycloak_version" "$keycloak_home"
}

install_synapse() {
    # A virtual environment cannot be moved once it is complete, so a file marks it as complete.
    [ ! -e "$synapse_venv/complete" ] || return 0
    say "    Synapse $synapse_version"
    rm -rf "$synapse_venv"
    python3 -m venv "$synapse_venv"
    "$synapse_venv/bin/pip" install -q --disable-pip-version-check \
        "matrix-synapse==$synapse_version" "psycopg2-binary==$psycopg2_version" \
        >"$work/pip.log" 2>&1 || fail "Synapse from PyPI: $(tail -n 20 "$work/pip.log")"
    touch "$synapse_venv/complete"
}

# --- Starting -------------------------------------------------------------------------------------------------------

# Held open together, so that no port is given twice.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
}

secret() { head -c 24 /dev/urandom | base64 | tr -d '+/='; }

wait_for() {
    local name="$1" limit="$2" began=$SECONDS
    shift 2
    until "$@" >/dev/null 2>&1; do
        group_runs "${group_of[$name]}" || gave_up "$name" "ended before it was ready"
        [ $((SECONDS - began)) -lt "$limit" ] || gave_up "$name" "is not ready after $limit s"
        sleep 0.2
    done
}

gave_up() {
    say "real-servers: $1 $2; the end of its log:"
    tail -n 40 "$work/$1.log" | sed 's/^/    | /' >&2
    exit 1
}

answers() { curl -sf --max-time 5 -o /dev/null "$1"; }

start_postgresql() {
    local bin data="$work/postgresql" start_as=()
    bin="$(postgresql_bin)"
    mkdir "$data"
    printf '%s' "$database_password" >"$data.password"
    # PostgreSQL refuses to run as root.
    if [ "$(id -u)" -eq 0 ]; then
        start_as=(--reuid=postgres --regid=postgres --init-groups)
        chmod 711 "$work"
        chown postgres "$data" "$data.password"
    fi
    # Synapse requires the C locale. No data has to survive a crash, so PostgreSQL does not sync to
    # disk.
    (cd / && setpriv "${start_as[@]}" "$bin/initdb" -D "$data/data" -U e2e --pwfile "$data.password" --auth scram-sha-256 \
        --locale C --encoding UTF8 --no-sync) >"$work/initdb.log" 2>&1 || fail "initdb: $(tail -n 20 "$work/initdb.log")"
    start postgresql "$bin/postgres" -D "$data/data" -h 127.0.0.1 -p "$postgresql_port" -k '' \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200
    wait_for postgresql 60 "$bin/pg_isready" -q -h 127.0.0.1 -p "$postgresql_port"
    local name
    for name in keycloak synapse; do
        PGPASSWORD="$database_password" "$bin/createdb" -h 127.0.0.1 -p "$postgresql_port" -U e2e "$name"
    done
}

start_keycloak() {
    # KEYCLOAK_ADMIN is the name before Keycloak 26.
    KEYCLOAK_ADMIN=admin KEYCLOAK_ADMIN_PASSWORD="$keycloak_password" \
    KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD="$keycloak_password" \
    KC_DB_USERNAME=e2e KC_DB_PASSWORD="$database_password" \
    JAVA_OPTS_KC_HEAP="-Xms128m -Xmx768m" JAVA_OPTS_APPEND="-Djava.net.preferIPv4Stack=true" \
        start keycloak "$keycloak_home/bin/kc.sh" start-dev --db=postgres \
        --db-url="jdbc:postgresql://127.0.0.1:$postgresql_port/keycloak" \
        --http-host=127.0.0.1 --http-port="$keycloak_port"
}

start_mas() {
    secret >"$work/mas-secret"
    printf '%s' "$mas_client_secret" >"$work/mas-client-secret"
    # The Admin API on a listener of its own, as MAS's documentation advises.
    start mas "$program" stand-in mas --listen "127.0.0.1:$mas_port" --admin-listen "127.0.0.1:$mas_admin_port" \
        --synapse "$synapse_url" --server-name "$server_name" --secret-file "$work/mas-secret" \
        --client-id "$mas_client_id" --client-secret-file "$work/mas-client-secret"
    wait_for mas 30 answers "http://127.0.0.1:$mas_port/.well-known/openid-configuration"
    printf 'database:\n  uri: "http://127.0.0.1:%s"\nmatrix:\n  homeserver: "%s"\n' "$mas_port" "$server_name" \
        >"$work/mas-cli.yaml"
    # Named `mas-cli` and on the PATH, which is the program's default.
    mkdir "$work/bin"
    printf '#!/bin/sh\nexec "%s" stand-in mas-cli "$@"\n' "$program" >"$work/bin/mas-cli"
    chmod +x "$work/bin/mas-cli"
}

start_synapse() {
    local dir="$work/synapse"
    mkdir "$dir"
    "$synapse_venv/bin/generate_signing_key" -o "$dir/signing.key"
    # One bridge, so that there is a user unknown to MAS.
    cat >"$dir/bridge.yaml" <<YAML
id: bridge
url: null
as_token: "$bridge_token"
hs_token: "$(secret)"
sender_localpart: bridge-bot
rate_limited: false
namespaces:
  users: [{exclusive: true, regex: "@bridged:$server_name"}]
YAML
    cat >"$dir/homeserver.yaml" <<YAML
server_name: "$server_name"
report_stats: false
pid_file: "$dir/homeserver.pid"
media_store_path: "$dir/media"
signing_key_path: "$dir/signing.key"
macaroon_secret_key: "$(secret)"
form_secret: "$(secret)"
trusted_key_servers: []
listeners:
  - {port: $synapse_port, bind_addresses: ["127.0.0.1"], type: http, tls: false, resources: [{names: [client]}]}
database:
  name: psycopg2
  args: {host: 127.0.0.1, port: $postgresql_port, user: e2e, password: "$database_password", dbname: synapse, cp_min: 2, cp_max: 10}
matrix_authentication_service:
  enabled: true
  endpoint: "http://127.0.0.1:$mas_port/"
  secret_path: "$work/mas-secret"
password_config: {enabled: false}
enable_registration: false
presence: {enabled: false}
federation_domain_whitelist: []
app_service_config_files: ["$dir/bridge.yaml"]
rc_message: {per_second: 1000, burst_count: 1000}
rc_login: {address: {per_second: 1000, burst_count: 1000}, account: {per_second: 1000, burst_count: 1000}}
YAML
    start synapse "$synapse_venv/bin/python" -m synapse.app.homeserver -c "$dir/homeserver.yaml"
}

# A copy, because AppArmor may confine slapd by its path to files that the tests do not use.
copy_slapd() { install -m 755 "$(slapd_path)" "$work/slapd"; }

# --- The run --------------------------------------------------------------------------------------------------------

target="$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')"
# PROGRAM can name a built binary, if only the servers are needed.
program="${PROGRAM:-$target/debug/matrix-keycloak-sync}"
work="$(mktemp -d)"

phase "what is missing"
mkdir -p "$cache"
# Two runs at a time would overwrite each other's installation, and Keycloak rewrites its files at
# its first start.
exec 9>"$cache/lock"
have flock && flock 9
install_packages
install_keycloak
install_synapse

# Requests to the loopback address do not use a proxy.
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"
export no_proxy="$NO_PROXY"

read -r postgresql_port keycloak_port mas_port mas_admin_port synapse_port < <(free_ports 5)
database_password="$(secret)" keycloak_password="$(secret)" mas_client_secret="$(secret)" bridge_token="$(secret)"
keycloak_url="http://127.0.0.1:$keycloak_port" synapse_url="http://127.0.0.1:$synapse_port"

phase "PostgreSQL"
start_postgresql

phase "the program and its tests, while Keycloak $keycloak_version starts"
start_keycloak
[ -n "${PROGRAM:-}" ] || cargo test --quiet --test real_servers --no-run

phase "the MAS stand-in, Synapse $synapse_version, Keycloak"
start_mas
start_synapse
copy_slapd
wait_for synapse 120 answers "$synapse_url/health"
wait_for keycloak 240 answers "$keycloak_url/realms/master"
exec 9>&-

export E2E_KEYCLOAK_URL="$keycloak_url" E2E_KEYCLOAK_ADMIN=admin E2E_KEYCLOAK_ADMIN_PASSWORD="$keycloak_password"
export E2E_SYNAPSE_URL="$synapse_url" E2E_SERVER_NAME="$server_name"
export E2E_DATABASES="postgresql://e2e:$database_password@127.0.0.1:$postgresql_port"
export E2E_MAS_CLI=mas-cli E2E_MAS_CONFIG="$work/mas-cli.yaml"
export E2E_MAS_ADMIN_URL="http://127.0.0.1:$mas_admin_port" E2E_MAS_ISSUER="http://127.0.0.1:$mas_port/"
export E2E_MAS_CLIENT_ID="$mas_client_id" E2E_MAS_CLIENT_SECRET="$mas_client_secret"
export E2E_BRIDGE_TOKEN="$bridge_token" E2E_BRIDGE_USER=bridged
export E2E_SLAPD="$work/slapd" E2E_LDAP_SCHEMA=/etc/ldap/schema
export PATH="$work/bin:$PATH"

if [ "${1:-}" = --serve ]; then
    serving=true
    phase "serving until Ctrl-C"
    export -p | sed -n -E 's/^declare -x ((E2E_[A-Z_]+|NO_PROXY|PATH)=.*)/export \1/p'
    sleep infinity &
    wait $!
    exit
fi

# Runs in the background, because bash runs no trap while it waits for a foreground command. More
# tests at a time than processors would only wait for Keycloak.
start_tests() {
    RUST_TEST_THREADS=$(nproc) setsid setpriv --pdeathsig TERM cargo test --quiet --test real_servers -- --ignored --nocapture "$@" 9>&- &
    group_of[tests]=$!
    started+=(tests)
}

# Restarts one of the three, as after a crash or an update. MAS's stand-in keeps its database, as
# the real one does.
restart() {
    say "    restarting $1"
    case "$1" in
    mas)
        kill -HUP -- "-${group_of[mas]}"
        sleep 4
        ;;
    synapse)
        stop synapse TERM
        rm -rf "$work/synapse"
        start_synapse
        wait_for synapse 120 answers "$synapse_url/health"
        ;;
    keycloak)
        stop keycloak TERM
        start_keycloak
        wait_for keycloak 240 answers "$keycloak_url/realms/master"
        ;;
    esac
}

soak() {
    export E2E_SOAK_SECONDS="$1" E2E_SOAK_DIRECTORY="$work"
    phase "$E2E_SOAK_SECONDS s of restarts"
    local servers turn
    start_tests soak
    servers=(mas synapse keycloak)
    # Nothing is restarted while the accounts and the directory are being created.
    until [ -e "$work/soak-begun" ] || ! group_runs "${group_of[tests]}"; do sleep 0.5; done
    # Restarts each at least once, even in a short soak.
    for ((turn = 0; ; turn++)); do
        sleep $((RANDOM % 8 + 4))
        if [ -e "$work/soak-enough" ] || ! group_runs "${group_of[tests]}"; then break; fi
        if [ "$turn" -lt 3 ]; then restart "${servers[turn]}"; else restart "${servers[RANDOM % 3]}"; fi
    done
    touch "$work/soak-all-up"
    wait "${group_of[tests]}"
}

if [ "${1:-}" = --soak ]; then
    soak "${2:-1800}"
    exit
fi

phase "the tests"
start_tests --skip soak "$@"
wait "${group_of[tests]}"
if [ $# -eq 0 ]; then
    soak 60
fi
