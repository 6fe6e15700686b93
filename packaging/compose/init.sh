#!/usr/bin/env bash
# Creates what compose.yaml needs and no one may commit: the secrets, a folder for each container, readable by its user only.
#
#   sudo ./init.sh   keeps what is there
#
# To replace the secret of this program for MAS, or that of Synapse and MAS, delete it in both folders, run this again, and start the
# containers again. The others are in a database too (the passwords of PostgreSQL, Keycloak's clients), or are the identity and the
# data of a server (its signing key, MAS's key of encryption): replace the former there first, and never the latter.
#
# For the try-out it also makes an authority and a certificate for the names in the Caddyfile.

set -euo pipefail
umask 077
cd "$(dirname "${BASH_SOURCE[0]}")"

[ "$(id -u)" -eq 0 ] || {
    echo "init: run it as root: the files belong to the users of the containers" >&2
    exit 1
}

# The users in the images.
declare -A user_of=([proxy]=0 [postgres]=999 [keycloak]=1000 [mas]=65532 [synapse]=991 [matrix-keycloak-sync]=65532)

# openssl prints its progress even if all is well.
quietly() {
    local said
    said="$("$@" 2>&1)" || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

# Creates one secret and puts it into each of these files, the first one last: without it, all are written again.
secret() {
    local first="$1" value file
    shift
    [ ! -e "secrets/$first" ] || return 0
    value="$(openssl rand -hex 32)"
    for file in "$@" "$first"; do
        printf '%s' "$value" >"secrets/$file"
    done
}

certificate() {
    local domain
    domain="$(sed -n 's/^server_name = "\(.*\)"$/\1/p' config.toml)"
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=try-out of $domain" \
        -addext keyUsage=critical,keyCertSign -keyout secrets/ca.key -out secrets/ca.pem
    # No one needs the key of the authority again: it signs this certificate only.
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=$domain" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
        -addext "subjectAltName=DNS:$domain,DNS:sso.$domain,DNS:auth.$domain,DNS:matrix.$domain" \
        -CA secrets/ca.pem -CAkey secrets/ca.key -keyout secrets/proxy/tls.key -out secrets/proxy/tls.pem
    rm secrets/ca.key
    cp secrets/ca.pem secrets/mas/
    cp secrets/ca.pem secrets/matrix-keycloak-sync/
}

for name in "${!user_of[@]}"; do
    mkdir -p "secrets/$name"
done
mkdir -p secrets/mas/keys

secret postgres/postgres
secret postgres/keycloak keycloak/database
secret postgres/mas mas/database
secret postgres/synapse
secret keycloak/admin
secret keycloak/matrix-sync matrix-keycloak-sync/keycloak
secret keycloak/mas mas/keycloak
secret mas/matrix-keycloak-sync matrix-keycloak-sync/mas
secret mas/synapse synapse/mas
secret mas/encryption
secret synapse/macaroon
secret synapse/form
printf 'postgres:5432:synapse:synapse:%s\n' "$(cat secrets/postgres/synapse)" >secrets/synapse/pgpass
[ -e secrets/synapse/signing.key ] ||
    printf 'ed25519 a_%s %s\n' "$(openssl rand -hex 2)" "$(openssl rand -base64 32 | tr -d '=')" >secrets/synapse/signing.key
[ -e secrets/mas/keys/rsa.pem ] ||
    quietly openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out secrets/mas/keys/rsa.pem
if grep -q '# try-out$' Caddyfile && [ ! -e secrets/matrix-keycloak-sync/ca.pem ]; then
    certificate
fi

for name in "${!user_of[@]}"; do
    find "secrets/$name" -type f -exec chmod 0400 {} +
    chown -R "${user_of[$name]}:0" "secrets/$name"
done
install -d -m 0700 -o "${user_of[synapse]}" -g "${user_of[synapse]}" synapse-data
