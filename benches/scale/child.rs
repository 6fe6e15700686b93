//! A process, and what it took.

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often the peak of memory is read; the kernel keeps it, so only what a process takes at its very end is missed.
const EVERY: Duration = Duration::from_millis(1);

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// From its start to its end.
    pub(crate) took: Duration,
    /// The most memory that it had, in bytes (`VmHWM`).
    pub(crate) peak: u64,
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Result<Measured, Box<dyn Error>> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
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
    if code.success() {
        Ok(Measured { took: took.max(started.elapsed()), peak })
    } else {
        let mut told = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().ok_or("stderr is piped")?, &mut told)?;
        Err(format!("{command:?}: {code}\n{told}").into())
    }
}

fn peak_of(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
