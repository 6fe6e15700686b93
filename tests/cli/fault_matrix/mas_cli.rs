//! A mas-cli that fails: a script in front of the stand-in, which fails as its file `fault` says.
//!
//! Its output follows `tests/contract/mas-cli.json`. If the real mas-cli would have reached the
//! database, the script calls the stand-in first, so that only the answer fails.

use std::path::PathBuf;

use matrix_keycloak_sync::standins::RunningWorld;

use super::cell::{Cell, Moment, Trouble};
use crate::harness::script;

/// Writes the script and returns its path. It fails at the first call, or from the first call of its
/// moment on.
pub(super) fn install(world: &RunningWorld, cell: Cell) -> PathBuf {
    let directory = world.directory().display();
    let from = match cell.moment {
        moment if moment.is_from_the_start() => ":".to_owned(),
        // Two calls can be the first one; the one that creates the directory is.
        moment => format!(
            "if [ ! -d {directory}/begun ]; then\n\
             case \"$*\" in *{}*) mkdir {directory}/begun 2>/dev/null && passes;; *) passes;; esac\n\
             fi",
            first_call(moment)
        ),
    };
    // The next call does not find a removed command.
    let passes = if cell.trouble == Trouble::Refused && !cell.moment.is_from_the_start() {
        format!(
            "passes() {{ [ -d {directory}/begun ] && mv \"$0\" {directory}/gone; exec $real \"$@\"; }}"
        )
    } else {
        "passes() { exec $real \"$@\"; }".to_owned()
    };
    let body = format!(
        "real={directory}/bin/mas-cli\n{}\n[ -e {directory}/fault ] || exec $real \"$@\"\n{}\n{}",
        passes,
        from.replace("passes;;", "passes \"$@\";;"),
        failing(cell.trouble),
    );
    let path = script(world, "failing-mas-cli", &body);
    if cell.moment != Moment::NewAccount {
        begin(world, cell);
    }
    path
}

/// Returns the call, quoted for a shell, after which the fault begins.
fn first_call(moment: Moment) -> &'static str {
    match moment {
        Moment::Create => "register-user",
        Moment::Grant => "promote-admin",
        Moment::Revoke => "demote-admin",
        _ => "lock-user\\ --deactivate",
    }
}

/// Makes it fail, as [`install`] has prepared.
pub(super) fn begin(world: &RunningWorld, cell: Cell) {
    std::fs::write(world.directory().join("fault"), cell.to_string())
        .expect("a writable directory");
    if cell.trouble == Trouble::Refused && cell.moment.is_from_the_start() {
        let file = |name: &str| world.directory().join(name);
        std::fs::rename(file("failing-mas-cli"), file("gone")).expect("just written");
    }
}

/// Repairs the mas-cli of this world.
pub(super) fn heal(world: &RunningWorld) {
    let file = |name: &str| world.directory().join(name);
    // Only a removed command has to be put back.
    let _ = std::fs::rename(file("gone"), file("failing-mas-cli"));
    // A case that repairs it before its end has removed the file already.
    let _ = std::fs::remove_file(file("fault"));
}

fn failing(trouble: Trouble) -> String {
    let cannot_connect = |what: &str, cause: &str| {
        let text = format!(
            "could not connect to the database\\n\\nCaused by:\\n    0: {what}{cause}\\n    1: {cause}"
        );
        format!("printf 'Error: {text}\\n' >&2\nexit 1")
    };
    let refuses = "error returned from database: ";
    match trouble {
        Trouble::Hang => "$real \"$@\" 2>/dev/null\nexec sleep 1000".to_owned(),
        Trouble::Trickle => {
            "$real \"$@\" 2>/dev/null\nwhile :; do printf . >&2; sleep 0.1; done".to_owned()
        }
        Trouble::Unauthorized => {
            cannot_connect(refuses, "password authentication failed for user \"mas\"")
        }
        Trouble::Forbidden => cannot_connect(refuses, "role \"root\" does not exist"),
        Trouble::TooMany => cannot_connect(refuses, "sorry, too many clients already"),
        Trouble::Unavailable => cannot_connect(
            "error communicating with database: ",
            "Connection refused (os error 111)",
        ),
        Trouble::CutBody => "$real \"$@\" 2>&1 | head -c 20 >&2\nexit 0".to_owned(),
        Trouble::Html => "echo '<!doctype html><title>Sign in</title>'\nexit 0".to_owned(),
        Trouble::Reset => "$real \"$@\" 2>/dev/null\nkill -KILL $$".to_owned(),
        _ => "printf 'Error: User not found\\n' >&2\nexit 1".to_owned(),
    }
}
