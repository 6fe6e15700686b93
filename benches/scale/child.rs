//! A child process and its resources.

use std::error::Error;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often peak memory is read. The kernel keeps the peak, so only memory taken at the very end
/// is missed.
const EVERY: Duration = Duration::from_millis(1);

/// The resources that a process used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// The time from start to end.
    pub(crate) took: Duration,
    /// The peak of memory in bytes (`VmHWM`).
    pub(crate) peak: u64,
}

/// Runs it to its end, and also returns its stderr.
pub(crate) fn run(command: &mut Command) -> Result<(Measured, String), Box<dyn Error>> {
    let started = Instant::now();
    // Into a file, because an unread pipe would fill up.
    let mut stderr = tempfile::tempfile()?;
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone()?).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let (mut peak, mut took) = (0, Duration::ZERO);
    let code = loop {
        peak = peak.max(peak_of(&status).unwrap_or_default());
        if let Some(code) = child.try_wait()? {
            break code;
        }
        took = started.elapsed();
        std::thread::sleep(EVERY);
    };
    let took = took.max(started.elapsed());
    let mut text = String::new();
    stderr.rewind()?;
    stderr.read_to_string(&mut text)?;
    if code.success() {
        Ok((Measured { took, peak }, text))
    } else {
        Err(format!("{command:?}: {code}\n{text}").into())
    }
}

fn peak_of(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
