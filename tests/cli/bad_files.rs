//! Bad files: each ends in a message and an exit code, none in a hang, and other programs' files do
//! not change.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{
    NO_LIMITS, Program, program, script, set_mode, started, state_folder, the_table,
};
use crate::watch::watching::{QUICK, start};

/// Longer than any run with stand-ins.
const HANGS: Duration = Duration::from_mins(1);
const LOCK: &str = "matrix-keycloak-sync-corp-example.org.lock";

/// Which file is a bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Configuration,
    Secret,
    MasConfiguration,
    SavedPlan,
    State,
    Lock,
    Metrics,
    Out,
}
use Place::{Configuration, Lock, MasConfiguration, Metrics, Out, SavedPlan, Secret, State};

/// The thing at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Missing,
    Folder,
    /// To a file with a text.
    Link,
    DanglingLink,
    /// With no process at its other end.
    Pipe,
    Bytes(&'static [u8]),
    /// This, and 100,000 brackets that are never closed.
    Deep(&'static str),
    /// 5 GiB of zeros.
    Huge,
    /// The first half of a state file.
    HalfAState,
    /// Of another program.
    OtherDatabase,
}
use Thing::{
    Bytes, DanglingLink, Deep, Folder, HalfAState, Huge, Link, Missing, OtherDatabase, Pipe,
};

const EMPTY: Thing = Bytes(b"");
const GARBAGE: Thing = Bytes(b"\x01 = evil {{{ \x02\n");
const NOT_UTF_8: Thing = Bytes(b"a = \"\xff\xfe\"\n");
const ALIASES: Thing = Bytes(
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
      d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e]\n\
      g: &g [*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g]\ni: [*h,*h,*h,*h,*h,*h,*h,*h]\n",
);
const NOT_OURS: &str = "was not written by this program";
const NO_LINKS: &str = "links are not followed";
const NO_FILE: &str = "not a regular file";

/// The path, the thing there, the exit code, and the message.
const TABLE: &[(Place, Thing, i32, &str)] = &[
    (Configuration, Missing, 78, "cannot read the configuration file"),
    (Configuration, Folder, 78, "cannot read the configuration file"),
    (Configuration, DanglingLink, 78, "cannot read the configuration file"),
    (Configuration, NOT_UTF_8, 78, "it is not UTF-8"),
    (Configuration, GARBAGE, 78, "this is not TOML"),
    (Configuration, Bytes(b"realm = \"a\0b\"\n"), 78, "this is not TOML"),
    (Configuration, Deep("a = "), 78, "this is not TOML"),
    (Configuration, Huge, 78, "it is longer than"),
    // The variables are enough.
    (Configuration, EMPTY, 0, ""),
    (Configuration, Pipe, 0, ""),
    (Secret, Missing, 78, "bad-Secret\": cannot read this file"),
    (Secret, Folder, 78, "bad-Secret\": cannot read this file"),
    (Secret, Pipe, 78, "bad-Secret\": this file is empty"),
    (Secret, EMPTY, 78, "bad-Secret\": this file is empty"),
    (Secret, Bytes(b"evil\nevil\n"), 78, "bad-Secret\": this file has more than one"),
    (Secret, NOT_UTF_8, 78, "it is not UTF-8"),
    (Secret, Huge, 78, "it is longer than"),
    (MasConfiguration, Missing, 78, "cannot read"),
    (MasConfiguration, Folder, 78, "cannot read"),
    (MasConfiguration, Pipe, 78, "it has no settings by name"),
    (MasConfiguration, EMPTY, 78, "it has no settings by name"),
    (MasConfiguration, GARBAGE, 78, "this is not YAML"),
    (MasConfiguration, Deep(""), 78, "this is not YAML"),
    (MasConfiguration, ALIASES, 78, ""),
    (MasConfiguration, Huge, 78, "cannot read"),
    (SavedPlan, Missing, 1, "cannot read this file"),
    (SavedPlan, Folder, 1, "cannot read this file"),
    (SavedPlan, Pipe, 1, "this is not a plan"),
    (SavedPlan, EMPTY, 1, "this is not a plan"),
    (SavedPlan, GARBAGE, 1, "this is not a plan"),
    (SavedPlan, NOT_UTF_8, 1, "this is not a plan"),
    (SavedPlan, Bytes(b"null"), 1, "this is not a plan"),
    (SavedPlan, Bytes(b"{\"version\": 2, \"actions\": []}"), 1, "this is not a plan"),
    (SavedPlan, Deep(""), 1, "this is not a plan"),
    (SavedPlan, Huge, 1, "it is longer than"),
    (State, Folder, 1, NOT_OURS),
    (State, Link, 1, NO_LINKS),
    (State, DanglingLink, 1, NO_LINKS),
    (State, Pipe, 1, NOT_OURS),
    (State, GARBAGE, 1, NOT_OURS),
    (State, Huge, 1, NOT_OURS),
    (State, OtherDatabase, 1, NOT_OURS),
    (State, Bytes(b"SQLite format 3\0"), 1, "is damaged"),
    (State, HalfAState, 1, "is damaged"),
    (State, EMPTY, 0, ""),
    (Lock, Folder, 1, "cannot use the lock"),
    (Lock, Link, 1, "cannot use the lock"),
    (Lock, DanglingLink, 1, "cannot use the lock"),
    (Lock, Pipe, 1, "cannot use the lock"),
    (Lock, GARBAGE, 0, ""),
    (Lock, Huge, 0, ""),
    (Metrics, Folder, 4, NO_FILE),
    (Metrics, Link, 4, NO_LINKS),
    (Metrics, DanglingLink, 4, NO_LINKS),
    (Metrics, Pipe, 4, NO_FILE),
    (Metrics, GARBAGE, 0, ""),
    (Metrics, NOT_UTF_8, 0, ""),
    (Metrics, Huge, 0, ""),
    (Out, Folder, 1, NO_FILE),
    (Out, Link, 1, NO_LINKS),
    (Out, DanglingLink, 1, NO_LINKS),
    (Out, Pipe, 1, NO_FILE),
    (Out, GARBAGE, 0, ""),
    (Out, Huge, 0, ""),
];

