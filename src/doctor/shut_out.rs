//! Checks whether MAS and Synapse show the same accounts as locked and deactivated. Only MAS keeps
//! users out (trap 47).

use super::check::Section;
use crate::config::{AccountSource, Config};
use crate::model::{Account, Localpart};
use crate::phrases::{counted, examples};
use crate::plan::{DisableMode, Unverified};
use crate::readers::{Detail, LinksOf, MasReader, ReadError, SynapseReader, Tally};

/// Columns for examples.
const WIDTH: usize = 60;
/// Commands that are shown.
const COMMANDS: usize = 5;

/// What one server shows and the other does not.
#[derive(Debug, Default)]
struct Compared {
    locked_in_mas: usize,
    locked_in_synapse: usize,
    /// Locked in MAS only.
    unseen_locks: Vec<Localpart>,
    /// Deactivated in MAS only.
    unseen_deactivations: Vec<Localpart>,
}

/// Compares the accounts that both servers know.
pub(super) async fn compare(
    section: &mut Section,
    config: &Config,
    synapse: &SynapseReader,
    mas: &MasReader,
) {
    if section.gives_up("locks") {
        return;
    }
    match compared(config, synapse, mas).await {
        Ok(compared) => {
            locks(section, config, &compared);
            jobs(section, config, &compared.unseen_deactivations);
        }
        Err(error) => section.failed("locks", &error),
    }
}

async fn compared(
    config: &Config,
    synapse: &SynapseReader,
    mas: &MasReader,
) -> Result<Compared, ReadError> {
    let (users, _) = mas.ids(LinksOf::NoProvider, Detail::Plan).await?;
    let (_, accounts) = synapse.accounts(&config.server_name, &Tally::default()).await?;
    let mut compared = Compared::default();
    for account in accounts.iter().filter(|account| account.is_on(&config.server_name)) {
        if let Some(user) = users.find(account.localpart()).user() {
            compared.add(account, user.state.locked, user.state.deactivated);
        }
    }
    Ok(compared)
}

impl Compared {
    fn add(&mut self, account: &Account, is_locked: bool, is_deactivated: bool) {
        self.locked_in_mas += usize::from(is_locked);
        self.locked_in_synapse += usize::from(account.state.locked);
        if is_locked && !account.state.locked {
            self.unseen_locks.push(account.localpart().clone());
        }
        if is_deactivated && !account.state.deactivated {
            self.unseen_deactivations.push(account.localpart().clone());
        }
    }
}

fn locks(section: &mut Section, config: &Config, compared: &Compared) {
    const NAME: &str = "locks";
    let Compared { locked_in_mas, locked_in_synapse, unseen_locks, .. } = compared;
    let counts = format!(
        "MAS has {}, Synapse shows {locked_in_synapse}",
        counted(*locked_in_mas, "locked account", "locked accounts")
    );
    if unseen_locks.is_empty() {
        section.ok(NAME, counts);
        return;
    }
    section.warn(
        NAME,
        format!("{counts}; Synapse does not know the lock of {}", named(unseen_locks)),
        format!(
            "Update Synapse to 1.150 and MAS to 1.14 or later, then run `{} manage provision-all-users` once: the update \
             alone does not fix it.",
            config.policy.mas_cli
        ),
    );
}

/// Reports deactivations that have not reached Synapse.
fn jobs(section: &mut Section, config: &Config, unseen: &[Localpart]) {
    const NAME: &str = "jobs";
    if unseen.is_empty() {
        section.ok(NAME, "every deactivation of MAS has reached Synapse");
        return;
    }
    let again = match config.accounts.source {
        AccountSource::Synapse => {
            "The next `sync` repeats the deactivation of accounts outside the group.".to_owned()
        }
        AccountSource::Mas => {
            format!("Repeat it: `{} manage lock-user --deactivate -- NAME`.", config.policy.mas_cli)
        }
    };
    section.warn(
        NAME,
        format!("MAS has deactivated {}, and Synapse has not", named(unseen)),
        format!("Check that MAS's worker runs: it may be behind, or have lost its jobs when it was killed. {again}"),
    );
}

fn named(localparts: &[Localpart]) -> String {
    let shown = examples(localparts, WIDTH);
    format!("{} ({shown})", counted(localparts.len(), "account", "accounts"))
}

/// Reports how many accounts outside the group only Synapse is known to have shut out, if MAS's
/// state is unknown.
pub(super) fn unverified(section: &mut Section, config: &Config, unverified: &Unverified) {
    const NAME: &str = "shut_out";
    if !config.trusts_synapse() {
        return;
    }
    let count = unverified.accounts.len();
    if count == 0 {
        section.ok(NAME, "no account outside the group is known to be shut out by Synapse alone");
        return;
    }
    let mut found = format!(
        "{} outside the group: shut out by Synapse, but without [writer.mas_api] it is unknown whether MAS keeps \
         the users out. These commands make sure:",
        counted(count, "account", "accounts")
    );
    for command in unverified.commands().take(COMMANDS) {
        found += "\n  ";
        found += &command;
    }
    if count > COMMANDS {
        found += "\n  … and the others, listed by `plan --format json` as `unverified`";
    }
    section.skip(&[NAME], &found);
}

/// Reports that Synapse does not show locks of MAS; `stays` says why, `update` what to update.
pub(super) fn unseen_locks(section: &mut Section, config: &Config, stays: &str, update: &str) {
    const NAME: &str = "version";
    let fix =
        format!("{update}, then run `{} manage provision-all-users` once", config.policy.mas_cli);
    match (config.policy.disable, config.trusts_synapse()) {
        (DisableMode::Lock, true) => section.problem(
            NAME,
            format!("{stays}: with policy.disable = \"lock\" a sync is refused"),
            format!("{fix}; or configure [writer.mas_api], or set `policy.disable` to \"deactivate\"."),
        ),
        (DisableMode::Lock, false) => section.problem(
            NAME,
            format!("{stays}, so every run that locks an account waits for it in vain and ends with exit code 4"),
            format!("{fix}; or set `policy.disable` to \"deactivate\"."),
        ),
        (DisableMode::Deactivate, _) => {
            section.warn(
                NAME,
                format!("{stays}, so Synapse shows an account that was locked by hand as active"),
                fix + ".",
            );
        }
    }
}
