//! The world of one test: a realm, a group, users, their accounts, and the bot whose token the
//! program uses to read.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::thread;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;
use crate::keycloak::Keycloak;
use crate::patience::eventually;
use crate::program::{Run, Settings, run};
use crate::servers::Servers;
use crate::ways::{BY_DEFAULT, Way};

/// The group whose members may use Matrix, unless a test sets others.
pub(crate) const GROUP: &str = "matrix-users";
/// The service account that may view users; the two others may not view enough.
pub(crate) const READER: &str = "matrix-sync";
pub(crate) const SEARCHER: &str = "searcher";
pub(crate) const UNPRIVILEGED: &str = "unprivileged";

/// The description of a world. Names are in one string, separated by blanks.
#[derive(Debug)]
pub(crate) struct Plot {
    topic: String,
    realm: Value,
    reader_roles: Vec<&'static str>,
    users: Vec<Value>,
    accounts: Vec<String>,
    locked: Vec<String>,
    deactivated: Vec<String>,
    only_deactivated: Vec<String>,
    logged_in: bool,
}

/// A world that exists until it is dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) servers: Servers,
    pub(crate) directory: TempDir,
    pub(crate) admin_token: String,
    realm: Arc<Realm>,
    prefix: String,
    group: String,
    accounts: Vec<String>,
    sessions: BTreeMap<String, String>,
    also: Vec<String>,
    readers: Vec<String>,
}

/// A realm that exists while a scene uses it.
#[derive(Debug)]
struct Realm {
    keycloak: Keycloak,
    name: String,
    secret: String,
}

/// Begins a world; the names of everything in it begin with `topic`.
pub(crate) fn plot(topic: &str) -> Plot {
    Plot {
        topic: format!("{topic}-{}", &random()[..8]),
        realm: json!({"enabled": true, "groups": [{"name": GROUP}]}),
        reader_roles: vec!["view-users"],
        users: Vec::new(),
        accounts: vec!["bot".to_owned()],
        locked: Vec::new(),
        deactivated: Vec::new(),
        only_deactivated: Vec::new(),
        logged_in: false,
    }
}

impl Plot {
    /// Overwrites a field of the realm.
    pub(crate) fn realm(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.realm[field] = value.into();
        self
    }

    /// Gives the service account that may view users one more role.
    pub(crate) fn reader_may(mut self, role: &'static str) -> Self {
        self.reader_roles.push(role);
        self
    }

    /// Adds users to the group.
    pub(crate) fn members(self, names: &str) -> Self {
        self.members_of(&format!("/{GROUP}"), names)
    }

    /// Adds users to this group.
    pub(crate) fn members_of(self, path: &str, names: &str) -> Self {
        self.people(names, &json!({"enabled": true, "groups": [path]}))
    }

    /// Adds users to the group who are disabled in Keycloak.
    pub(crate) fn disabled_members(self, names: &str) -> Self {
        self.people(names, &json!({"enabled": false, "groups": [format!("/{GROUP}")]}))
    }

    /// Adds users who are in no group.
    pub(crate) fn outsiders(self, names: &str) -> Self {
        self.people(names, &json!({"enabled": true}))
    }

    /// Adds users with these fields.
    pub(crate) fn people(mut self, names: &str, like: &Value) -> Self {
        for name in names.split_whitespace() {
            let mut user = like.clone();
            user["username"] = name.into();
            self.users.push(user);
        }
        self
    }

    /// Adds active accounts.
    pub(crate) fn accounts(mut self, names: &str) -> Self {
        self.accounts.extend(names.split_whitespace().map(ToOwned::to_owned));
        self
    }

    /// Adds accounts that are locked and not deactivated.
    pub(crate) fn locked(mut self, names: &str) -> Self {
        self.locked.extend(names.split_whitespace().map(ToOwned::to_owned));
        self.accounts(names)
    }

    /// Adds accounts that are locked and deactivated, as the program leaves them.
    pub(crate) fn deactivated(mut self, names: &str) -> Self {
        self.deactivated.extend(names.split_whitespace().map(ToOwned::to_owned));
        self.accounts(names)
    }

    /// Adds accounts that are deactivated and not locked, as others may leave them.
    pub(crate) fn only_deactivated(mut self, names: &str) -> Self {
        self.only_deactivated.extend(names.split_whitespace().map(ToOwned::to_owned));
        self.deactivated(names)
    }