/// Makes it.
fn make(world: &RunningWorld, thing: Thing, path: &Path) {
    let target = world.directory().join("target");
    fs::write(&target, "keep me\n").expect("a writable folder");
    let made = match thing {
        Missing => Ok(()),
        Folder => fs::create_dir(path),
        Link => symlink(&target, path),
        DanglingLink => symlink(world.directory().join("nowhere"), path),
        Pipe => return pipe(path),
        Bytes(bytes) => fs::write(path, bytes),
        Deep(begin) => fs::write(path, format!("{begin}{}", "[".repeat(100_000))),
        Huge => File::create(path).and_then(|file| file.set_len(5 << 30)),
        HalfAState => return half_a_state(world, path),
        OtherDatabase => return other_database(path),
    };
    made.expect("a writable folder");
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

fn half_a_state(world: &RunningWorld, path: &Path) {
    program(world).run("sync").exits(0);
    let whole = fs::read(state_folder(world).join("corp@example.org.db")).expect("a state file");
    fs::write(path, &whole[..whole.len() / 2]).expect("a writable folder");
}

fn other_database(path: &Path) {
    let other = rusqlite::Connection::open(path).expect("a database");
    other
        .execute_batch("CREATE TABLE evil (id INTEGER); INSERT INTO evil VALUES (1);")
        .expect("a table");
}

fn path_of(world: &RunningWorld, place: Place) -> PathBuf {
    match place {
        Lock => {
            let folder = state_folder(world);
            fs::create_dir_all(&folder).expect("a writable folder");
            folder.join(LOCK)
        }
        _ => world.directory().join(format!("bad-{place:?}")),
    }
}

/// The program that uses the file, and its arguments.
fn user_of(world: &RunningWorld, place: Place, path: &Path) -> (Program, String) {
    let path = path.display().to_string();
    let plain = || program(world).file(world, NO_LIMITS);
    match place {
        Configuration => (program(world), format!("--config {path} plan")),
        Secret => {
            let plain = plain().without("MATRIX_ADMIN_TOKEN");
            (plain.env("MATRIX_ADMIN_TOKEN_FILE", &path), "plan".to_owned())
        }
        MasConfiguration => (plain().env("MAS_CONFIG", &path), "sync".to_owned()),
        SavedPlan => (plain(), format!("apply {path}")),
        State => {
            let file = format!("state_file = {path:?}\n{NO_LIMITS}");
            (program(world).file(world, &file), "sync".to_owned())
        }
        Lock => (plain(), "sync".to_owned()),
        Metrics => (plain(), format!("sync --metrics-file {path}")),
        Out => (plain(), format!("plan --out {path}")),
    }
}

/// What identifies a file, without reading an endless one to its end.
fn seen(path: &Path) -> Option<(u32, u64, u64, Vec<u8>)> {
    let found = path.symlink_metadata().ok()?;
    let is_short = found.is_file() && found.len() < 1 << 20;
    let bytes = if is_short { fs::read(path).expect("readable") } else { Vec::new() };
    Some((found.mode(), found.ino(), found.len(), bytes))
}

#[tokio::test]
async fn bad_file_is_an_error_that_hangs_no_run_and_changes_no_file_of_others() {
    for &(place, thing, code, says) in TABLE {
        let world = started(the_table()).await;
        let path = path_of(&world, place);
        make(&world, thing, &path);
        let before = seen(&path);
        let (program, arguments) = user_of(&world, place, &path);
        let run = program.run_within(world.directory(), &arguments, HANGS);
        let run = run.unwrap_or_else(|| unreachable!("{place:?} {thing:?}: it hangs"));
        assert_eq!(run.code, code, "{place:?} {thing:?}: {run:?}");
        assert!(run.stderr.contains(says), "{place:?} {thing:?}: {run:?}");
        assert!(!run.stderr.contains("evil"), "{place:?} {thing:?}: {run:?}");
        if code != 0 {
            assert_eq!(seen(&path), before, "{place:?} {thing:?}");
        }
        let target = fs::read_to_string(world.directory().join("target")).expect("it is there");
        assert_eq!(target, "keep me\n", "{place:?} {thing:?}");
        assert!(!world.directory().join("nowhere").exists(), "{place:?} {thing:?}");
    }
}

#[tokio::test]
async fn plan_does_not_wait_if_the_lock_file_is_a_pipe() {
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    let lock = state_folder(&world).join(LOCK);
    fs::remove_file(&lock).expect("it is there");
    pipe(&lock);
    let run = program(&world).run_within(world.directory(), "plan", HANGS).expect("it ends");
    run.exits(0);
}

#[tokio::test]
async fn state_file_is_an_error_if_its_place_takes_no_file() {
    let world = started(the_table()).await;
    for place in ["/proc/nowhere/state.db", "/proc/version/state.db", "/dev/null/state.db"] {
        let file = format!("state_file = {place:?}\n");
        program(&world).file(&world, &file).run("sync").exits(1).tells(&["cannot be opened"]);
    }
}

#[tokio::test]
async fn hint_about_a_configuration_that_cannot_be_read_fits_what_is_there() {
    for (thing, hint) in [
        (Missing, "write one with `config init`"),
        (Folder, "this is a folder"),
        (NOT_UTF_8, "Save the file as UTF-8."),
    ] {
        let world = started(the_table()).await;
        let path = path_of(&world, Configuration);
        make(&world, thing, &path);
        let line = format!("--config {} config check", path.display());
        program(&world).run(&line).exits(78).tells(&[hint]);
    }
}

#[tokio::test]
async fn configuration_is_read_to_its_end_if_a_shell_pipes_it_in() {
    let world = started(the_table()).await;
    let slow = "echo '[policy]'; sleep 0.3; echo 'protect = [\"dave\"]'";
    let slow = script(&world, "settings", slow).display().to_string();
    let line = format!("bash -c 'matrix-keycloak-sync --config <({slow}) plan --format json'");
    let run = program(&world).shell(&line).exits(0);
    assert_eq!(run.kept(), ["dave protected"]);
}

#[tokio::test]
async fn configuration_with_a_secret_is_a_warning_of_every_command_if_others_can_read_it() {
    let world = started(the_table()).await;
    let secret = format!("[keycloak]\nclient_secret = \"unused\"\n{QUICK}{NO_LIMITS}");
    let warning = "every user of this machine can read";
    let with = |settings: &str, mode| {
        let program = program(&world).file(&world, settings);
        set_mode(&world.directory().join("config.toml"), mode);
        program
    };
    for command in ["plan", "doctor", "sync", "explain dave"] {
        let warns = |settings: &str, mode| {
            let run = with(settings, mode).run(command);
            let text = format!("{}{}", run.stdout, run.stderr);
            text.split_whitespace().collect::<Vec<_>>().join(" ").contains(warning)
        };
        assert!(warns(&secret, 0o644), "{command}");
        assert!(!warns(&secret, 0o600) && !warns(NO_LIMITS, 0o644), "{command}");
    }
    let watching = start(&world, with(&secret, 0o644));
    watching.is_ready().await;
    watching.has_logged(warning);
}

/// A reader that has the old file open sees all of it, and so does one that opens it meanwhile.
#[tokio::test]
async fn written_file_replaces_the_old_one_atomically() {
    let world = started(the_table()).await;
    let at = |name: &str| world.directory().join(name);
    for (name, arguments) in [("metrics", "sync --metrics-file"), ("plan", "plan --out")] {
        fs::write(at(name), "# before\n").expect("a writable folder");
        fs::hard_link(at(name), at(&format!("{name}-before"))).expect("a link");
        let line = format!("{arguments} {}", at(name).display());
        program(&world).file(&world, NO_LIMITS).run(&line).exits(0);
        let before = fs::read_to_string(at(&format!("{name}-before"))).expect("it is there");
        assert_eq!(before, "# before\n", "{name}");
        assert_ne!(fs::read_to_string(at(name)).expect("it is there"), before, "{name}");
    }
}
