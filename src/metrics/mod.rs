//! Provides metrics for Prometheus. `docs/monitoring.md` explains each of them.

mod availability;
mod families;
mod notifications;
mod textfile;

use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{GaugeVec, TextEncoder};
use strum::{IntoStaticStr, VariantArray};

pub use availability::{AdminEvents, Readiness};

use crate::model::{Account, AccountState, Server, Timestamp, Word as _, serde_with_words};
use crate::plan::{ActionKind, Outcome, Plan, RunResult};

pub use families::Metrics;
pub use notifications::{Delivery, Receiver};

/// What a run covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RunKind {
    /// All accounts.
    Full,
    /// The users that events mentioned.
    People,
    /// The member list alone.
    Members,
    /// The accounts registered since the last reading.
    Accounts,
}

serde_with_words!(RunKind);

impl RunKind {
    /// Returns it in words, for a line of the log.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Full => "full run",
            Self::People => "users in events",
            Self::Members => "member list",
            Self::Accounts => "new accounts",
        }
    }
}

/// The metrics of this process.
#[must_use]
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::default);
    &METRICS
}

impl Metrics {
    /// Counts a request, by status (`200`) or by failure (`timeout`).
    pub fn request(&self, server: Server, outcome: &str) {
        self.requests.with_label_values(&[server.word(), outcome]).inc();
    }

    /// Counts a call of mas-cli, by exit code (`0`) or by failure (`timeout`).
    pub fn mas_cli(&self, outcome: &str) {
        self.requests.with_label_values(&["mas-cli", outcome]).inc();
    }

    /// Sets what a complete reading found: the number of members, and the accounts by state.
    pub fn facts(&self, members: usize, accounts: &[Account]) {
        set(&self.members, members);
        let (mut active, mut locked, mut deactivated) = (0, 0, 0);
        for account in accounts {
            *match account.state {
                AccountState { deactivated: true, .. } => &mut deactivated,
                AccountState { locked: true, .. } => &mut locked,
                AccountState { .. } => &mut active,
            } += 1;
        }
        for (state, count) in [("active", active), ("locked", locked), ("deactivated", deactivated)]
        {
            self.accounts.with_label_values(&[state]).set(number(count));
        }
    }

    /// Records the plan of a full run.
    pub fn plan(&self, plan: &Plan) {
        for action in ActionKind::VARIANTS {
            self.planned
                .with_label_values(&[action.word()])
                .set(number(plan.count_to_apply(*action)));
        }
        // Reasons that no longer occur must not stay.
        self.kept.reset();
        for (reason, count) in plan.kept_by_reason() {
            self.kept.with_label_values(&[reason.word()]).set(number(count));
        }
        set(&self.not_registered, plan.not_registered.len());
        set(&self.waiting, plan.to_approve().count());
    }

    /// Counts the outcomes of a plan's actions.
    pub fn outcomes(&self, plan: &Plan, outcomes: &[Outcome]) {
        for (action, outcome) in plan.actions.iter().zip(outcomes) {
            self.actions.with_label_values(&[action.kind.word(), outcome.kind().word()]).inc();
        }
    }

    /// Records the end of a run. Only a full run shows whether all is well, and not if another run
    /// held the lock.
    pub fn run_ended(&self, kind: RunKind, result: RunResult, took: Duration) {
        self.runs.with_label_values(&[kind.word(), result.word()]).inc();
        if result == RunResult::Locked {
            return;
        }
        self.last_duration.with_label_values(&[kind.word()]).set(took.as_secs_f64());
        self.duration.with_label_values(&[kind.word()]).observe(took.as_secs_f64());
        if result == RunResult::Refused {
            set(&self.refused, 1);
        }
        if kind != RunKind::Full {
            return;
        }
        set_to_now(&self.last_run);
        let failures = self.failures_in_a_row.with_label_values::<&str>(&[]);
        if result == RunResult::Failed {
            failures.inc();
            return;
        }
        failures.set(0.0);
        if result == RunResult::InStep {
            set_to_now(&self.last_success);
        }
        if result != RunResult::Refused {
            set(&self.refused, 0);
        }
    }

    /// Counts a notification.
    pub fn notification(&self, receiver: Receiver, delivery: Delivery) {
        self.notifications.with_label_values(&[receiver.word(), delivery.word()]).inc();
    }

    /// Records the time from an event until the homeserver showed the change.
    pub fn lag(&self, lag: Duration) {
        self.lag.with_label_values::<&str>(&[]).observe(lag.as_secs_f64());
    }

    /// Records whether the program is ready; `Health::set_ready` calls it.
    pub fn ready(&self, readiness: Readiness) {
        set(&self.ready, usize::from(readiness == Readiness::Ready));
    }

    /// Records whether Keycloak's admin events are available.
    pub fn events(&self, events: AdminEvents) {
        set(&self.events, usize::from(events == AdminEvents::Available));
    }

    /// Returns all metrics in Prometheus's text format 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        // It fails only for a family without a sample, which the registry never returns.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// Writes all metrics to a file for `node_exporter`'s textfile collector, and adds what the
    /// last process left in it.
    pub fn write_file(&self, path: &Path) -> io::Result<()> {
        textfile::write(path, &self.text())
    }
}

fn set(gauge: &GaugeVec, value: usize) {
    gauge.with_label_values::<&str>(&[]).set(number(value));
}

