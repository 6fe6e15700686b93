//! One test's own world: a realm, a group, some people, their accounts, and the bot whose token the program reads with.

use std::hash::{BuildHasher as _, RandomState};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;
use crate::program::{Run, Settings, run};
use crate::servers::Servers;

/// The group that opens the door, unless a test names others.
pub(crate) const GROUP: &str = "matrix-users";
/// The service account that may see people; the two others may not see enough.
pub(crate) const READER: &str = "matrix-sync";
pub(crate) const SEARCHER: &str = "searcher";
pub(crate) const NOBODY: &str = "nobody";

/// A world that is being described. Names stand in one text, separated by blanks.
#[derive(Debug)]
pub(crate) struct Plot {
    prefix: String,
    realm: Value,
    users: Vec<Value>,
    accounts: Vec<String>,
    locked: Vec<String>,
    deactivated: Vec<String>,
}

/// A world that is there until it is dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) servers: Servers,
    pub(crate) directory: TempDir,
    pub(crate) admin_token: String,
    prefix: String,
    secret: String,
    accounts: Vec<String>,
    also: Vec<String>,
    readers: Vec<String>,
}

/// Begins a world; everything in it is called after `topic`.
pub(crate) fn plot(topic: &str) -> Plot {
    Plot {
        prefix: format!("{topic}-{}-", &random()[..8]),
        realm: json!({"enabled": true, "groups": [{"name": GROUP}]}),
        users: Vec::new(),
        accounts: vec!["bot".to_owned()],
        locked: Vec::new(),
        deactivated: Vec::new(),
    }
}

impl Plot {
    /// Overwrites a field of the realm.
    pub(crate) fn realm(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.realm[field] = value.into();
        self
    }

    /// People in the group.
    pub(crate) fn members(self, names: &str) -> Self {
        self.members_of(&format!("/{GROUP}"), names)
    }

    /// People in this group.
    pub(crate) fn members_of(self, path: &str, names: &str) -> Self {
        self.people(names, &json!({"enabled": true, "groups": [path]}))
    }

    /// People in the group whom Keycloak has disabled.
    pub(crate) fn disabled_members(self, names: &str) -> Self {
        self.people(names, &json!({"enabled": false, "groups": [format!("/{GROUP}")]}))
    }

    /// People whom Keycloak knows, in no group.
    pub(crate) fn outsiders(self, names: &str) -> Self {
        self.people(names, &json!({"enabled": true}))
    }

    fn people(mut self, names: &str, like: &Value) -> Self {
        for name in names.split_whitespace() {
            let mut user = like.clone();
            user["username"] = format!("{}{name}", self.prefix).into();
            self.users.push(user);
        }
        self
    }

    /// Accounts that are active.
    pub(crate) fn accounts(mut self, names: &str) -> Self {
        self.accounts.extend(names.split_whitespace().map(ToOwned::to_owned));
        self
    }

    /// Accounts that are locked and nothing else.
    pub(crate) fn locked(mut self, names: &str) -> Self {
        self.locked.extend(names.split_whitespace().map(ToOwned::to_owned));
        self.accounts(names)
    }

    /// Accounts that are locked and deactivated, as the program leaves them.
    pub(crate) fn deactivated(mut self, names: &str) -> Self {
        self.deactivated.extend(names.split_whitespace().map(ToOwned::to_owned));
        self.accounts(names)
    }

    /// Makes it all.
    pub(crate) async fn open(mut self) -> Outcome<Scene> {
        let servers = Servers::from_environment()?;
        let secret = random();
        self.realm["realm"] = self.prefix.trim_end_matches('-').into();
        self.realm["clients"] = [READER, SEARCHER, NOBODY].map(|id| service(id, &secret)).into();
        self.users
            .extend([account_of(READER, &["view-users"]), account_of(SEARCHER, &["query-users", "query-groups"])]);
        self.realm["users"] = self.users.into();
        let bot = format!("{}bot", self.prefix);
        servers.keycloak.create_realm(&self.realm).await?;
        for name in &self.accounts {
            servers.mas.register(&format!("{}{name}", self.prefix))?;
        }
        let scene = Scene {
            admin_token: servers.mas.admin_token(&bot)?,
            servers,
            directory: TempDir::new()?,
            prefix: self.prefix,
            secret,
            accounts: self.accounts,
            also: Vec::new(),
            readers: Vec::new(),
        };
        scene.settle(&self.locked, &self.deactivated).await?;
        Ok(scene)
    }
}

impl Scene {
    async fn settle(&self, locked: &[String], deactivated: &[String]) -> Outcome {
        for name in &self.accounts {
            self.settles(name, "active").await?;
        }
        locked.iter().try_for_each(|name| self.servers.mas.lock(&self.full(name)))?;
        deactivated.iter().try_for_each(|name| self.servers.mas.deactivate(&self.full(name)))?;
        for name in locked {
            self.settles(name, "locked").await?;
        }
        for name in deactivated {
            self.settles(name, "deactivated, locked").await?;
        }
        Ok(())
    }

    /// The localpart and Keycloak username of somebody in this world.
    pub(crate) fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn realm(&self) -> &str {
        self.prefix.trim_end_matches('-')
    }

