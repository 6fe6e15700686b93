//! Asks an administrator at a terminal, line by line.

use std::error::Error;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

use crate::config::{is_path, others_who_read};
use crate::error_chain::in_one_line;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, wrapped};
use crate::session::say;

/// What Ctrl-C, Ctrl-D and the two erasing keys send.
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const ERASE: [u8; 2] = [8, 127];

/// A terminal with an administrator.
pub(super) struct Terminal(());

/// A secret as it was answered.
#[derive(Debug, Clone)]
pub(super) enum GivenSecret {
    Value(SecretString),
    /// The file that contains it.
    File(PathBuf),
}

/// What to do after a check has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    AskAgain,
    KeepAnswers,
}

impl Terminal {
    /// Returns an error if no one is there to answer.
    pub(super) fn open() -> Result<Self, Failure> {
        let is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
        if is_there { Ok(Self(())) } else { Err(Failure::NoTerminal) }
    }

    /// Prints a line.
    #[expect(clippy::unused_self, reason = "only someone at a terminal reads it")]
    pub(super) fn say(&self, line: &str) {
        say(&wrapped(line, output::Terminal::of_stderr()));
    }

    /// Prints what a check has found.
    pub(super) fn good(&self, found: &str) {
        self.say(&format!("  ok: {found}"));
    }

    /// Prints why a check has failed and what to do, and asks what next.
    pub(super) fn failed(&self, error: &dyn Error, hint: &str) -> Result<Next, Failure> {
        self.report(&in_one_line(error), hint)
    }

    /// Prints a problem and what to do, and asks what next.
    pub(super) fn report(&self, problem: &str, hint: &str) -> Result<Next, Failure> {
        self.say(&format!("  problem: {problem}"));
        self.say(&format!("  fix: {hint}"));
        self.keep_or_ask_again()
    }

    /// Asks whether to keep answers that a check does not confirm.
    pub(super) fn keep_or_ask_again(&self) -> Result<Next, Failure> {
        let answer = self.line("  Keep this answer all the same? [y/N]: ")?;
        let is_yes = ["y", "yes"].contains(&answer.to_lowercase().as_str());
        Ok(if is_yes { Next::KeepAnswers } else { Next::AskAgain })
    }

    /// Asks until there is an answer. An empty one is the default.
    pub(super) fn ask(&self, question: &str, default: Option<&str>) -> Result<String, Failure> {
        let prompt = match default {
            Some(default) => format!("{question} [{default}]: "),
            None => format!("{question}: "),
        };
        loop {
            let answer = self.line(&prompt)?;
            match (answer.is_empty(), default) {
                (false, _) => return Ok(answer),
                (true, Some(default)) => return Ok(default.to_owned()),
                (true, None) => {}
            }
        }
    }

    /// Asks for a secret, or the path of its file. What is typed is not shown. An empty answer is
    /// the one before, if there is one.
    pub(super) fn ask_secret(
        &self,
        what: &str,
        before: Option<&GivenSecret>,
    ) -> Result<GivenSecret, Failure> {
        let kept = if before.is_some() { " [unchanged]" } else { "" };
        loop {
            self.say(&format!("{what}, or the path of a file with it"));
            let prompt = format!("  (not shown){kept}: ");
            let answer = hidden_line(&prompt);
            say("\n");
            let answer = answer?;
            match (answer.is_empty(), before) {
                (true, Some(before)) => return Ok(before.clone()),
                (true, None) => {}
                (false, _) if is_path(&answer) => match readable(Path::new(&answer)) {
                    Ok(path) => {
                        if let Some(readers) = others_who_read(&path) {
                            self.say(&format!(
                                "  warning: {readers} can read this file; set its mode to 0600"
                            ));
                        }
                        return Ok(GivenSecret::File(path));
                    }
                    Err(error) => self.say(&format!("  cannot read {answer}: {error}")),
                },
                (false, _) if answer.contains(char::is_control) => {
                    self.say("  this contains a key that is no letter; type it again");
                }
                (false, _) => return Ok(GivenSecret::Value(answer.into())),
            }
        }
    }

    #[expect(clippy::unused_self, reason = "only someone at a terminal answers")]
    fn line(&self, prompt: &str) -> Result<String, Failure> {
        say(prompt);
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(count) if count > 0 => Ok(line.trim().to_owned()),
            Ok(_) => Err(Failure::NothingWritten),
            Err(source) => Err(unreadable(source)),
        }
    }
}

/// Returns the absolute path of a file with a secret, one line that is not empty.
fn readable(path: &Path) -> io::Result<PathBuf> {
    let text = files::read_text(path, files::SETTINGS)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || secret.contains(char::is_control) {
        return Err(io::Error::other("it has to contain the secret in one line"));
    }
    std::path::absolute(path)
}

fn unreadable(source: io::Error) -> Failure {
    Failure::Local { what: "read the answer".to_owned(), source }
}

/// Restores the terminal in the end.
struct Restore(Termios);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads a line without showing it. Ctrl-C is read as well, because it must not end the program
/// while the terminal shows nothing.
fn hidden_line(prompt: &str) -> Result<String, Failure> {
    let before = tcgetattr(io::stdin()).map_err(|error| unreadable(error.into()))?;
    let mut hidden = before.clone();
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    let _restore = Restore(before);
    tcsetattr(io::stdin(), OptionalActions::Now, &hidden)
        .map_err(|error| unreadable(error.into()))?;
    // Only now: an answer that is pasted at once must not be shown either.
    say(prompt);
    let mut line = Vec::new();
    for byte in io::stdin().lock().bytes() {
        match byte.map_err(unreadable)? {
            b'\n' | b'\r' => {
                let text = String::from_utf8(line);
                let text =
                    text.map_err(|error| unreadable(io::Error::other(error.utf8_error())))?;
                return Ok(text.trim().to_owned());
            }
            INTERRUPT | END => return Err(Failure::NothingWritten),
            byte if ERASE.contains(&byte) => {
                // A character has several bytes: the first one does not begin with 10.
                while line.pop().is_some_and(|last| last & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    Err(Failure::NothingWritten)
}