fn set_to_now(gauge: &GaugeVec) {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit in 53 bits")]
    let millis = Timestamp::now().as_millis() as f64;
    gauge.with_label_values::<&str>(&[]).set(millis / 1000.0);
}

#[allow(clippy::cast_precision_loss, reason = "no server has 2^53 accounts")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3);

    /// Returns the samples whose name begins like this, without the prefix of all names.
    fn samples(metrics: &Metrics, begin: &str) -> Vec<String> {
        let text = metrics.text();
        let samples = text.lines().filter_map(|line| line.strip_prefix("matrix_keycloak_sync_"));
        samples.filter(|sample| sample.starts_with(begin)).map(str::to_owned).collect()
    }

    fn after(runs: &[(RunKind, RunResult)]) -> Metrics {
        let metrics = Metrics::default();
        for (kind, result) in runs {
            metrics.run_ended(*kind, *result, LONG);
        }
        metrics
    }

    #[test]
    fn unknown_values_are_missing() {
        let metrics = Metrics::default();
        for name in [
            "members",
            "accounts",
            "last_",
            "refused",
            "ready",
            "run_failures",
            "events",
            "kept",
            "planned",
        ] {
            assert_eq!(samples(&metrics, name), Vec::<String>::new(), "{name}");
        }
        assert_eq!(
            samples(&metrics, "build_info"),
            [concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")]
        );
    }

    #[test]
    fn counters_are_there_before_they_are_raised() {
        let metrics = Metrics::default();
        assert_eq!(samples(&metrics, "runs_total").len(), 20);
        assert_eq!(
            samples(&metrics, "actions_total{action=\"disable\""),
            ["done", "failed", "scheduled", "skipped"].map(|outcome| format!(
                "actions_total{{action=\"disable\",outcome=\"{outcome}\"}} 0"
            ))
        );
    }

    #[test]
    fn a_full_run_in_step_is_the_last_success() {
        let metrics = after(&[(RunKind::Full, RunResult::InStep)]);
        assert_eq!(samples(&metrics, "last_success_timestamp_seconds").len(), 1);
        assert_eq!(
            samples(&metrics, "last_run_duration"),
            ["last_run_duration_seconds{kind=\"full\"} 3"]
        );
        assert_eq!(
            samples(&metrics, "run_duration_seconds_count"),
            ["run_duration_seconds_count{kind=\"full\"} 1"]
        );
        assert_eq!(
            (samples(&metrics, "refused"), samples(&metrics, "run_failures")),
            (vec!["refused 0".to_owned()], vec!["run_failures_in_a_row 0".to_owned()])
        );
    }

    #[test]
    fn nothing_but_a_full_run_in_step_is_a_success() {
        for result in
            [RunResult::Incomplete, RunResult::Refused, RunResult::Failed, RunResult::Locked]
        {
            assert_eq!(
                samples(&after(&[(RunKind::Full, result)]), "last_success"),
                Vec::<String>::new(),
                "{result:?}"
            );
        }
        assert_eq!(
            samples(&after(&[(RunKind::People, RunResult::InStep)]), "last_success"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn failures_are_counted_until_a_run_does_not_fail() {
        let failed = (RunKind::Full, RunResult::Failed);
        let told = |runs: &[_]| samples(&after(runs), "run_failures_in_a_row");
        assert_eq!(told(&[failed, failed]), ["run_failures_in_a_row 2"]);
        assert_eq!(
            told(&[failed, (RunKind::Full, RunResult::Locked), failed]),
            ["run_failures_in_a_row 2"]
        );
        assert_eq!(
            told(&[failed, (RunKind::Full, RunResult::Refused)]),
            ["run_failures_in_a_row 0"]
        );
    }

    #[test]
    fn a_refusal_stands_until_a_full_run_is_not_refused() {
        let told =
            |then| samples(&after(&[(RunKind::People, RunResult::Refused), then]), "refused");
        assert_eq!(told((RunKind::People, RunResult::InStep)), ["refused 1"]);
        assert_eq!(told((RunKind::Full, RunResult::Failed)), ["refused 1"]);
        assert_eq!(told((RunKind::Full, RunResult::Incomplete)), ["refused 0"]);
    }

    #[test]
    fn requests_are_counted_by_server_and_result() {
        let metrics = Metrics::default();
        metrics.request(Server::Keycloak, "200");
        metrics.request(Server::Keycloak, "200");
        metrics.request(Server::Mas, "timeout");
        metrics.mas_cli("0");
        assert_eq!(
            samples(&metrics, "requests_total"),
            [
                "requests_total{server=\"keycloak\",status=\"200\"} 2",
                "requests_total{server=\"mas\",status=\"timeout\"} 1",
                "requests_total{server=\"mas-cli\",status=\"0\"} 1",
            ]
        );
    }

    #[test]
    fn lag_ready_and_events_are_reported() {
        let metrics = Metrics::default();
        metrics.lag(Duration::from_millis(1500));
        metrics.ready(Readiness::Ready);
        metrics.events(AdminEvents::Unavailable);
        assert_eq!(
            samples(&metrics, "event_lag_seconds_bucket{le=\"2\""),
            ["event_lag_seconds_bucket{le=\"2\"} 1"]
        );
        assert_eq!(samples(&metrics, "ready"), ["ready 1"]);
        assert_eq!(samples(&metrics, "events_available"), ["events_available 0"]);
    }
}
