//! Provides what all commands that talk to servers need: configuration, readers, and the way to a
//! plan.

mod admins;
mod approval;
mod confirmation;
mod notifications;
mod open_sessions;
mod pager;
mod pipeline;
mod print;
mod reading;
mod report;
pub(crate) mod state_file;
mod unseen_locks;
mod warnings;
mod writing;

use std::collections::HashSet;
use std::sync::Mutex;

use tracing::warn;

use self::state_file::StateFileUse;
use self::warnings::Once;
use crate::cli::{Global, LogFormat};
use crate::config::{self, Config, Loaded, Warning, WriterKindConfig};
use crate::environment::Surroundings;
use crate::failure::Failure;
use crate::lock::RunLock;
use crate::mas_api::MasApi;
use crate::model::Timestamp;
use crate::output::Progress;
use crate::readers::{ReadError, Readers};
use crate::state::{Age, State, StateError};
use crate::writers::{MasCli, Writer, WriterError};

pub(crate) use self::approval::{
    Order, command_after_refusal, command_line, command_to_go_on, next_steps,
};
pub(crate) use self::confirmation::Asking;
pub(crate) use self::notifications::{RunReport, next_step};
pub(crate) use self::pager::{page, page_with};
pub(crate) use self::pipeline::{Aim, Decision};
pub(crate) use self::print::{PrintError, print, print_with, say, tell, tell_the_end};
pub(crate) use self::reading::provider_in_files;
pub(crate) use self::writing::Writing;

/// A run with its configuration, readers and state file.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) readers: Readers,
    pub(crate) progress: Progress,
    mas: Option<MasApi>,
    /// mas-cli, if it is the writer.
    pub(crate) mas_cli: Option<MasCli>,
    /// Whether the command may change something.
    pub(crate) purpose: StateFileUse,
    /// The state file, if one is in use.
    pub(crate) state: Option<State>,
    /// The unverified directories of the last warning about them.
    warned_of: Mutex<Option<Vec<Box<str>>>>,
    /// What was warned about, and is not repeated.
    warned: Mutex<HashSet<Once>>,
    /// Whether there was a state file, and none can be opened now.
    has_lost_state: bool,
}

/// What has become of the state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateChange {
    None,
    /// Another one is at its place.
    Another,
    /// There is none, and none can be made.
    Lost,
}

/// A session to examine, with what was found when it was opened.
pub(crate) struct Examined {
    pub(crate) session: Session,
    /// About the configuration.
    pub(crate) warnings: Vec<Warning>,
    /// Why the state file cannot be read.
    pub(crate) state_problem: Option<StateError>,
}

impl Session {
    /// Opens a session for a command that only reads.
    pub(crate) fn new(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        Self::telling(global, surroundings, StateFileUse::Read)
    }

    /// Opens a session for a command that may change something. A missing state file is created.
    pub(crate) fn for_writing(
        global: &Global,
        surroundings: &Surroundings,
    ) -> Result<Self, Failure> {
        Self::telling(global, surroundings, StateFileUse::Write)
    }

    fn telling(
        global: &Global,
        surroundings: &Surroundings,
        purpose: StateFileUse,
    ) -> Result<Self, Failure> {
        let (session, warnings) = Self::open(global, surroundings, purpose)?;
        for warning in &warnings {
            warn!("{warning}");
        }
        Ok(session)
    }

    /// Opens a session to examine it. What is wrong with the state file is a finding, and the
    /// session has none then.
    pub(crate) fn to_examine(
        global: &Global,
        surroundings: &Surroundings,
    ) -> Result<Examined, Failure> {
        let (mut session, mut warnings) =
            Self::without_state(global, surroundings, StateFileUse::Read)?;
        let state_problem = match state_file::open(&session.config, StateFileUse::Read) {
            Ok((state, warning)) => {
                session.state = state;
                warnings.extend(warning);
                None
            }
            Err(Failure::State(error)) => Some(error),
            Err(failure) => return Err(failure),
        };
        warnings.extend(state_file::warning_of(&session.config));
        Ok(Examined { session, warnings, state_problem })
    }