    /// Gives every account a session that began while it was active.
    pub(crate) fn everybody_logged_in(mut self) -> Self {
        self.logged_in = true;
        self
    }

    /// Creates everything.
    pub(crate) async fn open(mut self) -> Outcome<Scene> {
        let (servers, prefix) = (Servers::from_environment()?, format!("{}-", self.topic));
        let users = self.users.iter().map(|user| called(user, &prefix)).collect();
        let realm = Arc::new(self.make_realm(&servers, users).await?);
        self.make_scene(servers, realm, prefix, GROUP.to_owned()).await
    }

    /// Creates everything once for each way, with a group for each, and runs the test for all ways
    /// at the same time. They share a realm, because it takes longest to create.
    pub(crate) async fn by_each(
        mut self,
        ways: &[Way],
        test: impl AsyncFn(Way, Scene) -> Outcome,
    ) -> Outcome {
        let servers = Servers::from_environment()?;
        let casts: Vec<_> = (0..)
            .zip(ways)
            .map(|(n, way)| (format!("{}-{n}-", self.topic), format!("{GROUP}-{n}"), *way))
            .collect();
        let mut users = Vec::new();
        for (prefix, group, _) in &casts {
            self.realm["groups"]
                .as_array_mut()
                .ok_or("groups are a list")?
                .push(json!({"name": group}));
            for user in &self.users {
                let mut user = called(user, prefix);
                if user["groups"].is_array() {
                    user["groups"] = json!([format!("/{group}")]);
                }
                users.push(user);
            }
        }
        let realm = Arc::new(self.make_realm(&servers, users).await?);
        let (plot, test) = (&self, &test);
        let tries = casts.into_iter().map(|(prefix, group, way)| {
            let (servers, realm) = (servers.clone(), realm.clone());
            async move {
                let scene = plot.make_scene(servers, realm, prefix, group).await;
                let tried = async { test(way, scene?).await }.await;
                tried.map_err(|error| format!("{way:?}: {error}"))
            }
        });
        Ok(try_join_all(tries).await.map(drop)?)
    }

    async fn make_realm(&mut self, servers: &Servers, mut users: Vec<Value>) -> Outcome<Realm> {
        let secret = random();
        self.realm["realm"] = self.topic.clone().into();
        self.realm["clients"] =
            [READER, SEARCHER, UNPRIVILEGED].map(|id| service(id, &secret)).into();
        users.extend([
            account_of(READER, &self.reader_roles),
            account_of(SEARCHER, &["query-users", "query-groups"]),
        ]);
        self.realm["users"] = users.into();
        servers.keycloak.create_realm(&self.realm).await?;
        Ok(Realm { keycloak: servers.keycloak.clone(), name: self.topic.clone(), secret })
    }

    async fn make_scene(
        &self,
        servers: Servers,
        realm: Arc<Realm>,
        prefix: String,
        group: String,
    ) -> Outcome<Scene> {
        for name in &self.accounts {
            servers.mas.register(&format!("{prefix}{name}")).await?;
        }
        let mut scene = Scene {
            admin_token: servers.mas.admin_token(&format!("{prefix}bot")).await?,
            servers,
            directory: TempDir::new()?,
            realm,
            prefix,
            group,
            accounts: self.accounts.clone(),
            sessions: BTreeMap::new(),
            also: Vec::new(),
            readers: Vec::new(),
        };
        for name in &scene.accounts {
            scene.settles(name, "active").await?;
        }
        if self.logged_in {
            for name in &scene.accounts {
                scene.sessions.insert(name.clone(), scene.log_in(name).await?);
            }
        }
        scene.settle(&self.locked, &self.deactivated, &self.only_deactivated).await?;
        Ok(scene)
    }
}

impl Scene {
    async fn settle(
        &self,
        locked: &[String],
        deactivated: &[String],
        and_unlocked: &[String],
    ) -> Outcome {
        for name in locked {
            self.servers.mas.lock(&self.full(name)).await?;
        }
        for name in deactivated {
            self.servers.mas.deactivate(&self.full(name)).await?;
        }
        for name in locked {
            self.settles(name, "locked").await?;
        }
        for name in deactivated {
            self.settles(name, "deactivated, locked").await?;
        }
        for name in and_unlocked {
            self.servers.mas.unlock(&self.full(name)).await?;
        }
        for name in and_unlocked {
            self.settles(name, "deactivated").await?;
        }
        Ok(())
    }

