//! A state file of its own for each test, and what is recorded in it.

use super::*;
use crate::plan::{Action, DisableMode, Reason, WriterKind};

pub(super) struct Fixture {
    _directory: tempfile::TempDir,
    pub(super) path: PathBuf,
}

pub(super) fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.db");
    Fixture { _directory: directory, path }
}

impl Fixture {
    pub(super) fn open(&self) -> State {
        self.open_for("corp", "example.org")
    }

    pub(super) fn open_for(&self, realm: &str, server_name: &str) -> State {
        State::open(&self.path, namespace(realm, server_name)).expect("a state file")
    }

    pub(super) fn read(&self) -> Result<Option<State>, StateError> {
        State::read(&self.path, namespace("corp", "example.org"))
    }

    /// Puts in what another program, or another version of this one, would.
    pub(super) fn sql(&self, text: &str) {
        let connection = Connection::open(&self.path).expect("a database");
        connection.execute_batch(text).expect("SQL");
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("a file")
    }

    /// The names in the folder, and the mode of the file.
    pub(super) fn folder(&self) -> (Vec<String>, u32) {
        let entries = std::fs::read_dir(self.path.parent().expect("a folder")).expect("readable");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("readable").file_name().into_string().expect("UTF-8")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        (names, self.path.metadata().expect("a file").permissions().mode() & 0o777)
    }
}

pub(super) fn namespace(realm: &str, server_name: &str) -> Namespace {
    Namespace { realm: realm.to_owned(), server_name: server_name.into() }
}

pub(super) fn hours(hours: u64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000).after(Duration::from_hours(hours))
}

pub(super) fn memory(state: &State) -> Memory {
    state.memory(Timestamp::now()).expect("readable")
}

pub(super) fn owner(id: &str, tie: Tie) -> Owner {
    Owner { id: id.into(), tie }
}

pub(super) fn record(state: &State, presence: &Presence<'_>, now: Timestamp) {
    state.record(presence, now).expect("written");
}

pub(super) fn record_owner(state: &State, name: &str, owner: &Owner) {
    let user_id = Localpart::from(name).on(&state.namespace.server_name);
    record(
        state,
        &Presence { owners: vec![(&user_id, owner.clone())], ..Presence::default() },
        Timestamp::now(),
    );
}

/// Every owner, one a line: `dave 1 link`.
pub(super) fn owners(state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    let take =
        |name: &str, owner: Owner| lines.push(format!("{name} {} {}", owner.id, owner.tie.word()));
    state.owners(take).expect("readable");
    lines
}

/// An action that was begun, and done or not.
pub(super) fn acted(
    state: &State,
    kind: ActionKind,
    name: &str,
    outcome: Option<&Outcome>,
) -> RunId {
    let run = begin(state, &plan(&[(kind, name)]));
    state.begin_action(run, 0).expect("written");
    if let Some(outcome) = outcome {
        state.end_action(run, 0, outcome, None).expect("written");
    }
    run
}

pub(super) fn user(name: &str) -> UserId {
    UserId::try_from(format!("@{name}:example.org").into_boxed_str()).expect("a user ID")
}

pub(super) fn plan(actions: &[(ActionKind, &str)]) -> Plan {
    let action = |(kind, name): &(ActionKind, &str)| Action {
        kind: *kind,
        user_id: user(name),
        mas_id: None,
        reason: Reason::NotInGroup,
        since: None,
        new: None,
        before: AccountState::default(),
        evidence: None,
        approval: None,
        mark: None,
        skipped: None,
    };
    Plan {
        actions: actions.iter().map(action).collect(),
        ..Plan::empty(ServerName::from("example.org"), WriterKind::MasCli, DisableMode::Deactivate)
    }
}

pub(super) fn begin(state: &State, plan: &Plan) -> RunId {
    let beginning = Beginning { command: RunCommand::Sync, plan, document: "{}", undoes: None };
    state.begin_run(&beginning).expect("a run")
}

pub(super) fn outcomes(state: &State, run: RunId) -> Vec<&'static str> {
    let (_, actions) = state.run(run).expect("readable").expect("a run");
    actions.into_iter().map(|action| action.outcome.word()).collect()
}
