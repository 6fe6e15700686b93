//! A user outside the group registers an account while `watch` runs, and from then on a server
//! fails for a while.

use std::time::{Duration, Instant};

use super::cell::Server;
use super::mas_cli;
use super::scene::Scene;
use crate::harness::{Run, account};
use crate::watch::watching::start;

/// The user outside the group, who has no account at first.
pub(super) const NEWCOMER: &str = "newt";
/// No full run happens in the meantime.
pub(super) const WATCH: &str = "[watch]\ninterval = \"1h\"\nevents_every = \"off\"\nmembers_every = \"off\"\n\
    accounts_every = \"1s\"\nlisten = \"127.0.0.1:0\"\n";
/// How long the server fails: the new account is seen, and asked about several times.
const FAILS_FOR: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(50);

impl Scene {
    /// Runs `watch` until it has closed the new account. There is no run if that takes longer than
    /// `limit`.
    pub(super) async fn watch_new_account(&self, limit: Duration) -> Option<Run> {
        let watching = start(&self.world, self.program());
        watching.is_ready().await;
        self.world.mas.state().add_user(NEWCOMER);
        self.world.synapse.state().add_account(NEWCOMER);
        match self.cell.server {
            Server::MasCli => mas_cli::begin(&self.world, self.cell),
            _ => self.arm(self.cell.trouble),
        }
        tokio::time::sleep(FAILS_FOR).await;
        self.heal();
        let healed = Instant::now();
        while self.world.state_of(NEWCOMER) != account(true, true) {
            if healed.elapsed() > limit {
                eprintln!("{}: {NEWCOMER} stays open:\n{}", self.cell, watching.log());
                return None;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let stderr = watching.log();
        // The account may be closed while the run still waits to see it: a signal then gives 4.
        let code = watching.stop();
        assert!([0, 4].contains(&code), "{}: {code}\n{stderr}", self.cell);
        Some(Run { code: 0, stdout: String::new(), stderr })
    }
}
