//! Shows every account with its user, its state, and what the plan says about it (`report`). It has
//! no writer, so it cannot change anything.

use std::collections::BTreeMap;
use std::io::Write;

use crate::cli::{Global, ReportArgs, ReportFormat};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{Account, ServerText, Timestamp};
use crate::output::Terminal;
use crate::output::report::{
    CsvReport, HtmlReport, JsonReport, KnownUsers, ReportHead, ReportRow, ReportWriter, TextReport,
    Widths,
};
use crate::phrases::joined;
use crate::plan::DisableMode;
use crate::planner::Review;
use crate::readers::{Detail, Outsiders, Reading};
use crate::session::{PrintError, Session, page_with, print_with};
use crate::state::{LastActions, State};

/// Prints the access review. Reading, second look and rule are those of a plan.
pub async fn report(
    global: &Global,
    args: &ReportArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let session = Session::new(global, surroundings)?;
    let reading = session.read_in(Detail::Report).await?;
    let review = session.review(&reading).await?;
    let outsiders = session.outsiders(&review, &reading).await;
    let report = Report { session: &session, reading: &reading, review, outsiders };
    match args.format {
        ReportFormat::Text => page_with(|out| report.print(args.format, out))?,
        ReportFormat::Csv | ReportFormat::Json | ReportFormat::Html => {
            print_with(|out| report.print(args.format, out))?;
        }
    }
    Ok(Exit::InStep)
}

struct Report<'r> {
    session: &'r Session,
    reading: &'r Reading,
    review: Review<'r>,
    outsiders: Outsiders,
}

impl Report<'_> {
    /// Prints row by row: there is no list of all rows.
    fn print(&self, format: ReportFormat, out: &mut dyn Write) -> Result<(), PrintError> {
        let accounts = &self.reading.facts.accounts;
        let mut order: Vec<u32> = (0..).zip(accounts).map(|(row, _)| row).collect();
        let account = |row: u32| &accounts[row as usize];
        order.sort_unstable_by_key(|row| &account(*row).user_id);
        let mut writer: Box<dyn ReportWriter + '_> = match format {
            ReportFormat::Text => Box::new(TextReport::new(out, self.widths())),
            ReportFormat::Csv => Box::new(CsvReport::new(out)),
            ReportFormat::Json => Box::new(JsonReport::new(out)),
            ReportFormat::Html => Box::new(HtmlReport::new(out)),
        };
        writer.begin(&self.head())?;
        let history = self.session.state.as_ref().map(State::last_actions);
        let mut last = history.as_ref().map(LastActions::query).transpose()?;
        let names = &self.reading.details.names;
        let users = KnownUsers { members: names, outsiders: &self.outsiders };
        for account in order.into_iter().map(account) {
            let last = match &mut last {
                Some(last) => last.of(&account.user_id)?,
                None => None,
            };
            let reviewed = self.review.of(account);
            let seen = reviewed.evidence.and_then(|seen| seen.account.in_this_state_since());
            let since = seen.or_else(|| self.disabled_since(account));
            writer.row(&ReportRow::new(&reviewed, users, since, last))?;
        }
        Ok(writer.end()?)
    }

    fn head(&self) -> ReportHead {
        let (facts, plan) = (&self.reading.facts, self.review.plan());
        let mut counts = BTreeMap::new();
        for account in &facts.accounts {
            *counts.entry(self.review.of(account).standing).or_default() += 1;
        }
        ReportHead {
            server_name: facts.server_name.clone(),
            realm: ServerText::from(&*self.session.config.keycloak.realm),
            membership: joined(&self.reading.membership.names(), ", "),
            made: facts.now,
            read: plan.read,
            counts,
            refused: self.session.config.limits.refuse(plan),
        }
    }

    fn widths(&self) -> Widths {
        let names = self.reading.facts.accounts.iter().map(Account::localpart);
        let lengths = names.map(|name| name.as_str().chars().count());
        Widths {
            terminal: Terminal::of_stdout().width,
            longest_name: lengths.max().unwrap_or_default(),
        }
    }

    /// Returns since when an account has been disabled, by MAS or else by this program.
    fn disabled_since(&self, account: &Account) -> Option<Timestamp> {
        let own = self.reading.facts.memory.own.get(&account.user_id);
        let by_us = || match (own?, account.seen().is_deactivated()) {
            (own, true) if own.mode == DisableMode::Deactivate => Some(own.until),
            (own, _) => Some(own.at),
        };
        let in_mas = account.mas.id().and_then(|id| self.reading.details.disabled.get(id));
        in_mas.or_else(by_us)
    }
}
