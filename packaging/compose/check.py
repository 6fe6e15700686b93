"""Checks what only the files of the Compose example together can get wrong: names, addresses, IDs, roles and secrets.

    packaging/compose/check.py FOLDER   a copy of this folder in which init.sh has run; packaging/check.sh makes one

Each file by itself is checked by its own program. Needs PyYAML and Python 3.11.
"""

import json
import re
import sys
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import yaml

SOURCES = Path(__file__).resolve().parents[2]
FILES = ["compose.yaml", "Caddyfile", "databases.sql", "realm.json", "mas.yaml", "homeserver.yaml", "config.toml"]
TRY_OUT = re.compile(r"^.*# try-out\n", re.MULTILINE)
ULID = re.compile(r"01[0-9A-HJKMNP-TV-Z]{24}")
PROGRAM = "matrix-keycloak-sync"

wrong = []


def want(condition, what):
    if not condition and what not in wrong:
        wrong.append(what)


def secrets_in(what):
    return set(re.findall(r"/run/secrets/([a-z./-]*[a-z])", str(what)))


class Example:
    def __init__(self, texts):
        self.texts = texts
        self.compose = yaml.safe_load(texts["compose.yaml"])
        self.services = self.compose["services"]
        self.mas = yaml.safe_load(texts["mas.yaml"])
        self.synapse = yaml.safe_load(texts["homeserver.yaml"])
        self.realm = json.loads(texts["realm.json"])
        self.config = tomllib.loads(texts["config.toml"])
        self.api = self.config["writer"]["mas_api"]
        self.program = self.services[PROGRAM]
        (self.provider,) = self.mas["upstream_oauth2"]["providers"]
        self.networks = {name: set(service["networks"]) for name, service in self.services.items()}
        self.start_of_keycloak = self.services["keycloak"]["entrypoint"][-1]

    def check(self):
        self.names()
        self.clients_of_keycloak()
        self.client_of_mas()
        self.admin_api()
        self.connections()
        self.databases()
        self.this_program()
        self.versions()
        self.page()

    def names(self):
        domain, keycloak = self.config["server_name"], self.config["keycloak"]
        homeservers = {self.synapse["server_name"], self.mas["matrix"]["homeserver"], domain}
        want(len(homeservers) == 1, f"several homeservers: {homeservers}")
        want(self.realm["realm"] == keycloak["realm"], "config.toml: its realm is not that of realm.json")
        groups = {group["name"] for group in self.realm["groups"]}
        want(set(keycloak["groups"]) <= groups, "config.toml: a group that realm.json does not create")
        want(self.provider["issuer"] == f"{keycloak['url']}/realms/{keycloak['realm']}", "mas.yaml: the issuer is not the realm")
        environment = self.services["keycloak"]["environment"]
        want(environment["KC_HOSTNAME"] == keycloak["url"], "compose.yaml: KC_HOSTNAME is not keycloak.url")
        template = self.provider["claims_imports"]["localpart"]["template"]
        want(template == keycloak["localpart"], "mas.yaml and config.toml: two templates for the localpart")
        # Every public name leads to the proxy, from inside too.
        public = [keycloak["url"], self.mas["http"]["public_base"], self.synapse["public_baseurl"]]
        names = {urlsplit(url).hostname for url in public} | {domain}
        aliases = self.services["proxy"]["networks"]["web"]["aliases"]
        want(set(aliases) == names, "compose.yaml: the aliases of the proxy are not the public names")
        (site,) = re.findall(r"^(\S.*) \{$", self.texts["Caddyfile"], re.MULTILINE)
        want(set(site.split(", ")) == names, "Caddyfile: its names are not the public names")

    def clients_of_keycloak(self):
        clients = {client["clientId"]: client for client in self.realm["clients"]}
        reader, login = self.config["keycloak"]["client_id"], self.provider["client_id"]
        want(set(clients) == {reader, login}, "realm.json: other clients than config.toml and mas.yaml name")
        reader, login = clients[reader], clients[login]
        want(not reader["publicClient"] and not login["publicClient"], "realm.json: a public client")
        flows = [reader["standardFlowEnabled"], reader["directAccessGrantsEnabled"], login["directAccessGrantsEnabled"]]
        want(not any(flows), "realm.json: a client with more flows than it needs")
        want(reader["serviceAccountsEnabled"] and not login["serviceAccountsEnabled"], "realm.json: service accounts")
        back = f"{self.mas['http']['public_base']}upstream/callback/{self.provider['id']}"
        want(login["redirectUris"] == [back], "realm.json: redirectUris are not the provider of mas.yaml")
        (account,) = self.realm["users"]
        want(account["serviceAccountClientId"] == reader["clientId"], "realm.json: the service account of another client")
        want(account["username"] == f"service-account-{reader['clientId']}", "realm.json: the service account's name")
        roles = {"realm-management": ["view-users", "view-events"]}
        want(account["clientRoles"] == roles and "realmRoles" not in account, "realm.json: roles of the service account")
        want(self.realm["adminEventsEnabled"] is True, "realm.json: no admin events for watch")
        exported = set(re.search(r"^export (.*)$", self.start_of_keycloak, re.MULTILINE)[1].split())
        for client in clients.values():
            variable = re.fullmatch(r"\$\{(\w+)\}", client["secret"])
            want(variable and variable[1] in exported, f"realm.json: the secret of {client['clientId']}")

    def client_of_mas(self):
        (client,) = self.mas["clients"]
        want(client["client_id"] == self.api["client_id"], "config.toml: the client is not that of mas.yaml")
        want(self.mas["policy"]["data"]["admin_clients"] == [client["client_id"]], "mas.yaml: admin_clients")
        want(ULID.fullmatch(client["client_id"]) and ULID.fullmatch(self.provider["id"]), "mas.yaml: an ID is no ULID")
        want("redirect_uris" not in client, "mas.yaml: users can log in to the client")
        want(self.api["issuer"] == self.mas["http"]["public_base"], "config.toml: the issuer is not public_base of mas.yaml")
        want(self.mas["passwords"]["enabled"] is False, "mas.yaml: passwords beside Keycloak's")

    def admin_api(self):
        having = [each for each in self.mas["http"]["listeners"] if {"name": "adminapi"} in each["resources"]]
        want(len(having) == 1 and len(having[0]["resources"]) == 1, "mas.yaml: no listener for the Admin API alone")
        (bind,) = having[0]["binds"]
        address, port = bind["address"].rsplit(":", 1)
        there = self.services["mas"]["networks"]["mas-admin"]
        want(there["ipv4_address"] == address, "mas.yaml: the Admin API's address is not that of compose.yaml")
        want(self.api["url"] == f"http://{there['aliases'][0]}:{port}", "config.toml: url is not that listener")
        beside = {name for name, networks in self.networks.items() if "mas-admin" in networks}
        want(beside == {"mas", PROGRAM}, f"compose.yaml: in the network of the Admin API are {beside}")
        network = self.compose["networks"]["mas-admin"]
        want(network["internal"] is True, "compose.yaml: the network of the Admin API leads outside")
        (config,) = network["ipam"]["config"]
        subnet, dynamic = ip_network(config["subnet"]), ip_network(config["ip_range"])
        want(dynamic.subnet_of(subnet) and ip_address(address) in subnet, "compose.yaml: addresses of mas-admin")
        want(ip_address(address) not in dynamic, "compose.yaml: another container may get the address of MAS")
        ports = {name for name, service in self.services.items() if "ports" in service}
        want(ports == {"proxy"}, f"compose.yaml: ports are published by {ports}")

    def connections(self):
        """Every internal address is a service that is in one network with the caller, and listens on that port."""
        (oauth,) = [each for each in self.mas["http"]["listeners"] if {"name": "oauth"} in each["resources"]]
        want(oauth["binds"] == [{"address": "[::]:8080"}], "mas.yaml: its port is not 8080")
        want(self.synapse["listeners"][0]["port"] == 8008, "homeserver.yaml: its port is not 8008")
        calls = [("proxy", target) for target in re.findall(r"reverse_proxy (\S+)", self.texts["Caddyfile"])]
        calls.append(("mas", urlsplit(self.mas["matrix"]["endpoint"]).netloc))
        calls.append(("synapse", urlsplit(self.synapse["matrix_authentication_service"]["endpoint"]).netloc))
        for caller, target in calls:
            want(target in ("keycloak:8080", "mas:8080", "synapse:8008"), f"{caller} connects to {target}")
            want(self.networks[caller] & self.networks[target.split(":")[0]], f"compose.yaml: {caller} does not reach {target}")

    def databases(self):
        keycloak = self.services["keycloak"]["environment"]
        mas, synapse = self.mas["database"], self.synapse["database"]["args"]
        used = {
            (keycloak["KC_DB_URL_HOST"], keycloak["KC_DB_URL_DATABASE"], keycloak["KC_DB_USERNAME"]),
            (mas["host"], mas["database"], mas["username"]),
            (synapse["host"], synapse["dbname"], synapse["user"]),
        }
        created = re.findall(r"CREATE DATABASE (\w+) OWNER (\w+)", self.texts["databases.sql"])
        want(used == {("postgres", *each) for each in created} and len(used) == 3, "databases.sql: other databases")
        for name in ("keycloak", "mas", "synapse"):
            want("postgres" in self.services[name]["depends_on"], f"compose.yaml: {name} does not wait for its database")
            want("database" in self.networks[name], f"compose.yaml: {name} does not reach its database")

    def this_program(self):
        program, config = self.program, self.config
        want(program["read_only"] is True and program["cap_drop"] == ["ALL"], "compose.yaml: the program is not hardened")
        for name, service in self.services.items():
            want(service.get("cap_drop") == ["ALL"], f"compose.yaml: {name} keeps capabilities")
            want(service.get("security_opt") == ["no-new-privileges:true"], f"compose.yaml: {name} may get new privileges")
        # Synapse's own answer names the domain, which the proxy does not lead to Synapse.
        public = self.synapse["public_baseurl"].removeprefix("https://").rstrip("/")
        want(f'{{"m.server": "{public}:443"}}' in self.texts["Caddyfile"], "Caddyfile: other servers do not find Synapse")
        want(not self.synapse.get("serve_server_wellknown"), "homeserver.yaml: it answers instead of the proxy")
        want(program["command"] == ["watch"] and program["pull_policy"] == "never", "compose.yaml: another program")
        test = ["CMD", f"/usr/bin/{PROGRAM}", "healthcheck"]
        want(program["healthcheck"]["test"] == test, "compose.yaml: the program's health check")
        state = f"state:{Path(config['state_file']).parent}"
        want(state in program["volumes"], "compose.yaml: the state is not on the volume")

    def versions(self):
        """Exact ones, and of the servers that the program was tested with, those on the page."""
        page = (SOURCES / "docs/versions.md").read_text()
        for name, service in self.services.items():
            tag = service["image"].rsplit(":", 1)[1]
            want(name == PROGRAM or re.fullmatch(r"v?\d+(\.\d+){1,2}", tag), f"compose.yaml: no exact version of {name}")
            if name in ("keycloak", "mas", "synapse"):
                is_known = re.search(rf"\b{re.escape(tag.removeprefix('v'))}\b", page)
                want(is_known, f"compose.yaml: {name} {tag} is not in docs/versions.md")

    def page(self):
        """The page names the provider of the accounts that it creates, and the files that it changes."""
        page = (SOURCES / "docs/deployments/compose.md").read_text()
        want(set(ULID.findall(page)) == {self.provider["id"]}, "docs/deployments/compose.md: another provider")
        changed = re.search(r"^sed .*example.* (compose\.yaml .*)$", page, re.MULTILINE)[1].split()
        want(set(changed) == set(FILES) - {"databases.sql"}, "docs/deployments/compose.md: the files with names")
        want("example.org" not in self.texts["databases.sql"], "databases.sql: a name that the page does not change")
        marked = re.search(r"^sed .*try-out.* (compose\.yaml .*)$", page, re.MULTILINE)[1].split()
        have = {name for name, text in self.texts.items() if TRY_OUT.search(text)}
        want(have <= set(marked), "docs/deployments/compose.md: the files with lines for the try-out")

    def secrets(self, folder):
        """Every secret that a file names is there, and is the same on both sides."""
        named = {
            "proxy": self.texts["Caddyfile"],
            "postgres": self.texts["databases.sql"] + self.services["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"],
            "keycloak": self.start_of_keycloak,
            "mas": self.texts["mas.yaml"] + str(self.services["mas"]["environment"]),
            "synapse": self.texts["homeserver.yaml"],
            PROGRAM: self.texts["config.toml"],
        }
        want(set(named) == set(self.services), "compose.yaml: a service whose secrets are not checked")
        for name, text in named.items():
            files = secrets_in(text)
            mounts = [volume for volume in self.services[name]["volumes"] if ":/run/secrets" in volume]
            want(mounts == [f"./secrets/{name}:/run/secrets:ro"] * bool(files), f"compose.yaml: secrets of {name}")
            for file in files:
                want((folder / name / file).exists(), f"init.sh does not create secrets/{name}/{file}")
        pairs = [
            ("keycloak/database", "postgres/keycloak"),
            ("mas/database", "postgres/mas"),
            ("keycloak/mas", "mas/keycloak"),
            ("keycloak/matrix-sync", f"{PROGRAM}/keycloak"),
            (f"mas/{PROGRAM}", f"{PROGRAM}/mas"),
            ("mas/synapse", "synapse/mas"),
        ]
        values = [[(folder / file).read_bytes() for file in pair] for pair in pairs]
        for pair, (one, other) in zip(pairs, values):
            want(one == other and re.fullmatch(rb"[0-9a-f]{64}", one), f"init.sh: {' and '.join(pair)} differ")
        want(len({one for one, _ in values}) == len(pairs), "init.sh: one secret for several things")
        password = (folder / "postgres/synapse").read_text()
        line = f"postgres:5432:synapse:synapse:{password}\n"
        want((folder / "synapse/pgpass").read_text() == line, "init.sh: the password of Synapse's database")


folder = Path(sys.argv[1])
texts = {name: (folder / name).read_text() for name in FILES}
example = Example(texts)
example.check()
example.secrets(folder / "secrets")
# With a domain and certificates of one's own, as the page says.
own = {name: TRY_OUT.sub("", text).replace("example.org", "matrix.test") for name, text in texts.items()}
example = Example(own)
example.check()
example.secrets(folder / "secrets")
want("ca.pem" not in "".join(own.values()), "a line for the try-out has no mark")
for what in wrong:
    print(what, file=sys.stderr)
sys.exit(1 if wrong else 0)
