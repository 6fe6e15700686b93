//! Notifies the service manager (systemd), if there is one: ready, status, watchdog.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

use crate::model::printable;

/// The service manager, if it started us and wants notifications.
#[derive(Debug, Clone, Copy)]
pub struct ServiceManager {
    listens: bool,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    #[must_use]
    pub fn from_env() -> Self {
        let listens = std::env::var_os("NOTIFY_SOCKET").is_some();
        Self { listens, watchdog: sd_notify::watchdog_enabled().filter(|_| listens) }
    }

    /// Reports that the program is ready.
    pub fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// Reports the status for `systemctl status`.
    pub fn status(&self, status: &str) {
        // A second line would be a message of its own.
        self.tell(&[NotifyState::Status(&printable(status))]);
    }

    /// Reports that the program is stopping.
    pub fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// Reports that the configuration is being reloaded, until `ready`.
    pub fn reloading(&self) {
        // Without the time, the service manager treats the reload as failed.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => debug!(%error, "no monotonic clock"),
        }
    }

    /// Sends a heartbeat.
    pub fn watchdog(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// Returns how often a heartbeat is due: twice in the time after which the service manager
    /// assumes that the program hangs.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    fn tell(self, state: &[NotifyState<'_>]) {
        let told = if self.listens { sd_notify::notify(state) } else { Ok(()) };
        if let Err(error) = told {
            // A failed notification must not stop the program.
            debug!(%error, "the service manager does not listen");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    use super::*;

    /// Returns the notifications of the other test, run in a process of its own with these
    /// variables.
    fn said(variables: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("a socket of ours");
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "signals::notify::tests::everything_is_said", "--ignored"]);
        command.env("NOTIFY_SOCKET", &path).env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        assert!(
            command.envs(variables.iter().copied()).output().expect("it runs").status.success()
        );
        let mut buffer = [0; 1000];
        let next = || {
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned())
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    #[ignore = "run by the others, with a service manager"]
    fn everything_is_said() {
        let manager = ServiceManager::from_env();
        manager.ready();
        manager.status("in step\nMAINPID=1");
        manager.reloading();
        manager.watchdog();
        manager.status(&format!("{:?}", manager.watchdog_interval()));
        manager.stopping();
    }

    #[test]
    fn the_service_manager_gets_every_notification() {
        let mut said = said(&[("WATCHDOG_USEC", "30000000")]);
        let reloading = said.remove(2);
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        let expected = [
            "READY=1",
            "STATUS=in step\\nMAINPID=1",
            "WATCHDOG=1",
            "STATUS=Some(15s)",
            "STOPPING=1",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_fed() {
        assert_eq!(said(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "1")])[4], "STATUS=None");
        assert_eq!(said(&[])[4], "STATUS=None");
    }

    #[test]
    fn a_missing_service_manager_stops_nothing() {
        assert_eq!(said(&[("NOTIFY_SOCKET", "/nowhere/notify")]), Vec::<String>::new());
    }
}
