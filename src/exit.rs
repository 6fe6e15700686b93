//! The exit codes, in one place, because scripts rely on them.

use std::process::{ExitCode, Termination};

/// How a run of the program ended; the numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// In step, or brought in step.
    InStep = 0,
    /// An error before anything was changed.
    Error = 1,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 2,
    /// A limit refused the plan; nothing was changed.
    Refused = 3,
    /// Some actions failed, were skipped or not confirmed in time, or a directory was in doubt.
    Incomplete = 4,
    /// Another run holds the lock.
    Locked = 5,
    /// The command line is wrong.
    Usage = 64,
    /// The configuration is wrong.
    Config = 78,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
