"""Checks the files of this folder against each other and against chart.yaml, what they rely on in ESS Community's chart.

    packaging/ess/check.py RENDERED [ESS]

RENDERED: the manifests of our chart with values.yaml. ESS: those of ESS's chart with one of the files for it; then chart.yaml
is compared with them. packaging/check.sh calls it. Needs PyYAML and jsonschema.
"""

import base64
import copy
import re
import sys
import tomllib
from pathlib import Path
from textwrap import dedent
from urllib.parse import urlsplit

import jsonschema
import yaml

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs/deployments/ess.md"
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")

wrong = []


def want(condition, what):
    if not condition:
        wrong.append(what)


def documents(path):
    return [document for document in yaml.safe_load_all(Path(path).read_text()) if document]


def the(kind, path):
    found = [document for document in documents(path) if document["kind"] == kind]
    if len(found) != 1:
        sys.exit(f"{path}: {len(found)} of kind {kind}")
    return found[0]


def merged(first, second):
    """Merges as ESS's chart does: maps by key, lists one after the other, else the second."""
    if isinstance(first, dict) and isinstance(second, dict):
        result = dict(first)
        for key, value in second.items():
            result[key] = merged(result[key], value) if key in result else value
        return result
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    return copy.deepcopy(second)


def selects(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


def mounted_files(mas):
    """Returns the files of Secrets in MAS's container, each with Secret and key."""
    volumes = {volume["name"]: volume["secret"] for volume in mas["extraVolumes"]}
    files = {}
    for mount in mas["extraVolumeMounts"]:
        secret = volumes[mount["name"]]
        for item in secret["items"]:
            files[f"{mount['mountPath']}/{item['path']}"] = (secret["secretName"], item["key"])
    return files


def check_mas(name, chart):
    """Checks values for ESS's chart and returns the port, whether it has TLS, the client, and its secret's place."""
    values = yaml.safe_load((HERE / name).read_text())
    for error in jsonschema.Draft202012Validator(chart["values"]).iter_errors(values):
        want(False, f"{name}: {error.json_path}: {error.message}")
    if wrong:
        sys.exit("\n".join(wrong))
    mas = values["matrixAuthenticationService"]
    ours = {}
    for key in sorted(mas["additional"]):
        ours = merged(ours, yaml.safe_load(mas["additional"][key]["config"]))
    for section in chart["owned"]:
        want(section not in ours, f"{name}: the chart writes the section {section} itself")
    whole = merged(merged(chart["before"], ours), chart["after"])

    listeners = whole["http"]["listeners"]
    names = [listener["name"] for listener in listeners]
    ports = [bind["port"] for listener in listeners for bind in listener["binds"]]
    want(len(set(names)) == len(names), f"{name}: two listeners have one name: {names}")
    want(len(set(ports)) == len(ports), f"{name}: two listeners have one port: {ports}")
    alone = [listener for listener in listeners if listener["resources"] == [{"name": "adminapi"}]]
    want(len(alone) == 1 and len(alone[0]["binds"]) == 1, f"{name}: not one listener has adminapi alone")

    files = mounted_files(mas)
    (client,) = whole["clients"]
    want(ULID.fullmatch(client["client_id"]), f"{name}: the client's ID is not a ULID")
    want(client["client_auth_method"] == "client_secret_basic", f"{name}: not client_secret_basic")
    want("redirect_uris" not in client and "client_secret" not in client, f"{name}: the client has too much")
    want(whole["policy"]["data"]["admin_clients"] == [client["client_id"]], f"{name}: another admin client")
    tls = alone[0].get("tls", {})
    for file in [client["client_secret_file"], *tls.values()]:
        want(file in files, f"{name}: nothing is mounted at {file}")
    return alone[0]["binds"][0]["port"], bool(tls), client["client_id"], files.get(client["client_secret_file"])


def check_service(chart, port):
    """Checks our Service and returns its host names."""
    service = the("Service", HERE / "service.yaml")
    spec, metadata = service["spec"], service["metadata"]
    want(spec.get("type", "ClusterIP") == "ClusterIP", "service.yaml: more than the cluster can reach it")
    want(selects(spec["selector"], chart["pods"]["mas"]["labels"]), "service.yaml: other pods than MAS's")
    want([(each["port"], each["targetPort"]) for each in spec["ports"]] == [(port, port)], "service.yaml: another port")
    want(metadata["name"] not in chart["services"], "service.yaml: the chart has a Service of this name")
    want(metadata["namespace"] == chart["namespace"], "service.yaml: another namespace than ESS's")
    return f"{metadata['name']}.{metadata['namespace']}.svc"


def check_policy(chart, port, pod):
    """Checks that only our pod reaches the port, and that ESS still works."""
    policy = the("NetworkPolicy", HERE / "networkpolicy.yaml")
    spec = policy["spec"]
    want(policy["metadata"]["namespace"] == chart["namespace"], "networkpolicy.yaml: another namespace than ESS's")
    want(spec["policyTypes"] == ["Ingress"], "networkpolicy.yaml: more than ingress")
    want(selects(spec["podSelector"].get("matchLabels"), chart["pods"]["mas"]["labels"]), "networkpolicy.yaml: other pods")
    peers = {}
    for rule in spec["ingress"]:
        want(rule.get("from") and rule.get("ports"), "networkpolicy.yaml: a rule without peers or ports allows all")
        for each in rule.get("ports", []):
            want("endPort" not in each, "networkpolicy.yaml: a range of ports")
            peers.setdefault(each.get("port"), []).extend(rule.get("from", []))
    want(None not in peers, "networkpolicy.yaml: every port")
    ours = peers.get(port, [])
    want(len(ours) == 1 and set(ours[0]) == {"podSelector"}, f"networkpolicy.yaml: port {port} is not for our pod alone")
    labels = ours[0]["podSelector"].get("matchLabels") if ours else None
    want(labels and selects(labels, pod), f"networkpolicy.yaml: port {port} is for another pod than the chart's")
    for name, other in chart["pods"].items():
        want(not selects(labels, other["labels"]), f"networkpolicy.yaml: port {port} is for {name} too")
    public = chart["services"]["ess-matrix-authentication-service"]["ports"]["http"]
    within = [peer["podSelector"].get("matchLabels") for peer in peers.get(public, []) if set(peer) == {"podSelector"}]
    for name in ("synapse", "haproxy"):
        allowed = any(selects(selector, chart["pods"][name]["labels"]) for selector in within)
        want(allowed, f"networkpolicy.yaml: {name} does not reach MAS's port {public}")
    outside = [peer for peer in peers.get(public, []) if "namespaceSelector" in peer]
    want(outside, f"networkpolicy.yaml: no ingress controller reaches MAS's port {public}")


def check_ingress(name, chart, host, refuses):
    """Checks an Ingress for the Admin API at MAS's public address."""
    ingress = the("Ingress", HERE / name)
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    want(rule["host"] == host, f"{name}: another host than the issuer's, {host}")
    want((path["path"], path["pathType"]) == ("/api/admin", "Prefix"), f"{name}: another path")
    backend = path["backend"]["service"]
    place = f"{backend['name']}/{backend['port']['name']}"
    ports = chart["services"].get(backend["name"], {"ports": {}})["ports"]
    want(backend["port"]["name"] in ports, f"{name}: the chart has no port {place}")
    want((place in chart["refusing"]) == refuses, f"{name}: {place} is the wrong backend")
    if not refuses:
        middleware = the("Middleware", HERE / name)
        want(middleware["apiVersion"] == "traefik.io/v1alpha1", f"{name}: another version of Traefik's kind")
        want(middleware["spec"].keys() == {"ipAllowList"}, f"{name}: another middleware")
        want(middleware["spec"]["ipAllowList"]["sourceRange"], f"{name}: no network")
        names = f"{middleware['metadata']['namespace']}-{middleware['metadata']['name']}@kubernetescrd"
        annotations = ingress["metadata"]["annotations"]
        want(annotations == {"traefik.ingress.kubernetes.io/router.middlewares": names}, f"{name}: not its middleware")


def check_ours(chart, rendered, port, tls, client, secret, host):
    """Checks our chart's manifests and returns the labels of the pod and the configuration."""
    deployment = the("Deployment", rendered)
    pod = deployment["spec"]["template"]
    want(deployment["metadata"]["namespace"] == chart["namespace"], "values.yaml: another namespace than ESS's")
    text = the("ConfigMap", rendered)["data"]["config.toml"]
    config = tomllib.loads(text)
    api = config["writer"]["mas_api"]
    url = urlsplit(api["url"])
    want((url.scheme, url.hostname, url.port) == ("https" if tls else "http", host, port), f"values.yaml: {api['url']}")
    want(api.get("allow_http", False) == (not tls), "values.yaml: allow_http does not fit the address")
    want(api["client_id"] == client, "values.yaml: another client")
    volumes = {volume["name"]: volume.get("secret", {}).get("secretName") for volume in pod["spec"]["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    folder, _, key = api["client_secret_file"].rpartition("/")
    want((mounts.get(folder), key) == secret, "values.yaml: another Secret than MAS's")
    rules = the("NetworkPolicy", rendered)["spec"]["egress"]
    synapse = chart["services"]["ess-synapse"]["ports"]["haproxy-synapse"]
    for name, number in (("mas", port), ("haproxy", synapse)):
        labels = chart["pods"][name]["labels"]
        reached = any(
            each.get("port") == number
            and any(selects(peer.get("podSelector", {}).get("matchLabels"), labels) for peer in rule["to"])
            for rule in rules
            for each in rule["ports"]
        )
        want(reached, f"values.yaml: the pod may not connect to {name} at port {number}")
    return pod["metadata"]["labels"], text, urlsplit(api["issuer"]).hostname


def check_chart(chart, manifests):
    """Compares the description with the chart's own manifests."""
    found = {(document["kind"], document["metadata"]["name"]): document for document in documents(manifests)}
    mas = found["Deployment", "ess-matrix-authentication-service"]
    version = mas["metadata"]["labels"]["helm.sh/chart"]
    want(version.removesuffix("-dev") == f"{chart['name']}-{chart['version']}", f"chart.yaml: not for {version}")
    image = mas["spec"]["template"]["spec"]["containers"][0]["image"]
    want(image.endswith(f":{chart['mas']}"), f"chart.yaml: another MAS than {image}")
    pods = [
        document["spec"]["template"]["metadata"]["labels"]
        for (kind, _), document in found.items()
        if kind in ("Deployment", "StatefulSet")
    ]
    for name, pod in chart["pods"].items():
        want(any(selects(pod["labels"], labels) for labels in pods), f"chart.yaml: no pod like {name}")
    for name, service in chart["services"].items():
        spec = found["Service", name]["spec"]
        ports = {each["name"]: each["port"] for each in spec["ports"]}
        want(ports == service["ports"], f"chart.yaml: {name} has the ports {ports}")
        want(selects(spec["selector"], chart["pods"][service["pod"]]["labels"]), f"chart.yaml: {name} has other pods")
    data = found["ConfigMap", "ess-matrix-authentication-service"]["data"]
    before, after = (yaml.safe_load(data[f"mas-config-{part}.yaml"]) for part in ("underrides", "overrides"))
    for key in ("admin_clients", "admin_users"):
        want(before["policy"]["data"][key] == chart["before"]["policy"]["data"][key], f"chart.yaml: another {key} before")
    listeners = after["http"]["listeners"]
    for listener in listeners:
        listener["resources"] = [{"name": each["name"]} for each in listener["resources"]]
    want(listeners == chart["after"]["http"]["listeners"], f"chart.yaml: the chart's listeners are {listeners}")
    want(set(after) == {"http", *chart["owned"]}, f"chart.yaml: the chart writes {sorted(after)}")
    ours = found["Secret", "ess-matrix-authentication-service"]["data"]["user-matrix-keycloak-sync.yaml"]
    want(b"adminapi" in base64.b64decode(ours), "the chart does not take our configuration")


def check_page(chart, config):
    """Checks that the page is for this version of the chart and shows what is in the files."""
    page = PAGE.read_text()
    want(f"{chart['name']}` {chart['version']} of {chart['date']}" in page, f"{PAGE.name}: another version than chart.yaml's")
    want(f"MAS {chart['mas']}" in page, f"{PAGE.name}: another MAS than chart.yaml's")
    files = [dedent(path.read_text()) for path in sorted(HERE.glob("*.yaml"))]
    shown = re.findall(r"^```(yaml|toml)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    want(len(shown) >= 4, f"{PAGE.name}: only {len(shown)} blocks")
    for language, block in shown:
        if language == "yaml":
            found = any(block in file or indented(block, file) for file in files)
            want(found, f"{PAGE.name}: no file here has this block:\n{block}")
        elif "server_name" in block:
            want(block.strip() == config.strip(), f"{PAGE.name}: another configuration than in values.yaml")
    for path in sorted(HERE.glob("*.yaml")):
        want(f"{path.name}`" in page, f"{PAGE.name}: does not name {path.name}")


def indented(block, file):
    """Whether a file has the block, at any depth."""
    lines = block.splitlines()
    for depth in range(0, 16, 2):
        text = "".join(" " * depth + line + "\n" if line else "\n" for line in lines)
        if text in file:
            return True
    return False


def main(rendered, manifests=None):
    chart = yaml.safe_load((HERE / "chart.yaml").read_text())
    port, tls, client, secret = check_mas("ess-values.yaml", chart)
    with_tls = check_mas("ess-values-tls.yaml", chart)
    want((tls, with_tls[1]) == (False, True), "ess-values-tls.yaml: TLS in the wrong file")
    want((port, client, secret) == (with_tls[0], *with_tls[2:]), "ess-values-tls.yaml: differs in more than TLS")
    host = check_service(chart, port)
    pod, config, issuer = check_ours(chart, rendered, port, tls, client, secret, host)
    public = urlsplit(chart["after"]["http"]["public_base"]).hostname
    want(issuer == public, f"values.yaml: the issuer is not {public}")
    check_policy(chart, port, pod)
    check_ingress("block-adminapi.yaml", chart, issuer, refuses=True)
    check_ingress("limit-adminapi.yaml", chart, issuer, refuses=False)
    check_page(chart, config)
    if manifests:
        check_chart(chart, manifests)
    for what in wrong:
        print(what, file=sys.stderr)
    if wrong:
        sys.exit(1)
    what = "itself" if manifests else "as described"
    print(f"    they fit each other and {chart['name']} {chart['version']} of {chart['date']} {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