    /// Returns the localpart and Keycloak username of a user in this world.
    pub(crate) fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn realm(&self) -> &str {
        &self.realm.name
    }

    /// A configuration with client credentials, for this world's accounts alone and without limits.
    pub(crate) fn settings(&self) -> Settings {
        self.settings_by(BY_DEFAULT)
    }

    /// Returns the same for another way, with only the sections that it needs.
    pub(crate) fn settings_by(&self, way: Way) -> Settings {
        let Servers { synapse, mas_api, provider, .. } = &self.servers;
        let mut settings = self
            .writing_by(way)
            .set("writer.type", way.writer)
            .set("accounts.source", way.source)
            .set("server_name", &*self.servers.synapse.server_name)
            .set("keycloak.url", &*self.servers.keycloak.url)
            .set("keycloak.realm", self.realm())
            .set("keycloak.groups", json!([self.group]))
            .set("keycloak.client_id", READER)
            .set("keycloak.client_secret", &*self.realm.secret);
        if way.synapse {
            settings = settings
                .set("synapse.url", &*synapse.url)
                .set("synapse.admin_token", &*self.admin_token);
        }
        if way.writer == "mas-api" || way.source == "mas" {
            settings = settings
                .set("writer.mas_api.url", &*mas_api.url)
                .set("writer.mas_api.issuer", &*mas_api.issuer)
                .set("writer.mas_api.client_id", &*mas_api.client.0)
                .set("writer.mas_api.client_secret", &*mas_api.client.1)
                // One provider serves the realms of all tests, so most of its links lead to users
                // of other realms.
                .set("accounts.match", "localpart");
        }
        match provider {
            Some(provider) => settings.set("accounts.provider", &**provider),
            None => settings,
        }
    }

    /// Returns the writer's part of a configuration, with the servers from the environment.
    pub(crate) fn writing(&self) -> Settings {
        self.writing_by(BY_DEFAULT)
    }

    fn writing_by(&self, way: Way) -> Settings {
        // Only Synapse knows the owner of the token, so without it the bot needs `policy.protect`.
        let ours =
            self.accounts.iter().map(String::as_str).filter(|name| way.synapse || *name != "bot");
        let ours = ours.collect::<Vec<_>>().join("|");
        let mut protect = vec!["/.*/".to_owned(), format!("!/{}({ours})/", self.prefix)];
        protect.extend(self.also.iter().map(|name| format!("!{name}")));
        let mut settings = Settings::default()
            .set("policy.protect", protect)
            .set("limits.max_disable", 1000)
            .set("limits.max_disable_percent", 100);
        if way.writer != "mas-cli" {
            return settings;
        }
        if self.servers.mas.command != ["mas-cli"] {
            settings = settings.set("writer.mas_cli.command", self.servers.mas.command.clone());
        }
        match &self.servers.mas.config {
            Some(config) => settings.set("writer.mas_cli.config", &**config),
            None => settings,
        }
    }

    /// Lets the program act on one more account, whose name does not begin with this world's
    /// prefix.
    pub(crate) fn and(&mut self, localpart: &str) {
        self.also.push(localpart.to_owned());
    }

    /// Creates a user of the realm `master` who may view the users of this realm, and returns name
    /// and password.
    pub(crate) async fn reader_in_master(&mut self) -> Outcome<(String, String)> {
        let (name, password) = (self.full("reader"), random());
        self.readers
            .push(self.servers.keycloak.create_reader(self.realm(), &name, &password).await?);
        Ok((name, password))
    }

    pub(crate) async fn join(&self, name: &str) -> Outcome {
        self.servers
            .keycloak
            .join(self.realm(), &self.full(name), &format!("/{}", self.group))
            .await
    }

    /// Adds the service account of the reading client to the group.
    pub(crate) async fn join_service_account(&self) -> Outcome {
        let username = format!("service-account-{READER}");
        self.servers.keycloak.join(self.realm(), &username, &format!("/{}", self.group)).await
    }

    pub(crate) async fn leave(&self, name: &str) -> Outcome {
        self.servers
            .keycloak
            .leave(self.realm(), &self.full(name), &format!("/{}", self.group))
            .await
    }

    /// Renames a user in Keycloak only.
    pub(crate) async fn rename(&self, name: &str, new: &str) -> Outcome {
        self.servers.keycloak.rename(self.realm(), &self.full(name), &self.full(new)).await
    }