    /// Opens the state file again if it is no longer the one that was opened: what is written to
    /// that one is lost. If there is none at the default place any more, and none can be made, the
    /// memory is empty until one can.
    pub(crate) fn reopen_state(&mut self) -> Result<StateChange, Failure> {
        if !self.has_lost_state && self.state.as_ref().is_none_or(State::is_in_place) {
            return Ok(StateChange::None);
        }
        let (state, warning) = state_file::open(&self.config, self.purpose)?;
        let had_lost_state = std::mem::replace(&mut self.has_lost_state, state.is_none());
        self.state = state;
        match (&self.state, warning) {
            (Some(state), _) => {
                state.doubt(Timestamp::now())?;
                Ok(StateChange::Another)
            }
            (None, Some(warning)) if !had_lost_state => {
                warn!("{warning}");
                Ok(StateChange::Lost)
            }
            (None, _) => Ok(StateChange::None),
        }
    }

    /// Doubts the state file if it took the place of the one that the session before had opened.
    /// Returns whether it did.
    pub(crate) fn doubt_replaced_state(&self, before: &Self) -> Result<bool, Failure> {
        let was = before.state.as_ref().filter(|state| !state.is_in_place()).map(State::path);
        match self.state.as_ref().filter(|state| Some(state.path()) == was) {
            Some(state) => state.doubt(Timestamp::now()).map(|()| true).map_err(Failure::from),
            None => Ok(false),
        }
    }

    fn open(
        global: &Global,
        surroundings: &Surroundings,
        purpose: StateFileUse,
    ) -> Result<(Self, Vec<Warning>), Failure> {
        let (mut session, mut warnings) = Self::without_state(global, surroundings, purpose)?;
        let (state, warning) = state_file::open(&session.config, purpose)?;
        session.state = state;
        warnings.extend(warning);
        Ok((session, warnings))
    }

    /// Returns a session whose state file is not open yet, and the warnings about the configuration.
    fn without_state(
        global: &Global,
        surroundings: &Surroundings,
        purpose: StateFileUse,
    ) -> Result<(Self, Vec<Warning>), Failure> {
        let Loaded { config, warnings, .. } =
            config::load(global.config.as_deref(), &*surroundings.env)?;
        let mas = config.mas_api.as_ref().map(|mas| MasApi::new(mas, surroundings.timeouts));
        let mas = mas.transpose().map_err(ReadError::Client)?;
        let readers = Readers::new(&config, mas.as_ref(), surroundings.timeouts)?;
        let mas_cli = match &config.writer.kind {
            WriterKindConfig::MasCli(settings) => {
                Some(MasCli::new(settings.clone(), &*surroundings.env))
            }
            WriterKindConfig::MasApi => None,
        };
        let is_hidden = global.quiet || global.log_format == LogFormat::Json;
        let progress = if is_hidden { Progress::hidden() } else { Progress::on_terminal() };
        let session = Self {
            config,
            readers,
            progress,
            mas,
            mas_cli,
            purpose,
            state: None,
            warned_of: Mutex::default(),
            warned: Mutex::default(),
            has_lost_state: false,
        };
        Ok((session, warnings))
    }

    /// Returns the configured writer.
    pub(crate) fn writer(&self, surroundings: &Surroundings) -> Result<Writer, WriterError> {
        Writer::new(
            &self.config.writer,
            &self.config.server_name,
            self.mas.as_ref(),
            &*surroundings.env,
        )
    }

    /// Takes the lock of a run that may write, and counts the run in the state file.
    pub(crate) fn lock(&self, surroundings: &Surroundings) -> Result<RunLock, Failure> {
        let state_file = self.state.as_ref().map(State::path);
        let mut lock = RunLock::take(&self.config, state_file, &*surroundings.env)?;
        if let Some(state) = &self.state {
            let (number, age) = state.count_run(lock.last_run(), Timestamp::now())?;
            lock.note_run(number)?;
            if age == Age::Older {
                warn!(
                    "the state file {} is older than the last run, or new: grace periods start again, accounts disabled \
                     before count as disabled by hand, and remembered owners only protect accounts",
                    state.path().display()
                );
            }
        }
        Ok(lock)
    }
}
