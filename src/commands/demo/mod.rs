//! Runs everything against built-in stand-ins, on a machine without the servers (`demo`).

mod people;
mod playground;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use crate::cli::{Color, DemoArgs, Global};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{Page, Terminal};
use crate::session::print;
use crate::standins::{Auth, RunningWorld, StandInError, World};
use crate::subprocess::{self, Ended, NotEnded};

/// How long the second stage waits.
const STAGE: &str = "2s";
const UNTIL_THE_STAGE: Duration = Duration::from_millis(2200);
/// The lines of a plan up to its last action.
const BEGINNING: usize = 16;
/// Longer than any step takes.
const LONGEST: Duration = Duration::from_mins(1);

const START: &str = "\
Stand-ins on this machine play Keycloak, Synapse, MAS and mas-cli. Alice, Bob
and Frank are in the group; Frank is disabled in Keycloak, and Bob's account in
MAS. Dave has left the group. Accounts of users who have left are locked, and
deactivated a month later (here: two seconds).

";

fn world() -> World {
    World::new("example.org")
        .group("/matrix-users")
        .member("alice")
        .account("alice")
        .member("bob")
        .disabled_account("bob")
        .user("dave")
        .account("dave")
        .disabled_member("frank")
        .account("frank")
        .bridge_account("telegram_42", "telegram")
}

/// Shows a plan and the way of accounts: locked, taken back, deactivated; and a refusal.
pub async fn demo(
    global: &Global,
    args: &DemoArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    if args.serve {
        return playground::serve(global).await;
    }
    let world = world().start().await.map_err(cannot("start the stand-ins"))?;
    let stage = Stage { config: config(&world, STAGE, "")?, global, surroundings };
    print(START)?;
    let mut exits = Vec::new();
    exits.push(stage.show("plan", Shown::Beginning).await?);
    print("\n")?;
    exits.push(stage.show("sync", Shown::End("the first run")).await?);
    world.join("dave");
    exits.push(stage.show("sync", Shown::End("Dave is back in the group")).await?);
    tokio::time::sleep(UNTIL_THE_STAGE).await;
    exits.push(stage.show("sync", Shown::End("Frank's month is over")).await?);
    for name in ["alice", "bob", "dave", "frank"] {
        world.leave(name);
    }
    print("\n")?;
    let refused = stage.show("sync", Shown::Refusal("the group was emptied by mistake")).await?;
    let program = &global.program;
    print(&format!("\nNext, try everything yourself:\n  {program} demo --serve\n"))?;
    let as_promised =
        exits.iter().all(|exit| *exit == Some(0)) && refused == Some(Exit::Refused as i32);
    Ok(if as_promised { Exit::InStep } else { Exit::Incomplete })
}

/// What is shown of a command's output, and the comment on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The first lines.
    Beginning,
    /// The last line.
    End(&'static str),
    /// Why it was refused, without the command that approves.
    Refusal(&'static str),
}

/// Runs the steps of the demo.
struct Stage<'g> {
    config: PathBuf,
    global: &'g Global,
    surroundings: &'g Surroundings,
}

impl Stage<'_> {
    /// Runs a command of this program as a user would, prints a part of its output, and returns its
    /// exit code.
    async fn show(&self, command: &str, shown: Shown) -> Result<Option<i32>, Failure> {
        let Ended { status, stdout, stderr } = self.run(&[command]).await?;
        let (filter, output) = match shown {
            Shown::Beginning => (format!(" | head -n {BEGINNING}"), first_lines(&stdout)),
            Shown::End(why) => (format!(" | tail -n 1   # {why}"), last_line(&stdout)),
            Shown::Refusal(why) => (format!(" > /dev/null   # {why}"), refusal(&stderr)),
        };
        let mut page = Page::new(Terminal::of_stdout());
        page.verbatim(format_args!("$ matrix-keycloak-sync {command}{filter}"));
        for line in output.lines() {
            page.line(line);
        }
        print(&page.into_text())?;
        Ok(status.code())
    }

    async fn run(&self, arguments: &[&str]) -> Result<Ended, Failure> {
        let local = |source| Failure::Local { what: "run this program".to_owned(), source };
        let exe = std::env::current_exe().map_err(local)?;
        let mut command = Command::new(exe);
        // Our own variables must not point it at real servers, but programs still have to be found.
        command.env_clear();
        let path = (self.surroundings.env)("PATH");
        command.envs(path.map(|path| ("PATH", path)));
        command.arg("--config").arg(&self.config);
        // Without a terminal, printing takes the colour out again.
        let color = match self.global.color {
            Color::Always | Color::Auto => "always",
            Color::Never => "never",
        };
        command.args(["--color", color]).args(arguments);
        subprocess::run(command, &[], LONGEST).await.map_err(|error| match error {
            NotEnded::CannotRun(source) => local(source),
            NotEnded::TooSlow => local(io::ErrorKind::TimedOut.into()),
        })
    }
}

fn first_lines(text: &str) -> String {
    text.lines().take(BEGINNING).collect::<Vec<_>>().join("\n")
}

fn last_line(text: &str) -> String {
    text.lines().last().map_or_else(String::new, |line| format!("{line}\n"))
}

/// Returns the reasons of a refusal. The command that approves has the name of a file that is gone
/// when the demo has ended.
fn refusal(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.is_empty());
    let reasons = lines.take_while(|line| !line.starts_with("Check the plan"));
    reasons.fold(String::new(), |text, line| text + line + "\n")
}

/// Writes the variables of the stand-ins to a file, because only a file can say how to run the one
/// for mas-cli. State file and lock are temporary too, so nothing is left behind.
fn config(world: &RunningWorld, deactivate_after: &str, more: &str) -> Result<PathBuf, Failure> {
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
         [policy]\ndisable = \"lock\"\ndeactivate_after = {}\n\
         # To disable accounts only after a while:\n# grace = \"30s\"\n\
         # To deactivate accounts at once, in place of the first two lines:\n# disable = \"deactivate\"\n\n\
         [limits]\nmax_disable_percent = 80   # there are only a few accounts here\n{more}",
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
        toml::Value::from(deactivate_after),
    );
    let path = world.directory().join("config.toml");
    files::write(&path, &text, files::Mode::Private)
        .map_err(|source| Failure::Local { what: format!("write {}", path.display()), source })?;
    Ok(path)
}

fn cannot(what: &str) -> impl FnOnce(StandInError) -> Failure {
    move |error| Failure::Local { what: what.to_owned(), source: io::Error::other(error) }
}
