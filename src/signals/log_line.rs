//! Formats the log for people: one line for each event.

use std::fmt;

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::model::{Timestamp, printable};

/// Whether each line begins with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineTime {
    Shown,
    Hidden,
}

/// One line: time, level, message, hint. The other fields are for programs, and repeat what the
/// message says; only details have theirs.
#[derive(Debug, Clone, Copy)]
pub struct LogLine(pub LineTime);

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let has_color = writer.has_ansi_escapes();
        if self.0 == LineTime::Shown {
            colored(&mut writer, has_color, FAINT, &Timestamp::now().to_string())?;
            writer.write_char(' ')?;
        }
        colored(&mut writer, has_color, style(level), &format!("{level:>5}"))?;
        write!(writer, " {}", lines(&fields.message))?;
        if let Some(hint) = fields.hint {
            write!(writer, " ({})", lines(&hint))?;
        }
        if level > Level::INFO {
            write!(writer, "{}", lines(&fields.others))?;
        }
        writeln!(writer)
    }
}

const FAINT: Style = Style::new().dimmed();

fn style(level: Level) -> Style {
    let color = match level {
        Level::ERROR => AnsiColor::Red,
        Level::WARN => AnsiColor::Yellow,
        Level::INFO => AnsiColor::Green,
        _ => AnsiColor::Blue,
    };
    color.on_default()
}

fn colored(writer: &mut Writer<'_>, has_color: bool, style: Style, text: &str) -> fmt::Result {
    if has_color { write!(writer, "{style}{text}{style:#}") } else { writer.write_str(text) }
}

/// Returns a text with its lines, and nothing else that controls a terminal.
fn lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    hint: Option<String>,
    others: String,
}

impl Fields {
    fn take(&mut self, name: &str, value: String) {
        match name {
            "message" => self.message = value,
            "hint" => self.hint = Some(value),
            name => self.others.extend([" ", name, "=", &value]),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field.name(), format!("{value:?}"));
    }
}
