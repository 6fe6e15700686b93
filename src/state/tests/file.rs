//! Files that are missing, older, newer, damaged or of another program.

use super::*;

/// The tables of version 0.1, with a row in each.
const FIRST_VERSION: &str = "PRAGMA journal_mode = wal;
    CREATE TABLE runs (id INTEGER PRIMARY KEY, command TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
        server_name TEXT NOT NULL, realm TEXT NOT NULL, writer TEXT NOT NULL, disable TEXT NOT NULL,
        digest TEXT NOT NULL, plan TEXT NOT NULL, result TEXT, undoes INTEGER REFERENCES runs (id)) STRICT;
    CREATE TABLE actions (run INTEGER NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, action TEXT NOT NULL,
        user_id TEXT NOT NULL, mas_id TEXT, reason TEXT NOT NULL, evidence TEXT, before TEXT NOT NULL, after TEXT,
        begun INTEGER, ended INTEGER, outcome TEXT, error TEXT, PRIMARY KEY (run, number)) STRICT, WITHOUT ROWID;
    CREATE INDEX actions_by_user ON actions (user_id, run, number);
    CREATE TABLE absences (user_id TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE directories (realm TEXT NOT NULL, provider TEXT NOT NULL, PRIMARY KEY (realm, provider))
        STRICT, WITHOUT ROWID;
    CREATE TABLE settled (user_id TEXT PRIMARY KEY, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
    INSERT INTO runs VALUES (1, 'sync', 1000, 2000, 'example.org', 'corp', 'mas-cli', 'deactivate', 'sha256:00', '{}',
        'in_step', NULL);
    INSERT INTO actions VALUES (1, 0, 'disable', '@dave:example.org', NULL, 'not_in_group', NULL,
        '{\"deactivated\": false, \"locked\": false, \"erased\": false}', NULL, 1000, 2000, 'done', NULL),
        (1, 1, 'disable', '@erin:example.org', NULL, 'not_in_group', NULL,
        '{\"deactivated\": false, \"locked\": false, \"erased\": false}', NULL, 1000, 2000, 'done', NULL);
    INSERT INTO absences VALUES ('@frank:example.org', 1000);
    INSERT INTO settled VALUES ('@erin:example.org', 900000000);
    INSERT INTO directories VALUES ('corp', 'ldap'), ('other', 'ad');";

#[test]
fn file_that_others_may_read_is_closed_to_them() {
    let fixture = fixture();
    drop(fixture.open());
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o644))
        .expect("a file of ours");
    drop(fixture.open());
    assert_eq!(fixture.folder().1, 0o600);
}

#[test]
fn a_file_of_version_0_1_keeps_its_runs_its_claims_and_its_directories() {
    let fixture = fixture();
    fixture.sql(FIRST_VERSION);
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o644))
        .expect("a file of ours");
    let check = |state: &State| {
        let memory = memory(state);
        assert_eq!(memory.own.into_keys().collect::<Vec<_>>(), [user("dave")]);
        assert_eq!(memory.directories, ["ldap".into()].into());
        assert!(memory.absent_since.is_empty(), "a grace starts again");
        assert_eq!(state.runs(&RunFilter::default()).expect("readable").len(), 1);
    };
    let before = fixture.bytes();
    check(&fixture.read().expect("readable").expect("a file"));
    assert_eq!(fixture.bytes(), before, "reading brings nothing up to date");
    check(&fixture.open());
    assert_eq!(
        fixture.open_for("other", "example.org").memory(hours(0)).expect("readable").own.len(),
        0
    );
    assert_eq!(fixture.folder(), (vec!["state.db".to_owned()], 0o600));
    assert_eq!(fixture.bytes()[68..72], schema::APPLICATION_ID.to_be_bytes());
}

/// Has another program write for a moment, and runs `work` meanwhile.
fn while_another_program_writes<T>(fixture: &Fixture, work: impl FnOnce() -> T) -> T {
    let other = Connection::open(&fixture.path).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            other.execute_batch("ROLLBACK").expect("a transaction");
        });
        work()
    })
}

#[test]
fn a_program_waits_while_another_one_writes() {
    let fixture = fixture();
    drop(fixture.open());
    let state = while_another_program_writes(&fixture, || fixture.open());
    let (number, _) = while_another_program_writes(&fixture, || state.count_run(None, hours(1)))
        .expect("it waits");
    assert_eq!(number, 1);
    let plan = plan(&[(ActionKind::Disable, "dave")]);
    let run = while_another_program_writes(&fixture, || begin(&state, &plan));
    while_another_program_writes(&fixture, || record(&state, &Presence::default(), hours(1)));
    while_another_program_writes(&fixture, || state.end_run(run, RunResult::InStep))
        .expect("it waits");
}

#[test]
fn a_migration_waits_while_another_program_writes() {
    let fixture = fixture();
    fixture.sql(FIRST_VERSION);
    while_another_program_writes(&fixture, || fixture.open());
}

/// Opens the file from six programs at once, and counts a run in each.
fn open_together(fixture: &Fixture) {
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| fixture.open().count_run(None, hours(1)).expect("it waits"));
        }
    });
    assert_eq!(fixture.open().count_run(None, hours(1)).expect("a number").0, 7);
}

#[test]
fn programs_may_create_one_file_at_the_same_time() {
    for _ in 0..20 {
        open_together(&fixture());
    }
}

#[test]
fn programs_may_migrate_one_file_at_the_same_time() {
    for _ in 0..20 {
        let fixture = fixture();
        fixture.sql(FIRST_VERSION);
        open_together(&fixture);
    }
}

