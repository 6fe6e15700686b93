#!/usr/bin/env bash
# Measures all figures of docs/performance.md on this machine, and updates the page.
#
#   benches/run.sh [SIZE…]   stand-ins on the loopback address, 0, 5 and 50 ms away, with 10,000, 100,000 and 1,000,000
#                            members and accounts unless other sizes are named; the planner alone; the picture
#   benches/run.sh --real    a real Keycloak and a real Synapse with 20,000 each, made as rows of their databases; those
#                            that tests/real-servers.sh --serve has started, or else its own
#
# Ends with 1 if a figure is outside the promised bounds. Needs bash, awk and cargo.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=docs/performance.md
picture=docs/pictures/performance.svg
real_size=20000
work="$(mktemp -d)"
servers=""
kept=0

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "run: $*"
    exit 1
}

finish() {
    local code=$?
    trap - EXIT
    [ -z "$servers" ] || { kill -TERM "$servers" 2>/dev/null && wait "$servers" || true; }
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- The machine and the page ---------------------------------------------------------------------------------------

machine() {
    local model memory
    model="$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
    memory="$(awk '/^MemTotal/ {printf "%.0f", $2 / 1048576}' /proc/meminfo)"
    printf '%s cores of %s, %s GiB of memory, %s, %s' "$(nproc)" "${model:-an unknown processor}" "$memory" \
        "$(uname -sr)" "$(date -u +%F)"
}

grouped() { sed -E ':again; s/(^|[^0-9.])([0-9]+)([0-9]{3})/\1\2,\3/; t again'; }

# Replaces the text between the two markers of this name.
write_down() {
    local name="$1" text="$2"
    grep -qF "<!-- $name -->" "$page" || fail "$page has no marker $name"
    awk -v name="$name" -v text="$text" '
        $0 == "<!-- end of " name " -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- " name " -->" { inside = 1; print ""; while ((getline line < text) > 0) print line; print "" }
    ' "$page" >"$work/page"
    cat "$work/page" >"$page"
}

table() {
    echo '| size | read | servers | late | bare client | plan | ratio | requests bare / plan | peak of bare / plan | plan above idle |'
    echo '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |'
    awk -F '\t' '{
        printf "| %d | %s | %s | %s ms | %.3f s | %.3f s | %.2f | %d / %d | %.1f / %.1f MiB | %.1f MiB |\n",
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
    }' | grouped
}

# A failed bench sets the exit code, so that all figures are still written.
bench() {
    cargo bench --quiet --bench scale -- --into "$work/rows" "$@" | tee -a "$work/said" || kept=1
}

# --- The planner ----------------------------------------------------------------------------------------------------

# divan's medians, in milliseconds: SIZE MEDIAN.
medians() {
    grep -E '^ +(├|╰)─ [0-9]+ ' "$1" | awk -F '│' '{
        split($1, begin, " "); split($3, median, " ")
        factor = median[2] == "s" ? 1000 : median[2] == "ms" ? 1 : 0.001
        print begin[2], median[1] * factor
    }'
}

planner() {
    cargo bench --quiet --bench planning | tee "$work/planning"
    medians "$work/planning" >"$work/medians"
    {
        echo '| size | median | of one row | growth |'
        echo '| ---: | ---: | ---: | ---: |'
        awk '{
            growth = NR > 1 ? sprintf("%.1f times for %.0f times the rows", $2 / median, $1 / size) : "–"
            printf "| %d | %.1f ms | %.0f ns | %s |\n", $1, $2, $2 * 1e6 / $1, growth
            size = $1; median = $2
        }' "$work/medians" | grouped
    } >"$work/planner"
    awk '$1 == 1000000 {
        printf "\nplanning 1,000,000 members and accounts: %.0f ms, %s\n", $2, $2 <= 1000 ? "within one second" : "NOT within one second"
        exit $2 > 1000
    }' "$work/medians" || kept=1
}

# --- Real servers ---------------------------------------------------------------------------------------------------

admin_token() {
    curl -sf --data-urlencode grant_type=password --data-urlencode client_id=admin-cli \
        --data-urlencode "username=$E2E_KEYCLOAK_ADMIN" --data-urlencode "password=$E2E_KEYCLOAK_ADMIN_PASSWORD" \
        "$E2E_KEYCLOAK_URL/realms/master/protocol/openid-connect/token" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}

serve_real_servers() {
    tests/real-servers.sh --serve >"$work/variables" &
    servers=$!
    until grep -q '^export PATH=' "$work/variables"; do
        kill -0 "$servers" 2>/dev/null || fail "the real servers did not start"
        sleep 1
    done
    # shellcheck source=/dev/null
    . "$work/variables"
}

