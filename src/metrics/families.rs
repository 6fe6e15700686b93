//! Lists all metrics: their names, labels and texts.

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use strum::VariantArray as _;

use super::RunKind;
use crate::model::Word as _;
use crate::plan::{ActionKind, OutcomeKind, RunResult};

/// The prefix of all names.
const NAMESPACE: &str = "matrix_keycloak_sync";
/// Buckets for the seconds of a run: a small realm takes one, a big one minutes.
const RUN_SECONDS: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
/// Buckets for the seconds from an event to its effect.
const LAG_SECONDS: [f64; 11] = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// All metrics. A gauge without a value yet is missing: no members is different from an unknown number.
#[derive(Debug)]
pub struct Metrics {
    pub(super) registry: Registry,
    pub(super) last_success: GaugeVec,
    pub(super) last_run: GaugeVec,
    pub(super) last_duration: GaugeVec,
    pub(super) duration: HistogramVec,
    pub(super) runs: IntCounterVec,
    pub(super) failures_in_a_row: GaugeVec,
    pub(super) refused: GaugeVec,
    pub(super) ready: GaugeVec,
    pub(super) members: GaugeVec,
    pub(super) accounts: GaugeVec,
    pub(super) planned: GaugeVec,
    pub(super) kept: GaugeVec,
    pub(super) not_registered: GaugeVec,
    pub(super) actions: IntCounterVec,
    pub(super) requests: IntCounterVec,
    pub(super) events: GaugeVec,
    pub(super) lag: HistogramVec,
}

impl Default for Metrics {
    fn default() -> Self {
        let families = Families(Registry::default());
        let build = families.gauge("build_info", "The version of the program.", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        let metrics = Self {
            last_success: families.gauge(
                "last_success_timestamp_seconds",
                "When a full run last ended in step, in seconds since 1970.",
                &[],
            ),
            last_run: families.gauge(
                "last_run_timestamp_seconds",
                "When a full run last ended, with any result, in seconds since 1970.",
                &[],
            ),
            last_duration: families.gauge("last_run_duration_seconds", "How long the last run took.", &["kind"]),
            duration: families.histogram("run_duration_seconds", "How long runs take.", &["kind"], &RUN_SECONDS),
            runs: families.counter("runs_total", "Runs by kind and result.", &["kind", "result"]),
            failures_in_a_row: families.gauge("run_failures_in_a_row", "Full runs that have failed in a row.", &[]),
            refused: families.gauge("refused", "1 while a refused plan waits for an approval.", &[]),
            ready: families.gauge("ready", "1 while /readyz reports ready.", &[]),
            members: families.gauge("members", "Users in the groups at the last complete reading.", &[]),
            accounts: families.gauge("accounts", "Accounts at the last complete reading.", &["state"]),
            planned: families.gauge("planned_actions", "Actions of the last plan.", &["action"]),
            kept: families.gauge("kept_accounts", "Accounts that the last plan keeps.", &["reason"]),
            not_registered: families.gauge("not_registered", "Enabled members without an account.", &[]),
            actions: families.counter("actions_total", "Actions by outcome.", &["action", "outcome"]),
            requests: families.counter(
                "requests_total",
                "Requests to servers and calls of mas-cli, by result.",
                &["server", "status"],
            ),
            events: families.gauge("events_available", "1 while Keycloak's admin events are available.", &[]),
            lag: families.histogram(
                "event_lag_seconds",
                "Seconds from an event in Keycloak until the homeserver shows the change.",
                &[],
                &LAG_SECONDS,
            ),
            registry: families.0,
        };
        metrics.begin_at_zero();
        metrics
    }
}

impl Metrics {
    /// Sets counters to 0, because `rate` and `increase` miss the first raise of a counter that did not
    /// exist before.
    fn begin_at_zero(&self) {
        for kind in RunKind::VARIANTS {
            for result in RunResult::VARIANTS {
                self.runs.with_label_values(&[kind.word(), result.word()]);
            }
        }
        for action in ActionKind::VARIANTS {
            for outcome in OutcomeKind::VARIANTS {
                self.actions.with_label_values(&[action.word(), outcome.word()]);
            }
        }
    }
}

/// Creates and registers metrics. All names and labels are in this file, so that any mistake fails in
/// the first test.
struct Families(Registry);

impl Families {
    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.known(GaugeVec::new(Opts::new(name, help).namespace(NAMESPACE), labels))
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.known(IntCounterVec::new(Opts::new(name, help).namespace(NAMESPACE), labels))
    }

    fn histogram(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).namespace(NAMESPACE).buckets(buckets.to_vec());
        self.known(HistogramVec::new(options, labels))
    }

    fn known<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        let metric = metric.expect("a valid name and valid labels");
        self.0.register(Box::new(metric.clone())).expect("a name of its own");
        metric
    }
}