#[test]
fn a_new_file_is_for_its_owner_alone_and_says_whose_it_is() {
    let fixture = fixture();
    let state = fixture.open();
    assert_eq!(
        fixture.bytes()[68..72],
        schema::APPLICATION_ID.to_be_bytes(),
        "before the log is taken in"
    );
    drop(state);
    assert_eq!(fixture.folder(), (vec!["state.db".to_owned()], 0o600));
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a/b/state.db");
    assert!(make_folder(&path, Parents::MustExist).is_err());
    make_folder(&path, Parents::AreMade).expect("a folder");
    make_folder(&path, Parents::MustExist).expect("it is there");
    for folder in ["a", "a/b"] {
        let mode = directory.path().join(folder).metadata().expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
}

#[test]
fn a_command_that_only_reads_creates_nothing() {
    let fixture = fixture();
    assert!(fixture.read().expect("no file is no error").is_none());
    assert!(!fixture.path.exists());
    drop(fixture.open());
    let before = fixture.bytes();
    let state = fixture.read().expect("readable").expect("a file");
    assert!(state.record(&Presence::default(), Timestamp::now()).is_err(), "it cannot write");
    drop(state);
    assert_eq!(
        (fixture.bytes() == before, fixture.folder().0),
        (true, vec!["state.db".to_owned()])
    );
}

#[test]
fn an_empty_file_is_like_none() {
    let fixture = fixture();
    std::fs::write(&fixture.path, "").expect("a writable directory");
    assert!(fixture.read().expect("readable").is_none());
    assert!(fixture.bytes().is_empty());
    fixture.open();
}

#[test]
fn a_file_of_another_program_is_an_error_and_stays_as_it_is() {
    for text in [
        "CREATE TABLE notes (text TEXT)",
        "CREATE TABLE runs (text TEXT)",
        "PRAGMA application_id = 7",
        "PRAGMA journal_mode = wal; CREATE TABLE notes (text TEXT)",
    ] {
        let fixture = fixture();
        fixture.sql(text);
        assert_left(&fixture, "was not written by this program");
    }
    let fixture = fixture();
    std::fs::write(
        &fixture.path,
        "this is not a database, in spite of its name; it is long enough to look like one\n",
    )
    .expect("a writable directory");
    assert_left(&fixture, "was not written by this program");
}

/// The file can neither be read nor written, for this reason, and nothing of it changes.
fn assert_left(fixture: &Fixture, why: &str) {
    let before = (fixture.bytes(), fixture.folder());
    for error in
        [State::open(&fixture.path, namespace("corp", "example.org")).err(), fixture.read().err()]
    {
        let error = error.expect("an error");
        assert!(error.to_string().contains(why) && error.hint().contains("ile"), "{error}");
        assert!(!error.problem.is_about_the_place());
    }
    assert_eq!(fixture.bytes(), before.0);
    assert_eq!(fixture.folder().1, before.1.1);
}

#[test]
fn a_link_is_not_followed() {
    let fixture = fixture();
    let target = fixture.path.with_file_name("target.db");
    std::fs::write(&target, "").expect("a writable directory");
    std::os::unix::fs::symlink(&target, &fixture.path).expect("a link");
    assert_left(&fixture, "is a link");
}

/// A file with a thousand owners, closed.
fn filled() -> Fixture {
    let fixture = fixture();
    let state = fixture.open();
    let users: Vec<_> = (0..1000).map(|number| user(&format!("user{number}"))).collect();
    let owners = users
        .iter()
        .map(|user| (user, owner("be243450-fb1f-4473-a05d-860beb99ac30", Tie::Name)))
        .collect();
    record(&state, &Presence { owners, ..Presence::default() }, Timestamp::now());
    drop(state);
    fixture
}

#[test]
fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let fixture = filled();
    let mut bytes = fixture.bytes();
    let half = bytes.len() / 2;
    bytes[half..half + 4096].fill(0xa5);
    std::fs::write(&fixture.path, bytes).expect("a writable file");
    assert_left(&fixture, "is damaged");
}

#[test]
fn a_truncated_file_is_an_error_and_stays_as_it_is() {
    for kept in [50, 90, 4096, 20_000] {
        let fixture = filled();
        let bytes = fixture.bytes();
        std::fs::write(&fixture.path, &bytes[..kept]).expect("a writable file");
        assert_left(&fixture, "is damaged");
    }
}

#[test]
fn a_newer_file_is_an_error_and_stays_as_it_is() {
    let fixture = filled();
    fixture.sql("PRAGMA user_version = 99");
    assert_left(&fixture, "has tables that this version does not know");
}

#[test]
fn a_folder_that_takes_no_file_is_about_the_place() {
    let fixture = fixture();
    std::fs::write(&fixture.path, "").expect("a writable directory");
    let below = fixture.path.join("state.db");
    let error =
        State::open(&below, namespace("corp", "example.org")).expect_err("a file is no folder");
    assert!(error.problem.is_about_the_place(), "{error}");
}

/// As root everything can be written, so this says something only for other users.
#[test]
fn a_file_that_cannot_be_written_can_be_read() {
    let fixture = filled();
    let folder = fixture.path.parent().expect("a folder");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .expect("a file of ours");
    };
    set(&fixture.path, 0o400);
    set(folder, 0o500);
    let (read, opened) =
        (fixture.read(), State::open(&fixture.path, namespace("corp", "example.org")));
    set(folder, 0o700);
    assert_eq!(owners(&read.expect("readable").expect("a file")).len(), 1000);
    if !rustix::process::geteuid().is_root() {
        assert!(opened.expect_err("not writable").problem.is_about_the_place());
    }
}
