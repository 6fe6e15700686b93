//! Checks what learns of changes: the programs of hooks, and the room and bot of `[notify]`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::check::{Section, Status};
use crate::config::{Config, RoomConfig, SynapseConfig};
use crate::environment::{Environment, Surroundings};
use crate::error_chain::in_one_line;
use crate::http::HttpError;
use crate::model::{UserId, printable};
use crate::readers::{Readers, SynapseApi};
use crate::shell::shell_word;
use crate::signals::{self, Bot, Encryption, MaySend, NotifyRoom};

/// Linux reads no more of a script to find its interpreter.
const LONGEST_HEAD: u64 = 256;
const TOKEN: &str = "notify_token";
const OWNER: &str = "notify_owner";
const ROOM: &str = "notify_room";

/// Checks that the programs of hooks are there and can be executed.
pub(super) fn hooks(section: &mut Section, config: &Config, env: &Environment) {
    let hooks = [
        ("on_refused", "watch.on_refused", &config.watch.on_refused),
        ("on_done", "notify.on_done", &config.notify.on_done),
    ];
    for (name, key, command) in hooks {
        let Some(program) = command.as_ref().and_then(|command| command.first()) else { continue };
        match find(program, env).and_then(startable) {
            Ok(path) => {
                let path = path.display().to_string();
                section.ok(name, format!("{} is there and can be executed", printable(&path)));
            }
            Err(problem) => section.problem(
                name,
                format!("{key}: {}: {problem}", printable(program)),
                format!(
                    "Set `{key}` to a program that this user may execute (`chmod +x`), with its whole path."
                ),
            ),
        }
    }
}

/// Returns the path of a program, as the system finds it.
fn find(program: &str, env: &Environment) -> Result<PathBuf, String> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        return if !path.is_file() {
            Err("there is no such file".to_owned())
        } else if is_executable(&path) {
            Ok(path)
        } else {
            Err("this file cannot be executed".to_owned())
        };
    }
    let path = env("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places
        .find(|path| path.is_file() && is_executable(path))
        .ok_or_else(|| "there is no such program on the PATH".to_owned())
}

/// Returns the path of a program that the system can start: a script has to name its interpreter.
fn startable(path: PathBuf) -> Result<PathBuf, String> {
    let mut begin = Vec::new();
    let read = File::open(&path).map(|file| file.take(LONGEST_HEAD).read_to_end(&mut begin));
    // What cannot be read may still be a program.
    if !matches!(read, Ok(Ok(_))) {
        return Ok(path);
    }
    let Some(line) = begin.strip_prefix(b"#!") else {
        return if begin.contains(&0) {
            Ok(path)
        } else {
            Err("this script does not begin with #! and an interpreter, such as #!/bin/sh".into())
        };
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let interpreter = line.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default();
    if is_executable(Path::new(interpreter)) {
        Ok(path)
    } else {
        Err(format!("its interpreter {} cannot be executed", printable(interpreter)))
    }
}

fn is_executable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

/// Checks that the bot's token works, and that the bot is in the room and may write there.
pub(super) async fn room(
    section: &mut Section,
    config: &Config,
    readers: &Readers,
    surroundings: &Surroundings,
) {
    let (Some(synapse), Some(room)) = (&config.synapse, &config.notify.room) else { return };
    let is_reachable =
        section.checks.iter().any(|check| check.name == "reachable" && check.status == Status::Ok);
    if !is_reachable {
        return section.skip(&[TOKEN, ROOM], "Synapse does not answer as it should");
    }
    if section.gives_up(TOKEN) {
        return section.skip(&[ROOM], "the token cannot be tried");
    }
    let notify_room = match NotifyRoom::new(synapse, room, surroundings.timeouts) {
        Ok(room) => room,
        Err(error) => {
            section.problem(TOKEN, in_one_line(&error), "Check `synapse.ca_file`.");
            return section.skip(&[ROOM], "the token cannot be tried");
        }
    };
    let bot = match notify_room.bot().await {
        Ok(bot) => bot,
        Err(error) => {
            failed(section, TOKEN, &error);
            return section.skip(&[ROOM], "the token has not been accepted");
        }
    };
    token(section, &bot);
    if room.has_personal_token() {
        owner(section, &bot.user_id, readers).await;
    }
    if let Err(error) = membership(section, &notify_room, (synapse, room), &bot.user_id).await {
        failed(section, ROOM, &error);
    }
}

fn failed(section: &mut Section, name: &'static str, error: &HttpError) {
    section.problem(name, in_one_line(error), signals::fix(error));
}

/// Synapse identifies a message by the device that sent it.
fn token(section: &mut Section, bot: &Bot) {
    let Bot { user_id, device_id } = bot;
    if device_id.is_some() {
        section.ok(TOKEN, format!("belongs to {user_id}, which is never disabled"));
    } else {
        section.problem(
            TOKEN,
            format!("belongs to {user_id}, and to no device: Synapse sends no message without one"),
            "Issue the token with `mas-cli manage issue-compatibility-token NAME`; or give the personal access token the \
             scope urn:matrix:client:device:NAME too.",
        );
    }
}

/// Checks that the owner of a personal access token is known, as for the admin token.
async fn owner(section: &mut Section, actor: &UserId, readers: &Readers) {
    match readers.owners_of_synapse_token(actor, SynapseApi::Client).await {
        Ok(Some(_)) => section.ok(OWNER, "the owner of the bot's personal access token is never disabled"),
        Ok(None) => section.warn(
            OWNER,
            "the owner of the bot's personal access token is not known, and the token ends with the owner's account",
            "Add the owner to `policy.protect`. Or set `[writer.mas_api]`: MAS from 1.5 on shows the owner there.",
        ),
        Err(error) => section.failed(OWNER, &error),
    }
}

async fn membership(
    section: &mut Section,
    notify_room: &NotifyRoom,
    (synapse, room): (&SynapseConfig, &RoomConfig),
    bot: &UserId,
) -> Result<(), HttpError> {
    let id = printable(&room.id).into_owned();
    if !notify_room.is_joined().await? {
        let mut url = synapse.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["_matrix", "client", "v3", "rooms", &room.id, "join"]);
        }
        section.problem(
            ROOM,
            format!("{bot} is not in the room {id}"),
            format!(
                "Invite it to the room, and let it join with its token:\n  \
                 curl -X POST -H \"Authorization: Bearer $TOKEN\" {}",
                shell_word(url.as_str())
            ),
        );
        return Ok(());
    }
    match notify_room.may_send(bot).await? {
        MaySend::Yes => section.ok(ROOM, format!("{bot} is in the room {id} and may send messages")),
        MaySend::No { has, needs } => section.problem(
            ROOM,
            format!("{bot} may not send messages to the room {id}: its power level is {has}, and a message needs {needs}"),
            "Give the bot this power level in the room.",
        ),
    }
    if notify_room.encryption().await? == Encryption::On {
        section.warn(
            ROOM,
            format!(
                "the room {id} is encrypted, and the bot's messages are not: clients mark them"
            ),
            "Use a room without encryption.",
        );
    }
    Ok(())
}