    /// A configuration with client credentials, for this world's accounts alone and without limits.
    pub(crate) fn settings(&self) -> Settings {
        self.writing()
            .set("server_name", &*self.servers.synapse.server_name)
            .set("keycloak.url", &*self.servers.keycloak.url)
            .set("keycloak.realm", self.realm())
            .set("keycloak.groups", json!([GROUP]))
            .set("keycloak.client_id", READER)
            .set("keycloak.client_secret", &*self.secret)
            .set("synapse.url", &*self.servers.synapse.url)
            .set("synapse.admin_token", &*self.admin_token)
    }

    /// What a configuration says about writing, with the servers left to the environment.
    pub(crate) fn writing(&self) -> Settings {
        let mut protect = vec!["/.*/".to_owned(), format!("!/{}.*/", self.prefix)];
        protect.extend(self.also.iter().map(|name| format!("!{name}")));
        let mut settings = Settings::default()
            .set("policy.protect", protect)
            .set("limits.max_disable", 1000)
            .set("limits.max_disable_percent", 100);
        if self.servers.mas.command != ["mas-cli"] {
            settings = settings.set("writer.mas_cli.command", self.servers.mas.command.clone());
        }
        match &self.servers.mas.config {
            Some(config) => settings.set("writer.mas_cli.config", &**config),
            None => settings,
        }
    }

    /// Lets the program act on one more account, which is not called after this world.
    pub(crate) fn and(&mut self, localpart: &str) {
        self.also.push(localpart.to_owned());
    }

    /// Makes a user of the realm `master` who may see the people of this realm; gives their name and password.
    pub(crate) async fn reader_in_master(&mut self) -> Outcome<(String, String)> {
        let (name, password) = (self.full("reader"), random());
        self.readers.push(self.servers.keycloak.create_reader(self.realm(), &name, &password).await?);
        Ok((name, password))
    }

    pub(crate) async fn join(&self, name: &str) -> Outcome {
        self.servers.keycloak.join(self.realm(), &self.full(name), &format!("/{GROUP}")).await
    }

    pub(crate) async fn leave(&self, name: &str) -> Outcome {
        self.servers.keycloak.leave(self.realm(), &self.full(name), &format!("/{GROUP}")).await
    }

    /// Runs the program.
    pub(crate) async fn run(&self, settings: &Settings, arguments: &[&str]) -> Outcome<Run> {
        run(self.directory.path(), settings, &[], arguments).await
    }

    /// What `plan` tells.
    pub(crate) async fn plan(&self, settings: &Settings) -> Outcome<Vec<String>> {
        self.told(&self.run(settings, &["plan", "--format", "json"]).await?)
    }

    /// What `sync` tells.
    pub(crate) async fn sync(&self, settings: &Settings) -> Outcome<Vec<String>> {
        self.told(&self.run(settings, &["sync", "--format", "json"]).await?)
    }

    pub(crate) fn told(&self, run: &Run) -> Outcome<Vec<String>> {
        run.told(&self.prefix, &self.also)
    }

    /// The states of these accounts in Synapse, as `name: state`.
    pub(crate) async fn states(&self, names: &str) -> Outcome<Vec<String>> {
        let mut states = Vec::new();
        for name in names.split_whitespace() {
            let state = self.servers.synapse.state(&self.admin_token, &self.full(name)).await?;
            states.push(format!("{name}: {state}"));
        }
        Ok(states)
    }

    pub(crate) async fn settles(&self, name: &str, state: &str) -> Outcome {
        self.servers.synapse.settles(&self.admin_token, &self.full(name), state).await
    }

    /// Logs somebody in, as far as MAS lets them.
    pub(crate) fn log_in(&self, name: &str) -> Outcome<String> {
        self.servers.mas.token(&self.full(name))
    }

    pub(crate) async fn whoami(&self, token: &str) -> Outcome<u16> {
        self.servers.synapse.whoami(token).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let (keycloak, realm, readers) = (self.servers.keycloak.again(), self.realm().to_owned(), self.readers.clone());
        let deletion = thread::spawn(move || -> Outcome {
            let keycloak = keycloak?;
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
                for reader in readers {
                    keycloak.delete_reader(&reader).await?;
                }
                keycloak.delete_realm(&realm).await
            })
        });
        for name in &self.accounts {
            if let Err(error) = self.servers.mas.deactivate(&self.full(name)) {
                eprintln!("left behind: the account {}: {error}", self.full(name));
            }
        }
        match deletion.join() {
            Ok(Ok(())) => {}
            failed => eprintln!("left behind: the realm {}: {failed:?}", self.realm()),
        }
    }
}

fn service(id: &str, secret: &str) -> Value {
    json!({
        "clientId": id, "secret": secret, "enabled": true, "publicClient": false,
        "serviceAccountsEnabled": true, "standardFlowEnabled": false, "directAccessGrantsEnabled": false,
    })
}

fn account_of(client: &str, roles: &[&str]) -> Value {
    json!({
        "username": format!("service-account-{client}"), "enabled": true,
        "serviceAccountClientId": client, "clientRoles": {"realm-management": roles},
    })
}

fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(0))
}
