#!/usr/bin/env bash
# Evaluates the NixOS module and the modules on its page, and compares the units that it makes with the Debian package's.
#
#   packaging/nixos/check.sh
#
# Installs nix-bin (apt) if it is missing. Builds nothing and needs neither nixpkgs nor a network; if NIX_PATH has nixpkgs, its
# own functions and types are used as well.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

page=docs/deployments/nixos.md
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "nixos: $*"
    exit 1
}

install_what_is_missing() {
    local as_root=()
    ! command -v nix-instantiate >/dev/null 2>&1 || return 0
    command -v apt-get >/dev/null 2>&1 || fail "there is no nix-instantiate, and no apt-get to install it"
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -q >"$work/apt.log" 2>&1 || true
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nix-bin \
        >>"$work/apt.log" 2>&1 || fail "apt-get install nix-bin: $(tail -n 5 "$work/apt.log")"
}

# Nothing is built, so its store can be a folder of this run.
nix() {
    NIX_STORE_DIR=/nix/store NIX_STATE_DIR="$work/state" NIX_LOG_DIR="$work/log" NIX_CONF_DIR="$work" \
        NIX_LOCALSTATE_DIR="$work" nix-instantiate "$@" 2>"$work/nix.log" || fail "$(cat "$work/nix.log")"
}

# The blocks of the page, each as a file; those that configure the program are evaluated too.
blocks() {
    awk -v folder="$work" '/^```nix$/ { open = ++number; next } /^```$/ { open = 0 }
        open { print > (folder "/block-" open ".nix") }' "$page"
}

install_what_is_missing
blocks
pages=()
for block in "$work"/block-*.nix; do
    nix --parse "$block" >/dev/null
    if grep -q 'services.matrix-keycloak-sync = ' "$block"; then pages+=("$block"); fi
done
[ "${#pages[@]}" -ge 2 ] || fail "$page has no configurations"

nix --eval --strict --json packaging/nixos/check.nix --arg pages "[ ${pages[*]} ]" >"$work/units.json"
if nix-instantiate --eval -E '<nixpkgs/lib>' >/dev/null 2>&1; then
    nix --eval --strict --json packaging/nixos/check.nix --arg pages "[ ${pages[*]} ]" --arg nixpkgs '<nixpkgs/lib>' \
        >"$work/units-of-nixpkgs.json"
    with_nixpkgs=", with the types of nixpkgs too"
else
    with_nixpkgs=""
fi

python3 - "$work"/units*.json <<'PYTHON' || fail "the module does not make what it should"
import json, re, subprocess, sys

wrong = []
def want(condition, what):
    if not condition:
        wrong.append(what)

def of_debian(name):
    """A unit of the Debian package: sections with lists of values."""
    sections, section = {}, None
    for line in open(f"packaging/debian/units/{name}"):
        line = line.strip()
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            section.setdefault(key, []).append(value)
    return sections

def plain(value):
    values = value if isinstance(value, list) else [value]
    return [{True: "yes", False: "no"}[each] if isinstance(each, bool) else str(each) for each in values]

# What differs on purpose: paths of the store, variables as `environment`, a configuration that needs no group, and credentials
# that the administrator names, so that none is missing.
ELSEWHERE = {"Environment", "ExecStart", "ExecReload", "SupplementaryGroups", "LoadCredential", "SetCredential"}
STORE = "/nix/store/00000000000000000000000000000000-"

def compare(what, unit, debian):
    theirs = {key: values for key, values in debian["Service"].items() if key not in ELSEWHERE}
    ours = {key: plain(value) for key, value in unit["serviceConfig"].items() if key not in ELSEWHERE}
    for key in sorted(theirs.keys() | ours.keys()):
        want(theirs.get(key) == ours.get(key), f"{what}: {key} is {ours.get(key)}, but {theirs.get(key)} for Debian")
    variables = dict(each.split("=", 1) for each in debian["Service"]["Environment"])
    got = {key: value for key, value in unit["environment"].items() if key.startswith("MATRIX_")}
    want(got == variables, f"{what}: its variables are {got}, but {variables} for Debian")
    for key in ("ExecStart", "ExecReload"):
        theirs_runs = [line.rsplit("/", 1)[1] for line in debian["Service"].get(key, [])]
        ours_runs = [line.removeprefix(STORE).rsplit("/", 1)[1] for line in plain(unit["serviceConfig"].get(key, []))]
        want(theirs_runs == ours_runs, f"{what}: {key} is {ours_runs}, but {theirs_runs} for Debian")
    want(unit["serviceConfig"]["LoadCredential"] == ["keycloak:/run/keys/keycloak", "synapse:/run/keys/it's"],
         f"{what}: its credentials are {unit['serviceConfig']['LoadCredential']}")
    want(unit["description"] == debian["Unit"]["Description"][0], f"{what}: another description than Debian's")

