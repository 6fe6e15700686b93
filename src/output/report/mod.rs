//! Prints an access review row by row, because there may be millions of rows.

mod csv;
mod html;
mod json;
mod row;
mod text;

use std::collections::BTreeMap;
use std::io;

use indicatif::HumanCount;

use crate::model::{ServerName, ServerText, Timestamp};
use crate::phrases::counted;
use crate::plan::{ReadCounts, Refusal};
use crate::planner::Standing;

pub use csv::CsvReport;
pub use html::HtmlReport;
pub use json::JsonReport;
pub use row::{KnownUsers, ReportRow, RowUser};
pub use text::{TextReport, Widths};

/// What a report says about all accounts.
#[derive(Debug, Clone)]
pub struct ReportHead {
    pub server_name: ServerName,
    pub realm: ServerText,
    /// The groups and roles whose users are the members.
    pub membership: String,
    /// When everything was read.
    pub made: Timestamp,
    pub read: ReadCounts,
    /// How many accounts have each standing.
    pub counts: BTreeMap<Standing, usize>,
    /// Why a sync of the plan would be refused.
    pub refused: Vec<Refusal>,
}

impl ReportHead {
    /// Returns how much was read, in words.
    fn read(&self) -> String {
        let ReadCounts { members, accounts } = self.read;
        let members = counted(members, "member", "members");
        format!("{members}, {}", counted(accounts, "account", "accounts"))
    }
}

/// Returns how many accounts have a standing, in words.
fn counted_as(standing: Standing, count: usize) -> String {
    match standing {
        Standing::Member => counted(count, "member", "members"),
        other => format!("{} {}", HumanCount(count as u64), verdict(other)),
    }
}

/// Prints a report: its beginning, each row in order of localpart, and its end.
pub trait ReportWriter {
    /// Prints what comes before the rows.
    fn begin(&mut self, head: &ReportHead) -> io::Result<()>;

    /// Prints one account.
    fn row(&mut self, row: &ReportRow<'_>) -> io::Result<()>;

    /// Prints what comes after the rows.
    fn end(&mut self) -> io::Result<()>;
}

/// Returns what becomes of an account, in words.
fn verdict(standing: Standing) -> &'static str {
    match standing {
        Standing::Member => "member",
        Standing::Outside => "outside",
        Standing::Kept => "kept",
        Standing::Activate => "would be activated",
        Standing::Create => "would be finished",
        Standing::Disable => "would be disabled",
        Standing::Deactivate => "would be deactivated",
    }
}
