//! Runs everything against built-in stand-ins, on a machine without the servers (`demo`).

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::{plan, sync};
use crate::cli::{DemoArgs, Global, PlanArgs, SyncArgs, SyncFormat};
use crate::environment::{Environment, Surroundings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::session::print;
use crate::standins::{Auth, RunningWorld, StandInError, World};

/// The accounts of the demo, with what the rule decides for each.
const PEOPLE: [[&str; 4]; 8] = [
    ["alice", "yes", "active", "nothing"],
    ["bob", "yes", "disabled", "activate"],
    ["zoe", "yes", "none yet", "nothing until the first login"],
    ["dave", "no", "active", "disable"],
    ["erin", "no", "disabled", "nothing"],
    ["frank", "yes (disabled)", "active", "disable"],
    ["telegram_42", "not in Keycloak", "active (bridge)", "kept"],
    ["matrix-sync-bot", "not in Keycloak", "owns the token", "kept"],
];

fn world() -> World {
    World::new("example.org")
        .group("/matrix-users")
        .member("alice")
        .account("alice")
        .member("bob")
        .disabled_account("bob")
        .member("zoe")
        .user("dave")
        .account("dave")
        .user("erin")
        .disabled_account("erin")
        .disabled_member("frank")
        .account("frank")
        .bridge_account("telegram_42", "telegram")
}

/// Shows the table of accounts, a plan, a run, a second run with nothing to do, and a refusal.
pub async fn demo(
    global: &Global,
    args: &DemoArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let world = world().start().await.map_err(cannot("start the stand-ins"))?;
    let config = write_config(&world)?;
    if args.serve {
        return serve(&config).await;
    }
    let global = Global { config: Some(config), ..global.clone() };
    let env = own_variables(surroundings);
    let surroundings = Surroundings { env, timeouts: surroundings.timeouts };
    let sync_args =
        SyncArgs { dry_run: false, approve: None, format: SyncFormat::Text, metrics_file: None };

    print(&start())?;
    heading("The plan", "plan")?;
    plan(&global, &PlanArgs::default(), &surroundings).await?;
    heading("The run", "sync")?;
    let first = sync(&global, &sync_args, &surroundings).await?;
    heading("The second run finds nothing to do", "sync")?;
    let second = sync(&global, &sync_args, &surroundings).await?;

    for [name, ..] in PEOPLE {
        world.leave(name);
    }
    heading("Someone empties the group by mistake: no one is locked out", "sync")?;
    let refused = sync(&global, &sync_args, &surroundings).await?;
    print("\nNext: set up your own servers (README.md), or go on with `demo --serve`.\n")?;
    let as_promised = (first, second, refused) == (Exit::InStep, Exit::InStep, Exit::Refused);
    Ok(if as_promised { Exit::InStep } else { Exit::Incomplete })
}

/// Returns an environment for the demo: ours must not point it at real servers, but programs still
/// have to be found.
fn own_variables(surroundings: &Surroundings) -> Box<Environment> {
    let path = (surroundings.env)("PATH");
    Box::new(move |name| path.clone().filter(|_| name == "PATH"))
}

fn start() -> String {
    let mut text = format!(
        "Stand-ins on this machine play Keycloak, Synapse, MAS and mas-cli.\n\n{:<15}  {:<15}  {:<15}  {}\n",
        "user", "in the group", "account", "action"
    );
    for [name, group, state, then] in PEOPLE {
        let _ = writeln!(text, "{name:<15}  {group:<15}  {state:<15}  {then}");
    }
    text
}

fn heading(title: &str, command: &str) -> Result<(), Failure> {
    print(&format!("\n== {title}\n$ matrix-keycloak-sync {command}\n\n"))
}

async fn serve(config: &Path) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(config)
        .map_err(|source| Failure::Local { what: format!("read {}", config.display()), source })?;
    let file = config.display();
    print(&format!(
        "# The stand-ins run until you press Ctrl-C. This configuration is in\n# {file}\n\n{text}\n\
         # Try, from another terminal:\n#   matrix-keycloak-sync --config {file} doctor\n\
         #   matrix-keycloak-sync --config {file} plan\n\
         #   matrix-keycloak-sync --config {file} explain dave\n#   matrix-keycloak-sync --config {file} sync\n"
    ))?;
    tokio::signal::ctrl_c()
        .await
        .map_err(|source| Failure::Local { what: "wait for Ctrl-C".to_owned(), source })?;
    Ok(Exit::InStep)
}

/// Writes the variables of the stand-ins to a file, because only a file can say how to run the one
/// for mas-cli. State file and lock are temporary too, so nothing is left behind.
fn write_config(world: &RunningWorld) -> Result<PathBuf, Failure> {
    let exe = std::env::current_exe()
        .map_err(|source| Failure::Local { what: "find this program".to_owned(), source })?;
    let variables = world.env(Auth::ClientCredentials);
    let value = |name: &str| {
        let found = variables.iter().find(|(variable, _)| variable == name);
        toml::Value::from(found.map_or("", |(_, value)| value.as_str()))
    };
    let text = format!(
        "server_name = {}\nstate_file = {}\n\n[keycloak]\nurl = {}\nrealm = {}\ngroups = [{}]\nclient_id = {}\nclient_secret = {}\n\n\
         [synapse]\nurl = {}\nadmin_token = {}\n\n[writer.mas_cli]\ncommand = [{}, \"stand-in\", \"mas-cli\"]\nconfig = {}\n\n\
         # For type = \"mas-api\" under [writer], or source = \"mas\" under [accounts]:\n\
         [writer.mas_api]\nurl = {}\nissuer = {}\nclient_id = {}\nclient_secret = {}\n\n\
         [limits]\nmax_disable_percent = 80   # there are only a few accounts here\n",
        value("MATRIX_SERVER_NAME"),
        toml::Value::from(world.directory().join("state.db").display().to_string()),
        value("KC_URL"),
        value("KC_REALM"),
        value("KC_GROUP_NAME"),
        value("KC_CLIENT_ID"),
        value("KC_CLIENT_SECRET"),
        value("MATRIX_URL"),
        value("MATRIX_ADMIN_TOKEN"),
        toml::Value::from(exe.display().to_string()),
        value("MAS_CONFIG"),
        toml::Value::from(world.mas_admin_url()),
        toml::Value::from(world.mas_issuer()),
        toml::Value::from(world.mas_client_id()),
        toml::Value::from(world.mas_client_secret()),
    );
    let path = world.directory().join("config.toml");
    files::write(&path, &text, files::Mode::Private)
        .map_err(|source| Failure::Local { what: format!("write {}", path.display()), source })?;
    Ok(path)
}

fn cannot(what: &str) -> impl FnOnce(StandInError) -> Failure {
    move |error| Failure::Local { what: what.to_owned(), source: io::Error::other(error) }
}