    /// Deletes a member and creates another one with the same name.
    pub(crate) async fn recreate(&self, name: &str) -> Outcome {
        self.servers.keycloak.recreate(self.realm(), &self.full(name)).await?;
        self.join(name).await
    }

    /// Links these accounts to the users who now have their names, as first logins would.
    pub(crate) async fn tie(&self, names: &str) -> Outcome {
        let Servers { keycloak, mas_api, provider, .. } = &self.servers;
        let provider = match provider {
            Some(provider) => provider.clone(),
            None => {
                mas_api.make_provider(&format!("{}/realms/{}", keycloak.url, self.realm())).await?
            }
        };
        for name in names.split_whitespace() {
            let person = keycloak.user_id(self.realm(), &self.full(name)).await?;
            mas_api.tie(&mas_api.user(&self.full(name)).await?, &provider, &person).await?;
        }
        Ok(())
    }

    /// Runs the program.
    pub(crate) async fn run(&self, settings: &Settings, arguments: &[&str]) -> Outcome<Run> {
        run(self.directory.path(), settings, &[], arguments).await
    }

    /// Returns the lines of a `plan`.
    pub(crate) async fn plan(&self, settings: &Settings) -> Outcome<Vec<String>> {
        self.lines(&self.run(settings, &["plan", "--format", "json"]).await?)
    }

    /// Returns the lines of a `sync`.
    pub(crate) async fn sync(&self, settings: &Settings) -> Outcome<Vec<String>> {
        self.lines(&self.run(settings, &["sync", "--format", "json"]).await?)
    }

    pub(crate) fn lines(&self, run: &Run) -> Outcome<Vec<String>> {
        run.lines(&self.prefix, &self.also)
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

    /// Returns the states after a run, which without Synapse has only waited for MAS.
    pub(crate) async fn states_after(
        &self,
        way: Way,
        names: &str,
        wanted: &[&str],
    ) -> Outcome<Vec<String>> {
        if way.synapse {
            self.states(names).await
        } else {
            eventually(wanted, async || self.states(names).await).await
        }
    }

    /// Returns the display name in Synapse.
    pub(crate) async fn displayname(&self, name: &str) -> Outcome<String> {
        let user = self.servers.synapse.user(&self.admin_token, &self.full(name)).await?;
        let called = user["displayname"]
            .as_str()
            .ok_or_else(|| format!("{name} has lost their name: {user}"))?;
        Ok(called.strip_prefix(&self.prefix).unwrap_or(called).to_owned())
    }

    /// Returns the token of the session that began first.
    pub(crate) fn session(&self, name: &str) -> Outcome<&str> {
        Ok(self.sessions.get(name).ok_or_else(|| format!("{name} has not logged in"))?)
    }

    pub(crate) async fn settles(&self, name: &str, state: &str) -> Outcome {
        self.servers.synapse.settles(&self.admin_token, &self.full(name), state).await
    }

    /// Logs in, if MAS allows it.
    pub(crate) async fn log_in(&self, name: &str) -> Outcome<String> {
        self.servers.mas.token(&self.full(name)).await
    }

    pub(crate) async fn whoami(&self, token: &str) -> Outcome<u16> {
        self.servers.synapse.whoami(token).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let (keycloak, mas) = (self.servers.keycloak.again(), self.servers.mas.clone());
        let readers = self.readers.clone();
        let accounts: Vec<_> = self.accounts.iter().map(|name| self.full(name)).collect();
        clean_up(async move {
            for account in accounts {
                if let Err(error) = mas.deactivate(&account).await {
                    eprintln!("left behind: the account {account}: {error}");
                }
            }
            let keycloak = keycloak?;
            for reader in readers {
                keycloak.delete_reader(&reader).await?;
            }
            Ok(())
        });
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let (keycloak, name) = (self.keycloak.again(), self.name.clone());
        clean_up(async move { keycloak?.delete_realm(&name).await });
    }
}

/// Runs this on its own runtime, because the test's runtime waits for its end.
fn clean_up(work: impl Future<Output = Outcome> + Send + 'static) {
    let done = thread::spawn(move || -> Outcome {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    });
    match done.join() {
        Ok(Ok(())) => {}
        failed => eprintln!("something is left behind: {failed:?}"),
    }
}

/// Returns the same user with this prefix in all names.
fn called(user: &Value, prefix: &str) -> Value {
    let mut user = user.clone();
    user["username"] = format!("{prefix}{}", user["username"].as_str().unwrap_or_default()).into();
    user
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