def runner(what, made):
    """matrix-keycloak-sync-run has all settings of the unit that are not about starting it."""
    (unit,) = made["services"].values()
    call = subprocess.run(
        ["bash", "-c", 'id() { echo 0; }; exec() { printf "%s\\0" "$@"; }\n' + made["run"], "run", "plan", "--full"],
        capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    given = [word.removeprefix("--property=") for word in call if word.startswith("--property=")]
    started = re.compile("Exec|Restart|RuntimeDirectory|Standard|Timeout|Type$|NotifyAccess$|WatchdogSec$")
    name = next(word for word in call if word.startswith("--unit=")).removeprefix("--unit=")
    expected = []
    for key, value in sorted(unit["serviceConfig"].items()):
        if not started.match(key):
            values = [{True: "true", False: "false"}[each] if isinstance(each, bool) else str(each)
                      for each in (value if isinstance(value, list) else [value])]
            expected += [f"{key}={each}".replace("%d", f"/run/credentials/{name}") for each in values]
    want(given == expected, f"{what}: matrix-keycloak-sync-run has {set(given) ^ set(expected)}")
    for variable in ("MATRIX_KEYCLOAK_SYNC_CONFIG=/etc/matrix-keycloak-sync/config.toml",
                     "MATRIX_KEYCLOAK_SYNC_COMMAND=matrix-keycloak-sync-run"):
        want(f"--setenv={variable}" in call, f"{what}: matrix-keycloak-sync-run has no {variable}")
    want("--setenv=LOCALE_ARCHIVE=" not in call, f"{what}: matrix-keycloak-sync-run sets what is not set")
    want(call[0] == "systemd-run" and call[-2:] == ["plan", "--full"], f"{what}: matrix-keycloak-sync-run runs {call[-3:]}")

def look_at(made):
    watch, timer, mas_cli = made["watch"], made["timer"], made["mas-cli"]
    want(list(watch["services"]) == ["matrix-keycloak-sync"] and watch["timers"] == {}, "watch: other units")
    want(list(timer["services"]) == list(timer["timers"]) == ["matrix-keycloak-sync-sync"], "timer: other units")
    service = watch["services"]["matrix-keycloak-sync"]
    compare("watch", service, of_debian("matrix-keycloak-sync.service"))
    want(service["wantedBy"] == ["multi-user.target"], "watch: is not started")
    once = timer["services"]["matrix-keycloak-sync-sync"]
    compare("timer", once, of_debian("matrix-keycloak-sync-sync.service"))
    want(once["wantedBy"] == [], "timer: its service is started without the timer")
    times = timer["timers"]["matrix-keycloak-sync-sync"]
    want(times["wantedBy"] == ["timers.target"] and times["timerConfig"]["OnUnitInactiveSec"] == "1h", f"timer: {times}")
    want(str(times["timerConfig"]["RandomizedDelaySec"]) == of_debian("matrix-keycloak-sync-sync.timer")["Timer"]
         ["RandomizedDelaySec"][0], "timer: another delay than Debian's")
    changed = {key for key, value in mas_cli["services"]["matrix-keycloak-sync"]["serviceConfig"].items()
               if value != service["serviceConfig"].get(key)}
    want(changed == {"MemoryDenyWriteExecute"}, f"with mas-cli there are other limits: {changed}")
    want(watch["settings"]["watch"]["interval"] == "15m", "watch: interval is not its interval")
    want(made["own-interval"]["settings"]["watch"]["interval"] == "5m", "watch: settings do not win over interval")
    want("watch" not in timer["settings"], "timer: its configuration has a section for watch")
    want(watch["settings"]["state_file"] == "/var/lib/matrix-keycloak-sync/state.db", "another state file than Debian's")
    bare = made["no-credentials"]["services"]["matrix-keycloak-sync"]["serviceConfig"]
    want(bare["LoadCredential"] == [] and "BindReadOnlyPaths" not in bare, "without credentials it mounts some")
    for name in ("watch", "timer", "mas-cli", "no-credentials"):
        want(made[name]["wrong"] == [], f"{name}: {made[name]['wrong']}")
        runner(name, made[name])
    for name, messages in made["wrong"].items():
        want(len(messages) == 1, f"{name}: refused for {messages}")

    keys = set(re.findall(r"^### `([a-z_.]+)`$", open("docs/configuration.md").read(), re.M))
    def leaves(prefix, value):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(prefix + [key], inner)
        else:
            yield ".".join(prefix), value
    for number, page in enumerate(made["pages"], 1):
        want(page["wrong"] == [], f"configuration {number} on the page: {page['wrong']}")
        settings = dict(leaves([], page["settings"]))
        for key in settings:
            want(key in keys or key.removesuffix("_file") in keys, f"configuration {number} on the page: no key {key}")
        want((settings.get("policy.disable"), settings.get("policy.deactivate_after")) == ("lock", "30d"),
             f"configuration {number} on the page does not lock first")
        runner(f"configuration {number} on the page", page)

    package = made["package"]
    cargo = open("Cargo.toml").read()
    want(f'\nversion = "{package["version"]}"' in cargo and f'\ndescription = "{package["description"]}"' in cargo
         and f'\nlicense = "{package["license"]}"' in cargo, "package.nix: not as Cargo.toml")
    image = {line[1:].strip() for line in open(".containerignore") if line.startswith("!")}
    want(set(package["src"]) == image, f"package.nix: other files than the image: {set(package['src']) ^ image}")
    subprocess.run(["bash", "-n"], input=package["postInstall"], text=True, check=True)

for path in sys.argv[1:]:
    look_at(json.load(open(path)))
for what in wrong:
    print(what, file=sys.stderr)
sys.exit(1 if wrong else 0)
PYTHON
say "    the module: watch, timer and ${#pages[@]} configurations of the page, with Debian's limits$with_nixpkgs"
