//! Runs a command of the administrator's: in a process group of its own, within a time, and with
//! output that is read to its end but not kept whole.
//!
//! The group is killed if the command takes too long and if the run ends first, because a wrapper
//! script would otherwise leave processes behind that still act later. It also keeps the signals of
//! a terminal from the command, so that a run that was interrupted can finish its calls.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join3;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long to read on after the command has ended: a process that it left in the background may
/// keep its output open forever.
const LINGER: Duration = Duration::from_secs(1);
/// How much is kept of the beginning of an output, and as much of its end.
const HALF: usize = 512 * 1024;
/// What stands for the middle of an output that is too long.
const OMISSION: &str = "\n…\n";

/// The groups of all running commands.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Why a command did not end by itself.
#[derive(Debug)]
pub enum NotEnded {
    /// It could not be started or watched.
    CannotRun(io::Error),
    /// It took too long, and was killed with everything that it had started.
    TooSlow,
}

/// Runs a command with this input, for at most `limit`.
pub async fn run(mut command: Command, input: &[u8], limit: Duration) -> Result<Ended, NotEnded> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(NotEnded::CannotRun)?;
    // Dropped before the child: until the child is waited for, no other group can have this number.
    let group = Group::new(&child);
    let (mut stdout, mut stderr) = (Output::default(), Output::default());
    let (to, from, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ended = {
        // Both directions at the same time, so that neither waits for the other.
        let mut piping = pin!(join3(feed(to, input), stdout.fill(from), stderr.fill(errors)));
        let exit = async {
            tokio::select! {
                status = child.wait() => (status, false),
                _ = &mut piping => (child.wait().await, true),
            }
        };
        let Ok((status, has_all)) = timeout(limit, exit).await else {
            drop(group);
            let _ = timeout(LINGER, child.wait()).await;
            return Err(NotEnded::TooSlow);
        };
        group.release();
        if !has_all {
            let _ = timeout(LINGER, piping).await;
        }
        status
    };
    let status = ended.map_err(NotEnded::CannotRun)?;
    Ok(Ended { status, stdout: stdout.text(), stderr: stderr.text() })
}

/// Kills every command that still runs, with everything that it has started, before the program
/// exits at once.
pub fn kill_all() {
    for group in running().drain(..) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process group of a command; it is killed when this is dropped.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn new(leader: &Child) -> Self {
        let id = leader.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        running().extend(id);
        Self(id)
    }

    /// Lets what is left of the group run on: the command has ended by itself.
    fn release(mut self) {
        self.forget();
    }

    fn forget(&mut self) -> Option<Pid> {
        let id = self.0.take()?;
        running().retain(|other| *other != id);
        Some(id)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.forget() {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

async fn feed(pipe: Option<tokio::process::ChildStdin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        // A command need not read its input.
        let _ = pipe.write_all(input).await;
    }
}

/// The output of a command. If it is long, only its beginning and its end are kept.
#[derive(Debug, Default)]
struct Output {
    beginning: Vec<u8>,
    end: VecDeque<u8>,
    is_cut: bool,
}

impl Output {
    /// Reads a pipe to its end.
    async fn fill(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            self.add(&buffer[..count]);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(HALF - self.beginning.len()));
        self.beginning.extend_from_slice(first);
        self.end.extend(rest);
        let excess = self.end.len().saturating_sub(HALF);
        self.end.drain(..excess);
        self.is_cut |= excess > 0;
    }

    fn text(self) -> String {
        let mut bytes = self.beginning;
        if self.is_cut {
            bytes.extend_from_slice(OMISSION.as_bytes());
        }
        bytes.extend(self.end);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        command
    }

    #[tokio::test]
    async fn output_is_kept_whole_unless_it_is_too_long() {
        let minute = Duration::from_mins(1);
        let ended = run(shell("cat; echo two >&2; exit 3"), b"one", minute).await.expect("a shell");
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str(), ended.status.code()),
            ("one", "two\n", Some(3))
        );
        let long = "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo last";
        let ended = run(shell(long), b"", minute).await.expect("a shell");
        assert_eq!(ended.stdout.len(), 2 * HALF + OMISSION.len());
        assert!(ended.stdout.starts_with("first\nx") && ended.stdout.ends_with("xlast\n"));
        assert!(ended.stdout.contains("x\n…\nx"));
    }

    #[test]
    fn output_of_any_length_has_its_beginning_and_its_end() {
        for length in [0, 1, HALF - 1, HALF, HALF + 1, 2 * HALF, 2 * HALF + 1, 5 * HALF] {
            let whole: Vec<u8> =
                (0..length).map(|at| b'a' + u8::try_from(at % 26).expect("a letter")).collect();
            let mut output = Output::default();
            whole.chunks(1000).for_each(|chunk| output.add(chunk));
            let text = output.text();
            match text.split_once(OMISSION) {
                None => assert_eq!((text.as_bytes(), length <= 2 * HALF), (&whole[..], true)),
                Some((first, last)) => {
                    assert_eq!(
                        (first.as_bytes(), last.as_bytes()),
                        (&whole[..HALF], &whole[length - HALF..])
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn process_in_the_background_is_not_waited_for_and_not_killed() {
        let directory = tempfile::tempdir().expect("a directory");
        let late = directory.path().join("late");
        let begin = Instant::now();
        let line = format!("(sleep 3; touch '{}') & echo done", late.display());
        let ended = run(shell(&line), b"", Duration::from_secs(30)).await.expect("a shell");
        assert_eq!(ended.stdout, "done\n");
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert!(late.exists());
    }

    #[tokio::test]
    async fn command_that_is_no_longer_waited_for_is_killed_with_all_it_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let late = directory.path().join("late");
        let line = format!("(sleep 1; touch '{}'); true", late.display());
        let given_up =
            timeout(Duration::from_millis(300), run(shell(&line), b"", Duration::from_mins(1)))
                .await;
        assert!(given_up.is_err());
        assert!(matches!(
            run(shell(&line), b"", Duration::from_millis(300)).await,
            Err(NotEnded::TooSlow)
        ));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(!late.exists());
    }
}
