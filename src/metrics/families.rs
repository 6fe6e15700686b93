//! Lists all metrics: their names, labels and texts.

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use strum::VariantArray as _;

use super::{Delivery, Receiver, RunKind};
use crate::model::Word as _;
use crate::plan::{ActionKind, OutcomeKind, RunResult};

/// The prefix of all names.
const NAMESPACE: &str = "matrix_keycloak_sync";
/// Buckets for the seconds of a run: a small realm takes one, a big one minutes.
const RUN_SECONDS: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
/// Buckets for the seconds from an event to its effect.
const LAG_SECONDS: [f64; 11] = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// All metrics. A gauge without a value yet is missing: no members is different from an unknown
/// number.
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
    pub(super) waiting: GaugeVec,
    pub(super) actions: IntCounterVec,
    pub(super) requests: IntCounterVec,
    pub(super) events: GaugeVec,
    pub(super) lag: HistogramVec,
    pub(super) notifications: IntCounterVec,
}

/// The name, meaning and labels of a metric.
#[derive(Debug, Clone, Copy)]
struct Family {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
}

const fn family(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { name, help, labels }
}

const BUILD_INFO: Family = family("build_info", "The version of the program.", &["version"]);
const LAST_SUCCESS: Family = family(
    "last_success_timestamp_seconds",
    "When a full run last ended in step, in seconds since 1970.",
    &[],
);
const LAST_RUN: Family = family(
    "last_run_timestamp_seconds",
    "When a full run last ended, with any result, in seconds since 1970.",
    &[],
);
const LAST_DURATION: Family =
    family("last_run_duration_seconds", "How long the last run took.", &["kind"]);
const DURATION: Family = family("run_duration_seconds", "How long runs take.", &["kind"]);
const RUNS: Family = family("runs_total", "Runs by kind and result.", &["kind", "result"]);
const FAILURES_IN_A_ROW: Family =
    family("run_failures_in_a_row", "Full runs that have failed in a row.", &[]);
const REFUSED: Family = family("refused", "1 while a refused plan waits for an approval.", &[]);
const READY: Family = family("ready", "1 while /readyz reports ready.", &[]);
const MEMBERS: Family = family("members", "Users in the groups at the last complete reading.", &[]);
const ACCOUNTS: Family = family("accounts", "Accounts at the last complete reading.", &["state"]);
const PLANNED: Family = family("planned_actions", "Actions of the last plan.", &["action"]);
const KEPT: Family = family("kept_accounts", "Accounts that the last plan keeps.", &["reason"]);
const NOT_REGISTERED: Family = family("not_registered", "Enabled members without an account.", &[]);
const WAITING: Family =
    family("waiting_actions", "Actions of the last plan that wait for an approval.", &[]);
const ACTIONS: Family = family("actions_total", "Actions by outcome.", &["action", "outcome"]);
const REQUESTS: Family = family(
    "requests_total",
    "Requests to servers and calls of mas-cli, by result.",
    &["server", "status"],
);
const EVENTS: Family =
    family("events_available", "1 while Keycloak's admin events are available.", &[]);
const LAG: Family = family(
    "event_lag_seconds",
    "Seconds from an event in Keycloak until the homeserver shows the change.",
    &[],
);
const NOTIFICATIONS: Family =
    family("notifications_total", "Notifications by receiver and outcome.", &["to", "outcome"]);

impl Default for Metrics {
    fn default() -> Self {
        let families = Families(Registry::default());
        let build = families.gauge(&BUILD_INFO);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        let metrics = Self {
            last_success: families.gauge(&LAST_SUCCESS),
            last_run: families.gauge(&LAST_RUN),
            last_duration: families.gauge(&LAST_DURATION),
            duration: families.histogram(&DURATION, &RUN_SECONDS),
            runs: families.counter(&RUNS),
            failures_in_a_row: families.gauge(&FAILURES_IN_A_ROW),
            refused: families.gauge(&REFUSED),
            ready: families.gauge(&READY),
            members: families.gauge(&MEMBERS),
            accounts: families.gauge(&ACCOUNTS),
            planned: families.gauge(&PLANNED),
            kept: families.gauge(&KEPT),
            not_registered: families.gauge(&NOT_REGISTERED),
            waiting: families.gauge(&WAITING),
            actions: families.counter(&ACTIONS),
            requests: families.counter(&REQUESTS),
            events: families.gauge(&EVENTS),
            lag: families.histogram(&LAG, &LAG_SECONDS),
            notifications: families.counter(&NOTIFICATIONS),
            registry: families.0,
        };
        metrics.begin_at_zero();
        metrics
    }
}

impl Metrics {
    /// Sets counters to 0, because `rate` and `increase` miss the first raise of a counter that did
    /// not exist before.
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
        for receiver in [Receiver::OnDone, Receiver::OnRefused] {
            self.begin_notifications(receiver, &[Delivery::Sent, Delivery::Failed]);
        }
        self.begin_notifications(Receiver::Room, Delivery::VARIANTS);
    }

    fn begin_notifications(&self, receiver: Receiver, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.notifications.with_label_values(&[receiver.word(), delivery.word()]);
        }
    }
}

/// Creates and registers metrics. All names and labels are in this file, so that any mistake fails
/// in the first test.
struct Families(Registry);

impl Families {
    fn gauge(&self, family: &Family) -> GaugeVec {
        self.known(GaugeVec::new(options(family), family.labels))
    }

    fn counter(&self, family: &Family) -> IntCounterVec {
        self.known(IntCounterVec::new(options(family), family.labels))
    }

    fn histogram(&self, family: &Family, buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::from(options(family)).buckets(buckets.to_vec());
        self.known(HistogramVec::new(options, family.labels))
    }

    fn known<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        let metric = metric.expect("a valid name and valid labels");
        self.0.register(Box::new(metric.clone())).expect("a name of its own");
        metric
    }
}

fn options(family: &Family) -> Opts {
    Opts::new(family.name, family.help).namespace(NAMESPACE)
}