# An empty realm, and all users as rows of Keycloak's own tables: its import takes minutes for this
# many.
import_into_keycloak() {
    say "==> $real_size users into Keycloak"
    KC_CLIENT_SECRET="$(head -c 24 /dev/urandom | base64 | tr -d '+/=')"
    export KC_URL="$E2E_KEYCLOAK_URL" KC_REALM=scale KC_GROUP_NAME=matrix-users KC_CLIENT_ID=matrix-sync KC_CLIENT_SECRET
    cat >"$work/realm.json" <<JSON
{
    "realm": "scale", "enabled": true, "groups": [{"name": "matrix-users"}],
    "clients": [{"clientId": "matrix-sync", "secret": "$KC_CLIENT_SECRET", "publicClient": false,
        "serviceAccountsEnabled": true, "standardFlowEnabled": false}],
    "users": [{"username": "service-account-matrix-sync", "enabled": true, "serviceAccountClientId": "matrix-sync",
        "clientRoles": {"realm-management": ["view-users", "view-realm"]}}]
}
JSON
    curl -sf --max-time 300 -X POST -H "Authorization: Bearer $(admin_token)" -H 'Content-Type: application/json' \
        --data-binary "@$work/realm.json" "$E2E_KEYCLOAK_URL/admin/realms" || fail "Keycloak does not take the realm"
    psql --quiet --set ON_ERROR_STOP=1 "$E2E_DATABASES/keycloak" <<SQL
INSERT INTO user_entity (id, username, email, email_constraint, email_verified, enabled, first_name, last_name, realm_id,
        created_timestamp, not_before)
    SELECT gen_random_uuid(), person, person || '@example.org', person || '@example.org', true, true, initcap(person),
        'Test', realm.id, extract(epoch FROM now())::bigint * 1000, 0
    FROM realm, generate_series(0, $real_size - 1) n, concat('person-', to_char(n, 'FM00000')) person
    WHERE realm.name = 'scale';
INSERT INTO user_group_membership (group_id, user_id, membership_type)
    SELECT keycloak_group.id, user_entity.id, 'UNMANAGED' FROM keycloak_group, user_entity, realm
    WHERE keycloak_group.name = 'matrix-users' AND user_entity.username LIKE 'person-%'
        AND keycloak_group.realm_id = realm.id AND user_entity.realm_id = realm.id AND realm.name = 'scale';
ANALYZE user_entity; ANALYZE user_group_membership;
SQL
}

# Rows of Synapse's own tables: registration would take a process for each account.
import_into_synapse() {
    say "==> $real_size accounts into Synapse"
    psql --quiet --set ON_ERROR_STOP=1 "$E2E_DATABASES/synapse" <<SQL
INSERT INTO users (name, creation_ts)
    SELECT '@person-' || to_char(n, 'FM00000') || ':$E2E_SERVER_NAME', extract(epoch FROM now()) FROM generate_series(0, $real_size - 1) n;
INSERT INTO profiles (user_id, full_user_id, displayname)
    SELECT 'person-' || to_char(n, 'FM00000'), '@person-' || to_char(n, 'FM00000') || ':$E2E_SERVER_NAME', 'Person ' || n
    FROM generate_series(0, $real_size - 1) n;
ANALYZE users; ANALYZE profiles;
SQL
    local mas=("$E2E_MAS_CLI" --config "$E2E_MAS_CONFIG" manage) tries
    "${mas[@]}" register-user --yes scale-bot >/dev/null 2>&1
    for ((tries = 0; tries < 100; tries++)); do
        MATRIX_ADMIN_TOKEN="$("${mas[@]}" issue-compatibility-token scale-bot \
            --yes-i-want-to-grant-synapse-admin-privileges 2>&1 | grep -oE 'mct_[A-Za-z0-9_]+' | head -n 1 || true)"
        [ -z "$MATRIX_ADMIN_TOKEN" ] || break
        sleep 0.2
    done
    [ -n "$MATRIX_ADMIN_TOKEN" ] || fail "no token for Synapse"
    export MATRIX_URL="$E2E_SYNAPSE_URL" MATRIX_SERVER_NAME="$E2E_SERVER_NAME" MAS_CONFIG="$E2E_MAS_CONFIG" MATRIX_ADMIN_TOKEN
}

# --- The run --------------------------------------------------------------------------------------------------------

touch "$work/rows" "$work/said"
if [ "${1:-}" = --real ]; then
    cargo build --quiet --release
    cargo bench --quiet --bench scale --no-run
    PROGRAM="$(cargo metadata --format-version 1 --no-deps |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release/matrix-keycloak-sync"
    export PROGRAM
    [ -n "${E2E_KEYCLOAK_URL:-}" ] || serve_real_servers
    import_into_keycloak
    import_into_synapse
    bench real
    {
        echo "$(machine). Keycloak $(sed -n 's/^keycloak_version=//p' tests/real-servers.sh) and" \
            "Synapse $(sed -n 's/^synapse_version=//p' tests/real-servers.sh) on the same machine; the fastest of five rounds."
        echo
        table <"$work/rows"
    } >"$work/real"
    write_down 'figures of real servers' "$work/real"
else
    sizes=("$@")
    [ "$#" -gt 0 ] || sizes=(10000 100000 1000000)
    bench "${sizes[@]}"
    planner
    idle="$(sed -n 's/.*the idle one has \([0-9.]*\) MiB.*/\1/p' "$work/said")"
    {
        echo "$(machine)."
        echo "The fastest of five rounds, of three at a million; the idle process has $idle MiB."
        echo
        table <"$work/rows"
    } >"$work/figures"
    write_down 'figures of stand-ins' "$work/figures"
    awk -f benches/picture.awk "$page" >"$picture"
    write_down 'figures of the planner' "$work/planner"
fi
exit "$kept"
