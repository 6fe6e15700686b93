//! Prints a report as one JSON object, with a line for each row.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{ReportHead, ReportRow, ReportWriter};
use crate::model::{ServerName, ServerText, Timestamp, Word as _, to_json_line};
use crate::plan::{ReadCounts, Refusal, RefusalKind};

/// Prints JSON.
#[derive(Debug)]
pub struct JsonReport<W: Write> {
    out: W,
    /// What comes before the next row.
    separator: &'static str,
}

#[derive(Serialize)]
struct Head<'h> {
    version: u32,
    server_name: &'h ServerName,
    realm: &'h ServerText,
    membership: &'h str,
    made: Timestamp,
    read: ReadCounts,
    summary: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by: Vec<RefusalKind>,
}

impl<W: Write> JsonReport<W> {
    /// Creates it; nothing is printed yet.
    pub fn new(out: W) -> Self {
        Self { out, separator: "" }
    }
}

impl<W: Write> ReportWriter for JsonReport<W> {
    fn begin(&mut self, head: &ReportHead) -> io::Result<()> {
        let counts = head.counts.iter();
        let line = to_json_line(&Head {
            version: 1,
            server_name: &head.server_name,
            realm: &head.realm,
            membership: &head.membership,
            made: head.made,
            read: head.read,
            summary: counts.map(|(standing, count)| (standing.word(), *count)).collect(),
            refused: head.refused.iter().map(ToString::to_string).collect(),
            refused_by: head.refused.iter().map(Refusal::kind).collect(),
        });
        let open = line.trim_end().strip_suffix('}').unwrap_or_default();
        write!(self.out, "{open},\"rows\":[")
    }

    fn row(&mut self, row: &ReportRow<'_>) -> io::Result<()> {
        write!(self.out, "{}\n{}", self.separator, to_json_line(row).trim_end())?;
        self.separator = ",";
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}
