//! Writes the file for `node_exporter`. Each run of a timer is a process of its own. Without the
//! file of the last one, every counter would start at 0, and a failure would hide the last success.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::files;

/// The gauge that stays even if another version of the program wrote the file.
const LAST_SUCCESS: &str = "matrix_keycloak_sync_last_success_timestamp_seconds";
/// A gauge that continues from its last value.
const FAILURES_IN_A_ROW: &str = "matrix_keycloak_sync_run_failures_in_a_row";
/// The metric with the version.
const BUILD_INFO: &str = "matrix_keycloak_sync_build_info";
/// The longest file of this program.
const LONGEST: u64 = 1 << 20;

/// Writes the file at once, readable by all users.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    // A pipe would block, and a longer file is not ours.
    let ours = path.symlink_metadata().is_ok_and(|there| there.is_file() && there.len() <= LONGEST);
    let before =
        if ours { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    files::write(path, &carried_on(&before, text), files::Mode::Shared)
}

/// One metric with its samples, in the order of the file.
#[derive(Debug, Default)]
struct Family<'t> {
    header: Vec<&'t str>,
    kind: &'t str,
    samples: Vec<(&'t str, f64)>,
}

/// Returns the metrics of this process, combined with those of the last one: counters are added up,
/// and a gauge stays until it has a new value.
fn carried_on(before: &str, now: &str) -> String {
    let (mut before, mut all) = (families(before), families(now));
    // Another version may have other buckets and other labels.
    if version(&before) != version(&all) {
        before.retain(|name, _| *name == LAST_SUCCESS);
    }
    for (name, old) in before {
        match all.get_mut(name) {
            None => {
                all.insert(name, old);
            }
            Some(new) if new.kind == old.kind && adds_up(name, new) => add(new, old),
            Some(_) => {}
        }
    }
    text(&all)
}

fn version<'t>(families: &BTreeMap<&'t str, Family<'t>>) -> Option<&'t str> {
    families.get(BUILD_INFO).and_then(|build| Some(build.samples.first()?.0))
}

fn adds_up(name: &str, family: &Family<'_>) -> bool {
    let failed_again =
        name == FAILURES_IN_A_ROW && family.samples.iter().any(|(_, value)| *value > 0.0);
    matches!(family.kind, "counter" | "histogram") || failed_again
}

fn add<'t>(new: &mut Family<'t>, old: Family<'t>) {
    for (sample, value) in old.samples {
        match new.samples.iter_mut().find(|(name, _)| *name == sample) {
            Some((_, sum)) => *sum += value,
            None => new.samples.push((sample, value)),
        }
    }
}

/// Parses the metrics, and drops everything that this program would not write.
fn families(text: &str) -> BTreeMap<&str, Family<'_>> {
    let mut families: BTreeMap<&str, Family<'_>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "))
        {
            let Some((family, rest)) = comment.split_once(' ') else { continue };
            name = family;
            let family = families.entry(name).or_default();
            family.header.push(line);
            if line.starts_with("# TYPE ") {
                family.kind = rest;
            }
        } else if let Some((sample, value)) = line.rsplit_once(' ') {
            let value = value.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
            if let (Some(value), Some(family), true) =
                (value, families.get_mut(name), sample.starts_with(name))
            {
                family.samples.push((sample, value));
            }
        }
    }
    families.retain(|_, family| !family.kind.is_empty() && !family.samples.is_empty());
    families
}

fn text(families: &BTreeMap<&str, Family<'_>>) -> String {
    let mut text = String::new();
    for family in families.values() {
        for line in &family.header {
            let _ = writeln!(text, "{line}");
        }
        for (sample, value) in &family.samples {
            let _ = writeln!(text, "{sample} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Metrics, RunKind};
    use crate::model::Server;
    use crate::plan::RunResult;

    const LONG: Duration = Duration::from_secs(3);

    fn a_run(result: RunResult) -> Metrics {
        let metrics = Metrics::default();
        metrics.request(Server::Synapse, "200");
        metrics.run_ended(RunKind::Full, result, LONG);
        metrics
    }

    /// Returns the file after these runs, each a process of its own.
    fn after(results: &[RunResult]) -> String {
        results
            .iter()
            .fold(String::new(), |before, result| carried_on(&before, &a_run(*result).text()))
    }

    fn value(text: &str, sample: &str) -> Option<f64> {
        let value = |line: &str| {
            line.strip_prefix("matrix_keycloak_sync_")?.strip_prefix(sample)?.trim().parse().ok()
        };
        text.lines().find_map(value)
    }

    #[test]
    fn the_first_file_says_what_the_process_says() {
        let text = a_run(RunResult::InStep).text();
        assert_eq!(carried_on("", &text), text);
        assert_eq!(carried_on("<html>\n# TYPE x\n# TYPE y counter\ny NaN\n1\n\0 2\n", &text), text);
    }

    #[test]
    fn counters_and_histograms_go_on() {
        let text = after(&[RunResult::InStep, RunResult::Refused, RunResult::InStep]);
        assert_eq!(value(&text, "runs_total{kind=\"full\",result=\"in_step\"}"), Some(2.0));
        assert_eq!(value(&text, "runs_total{kind=\"full\",result=\"refused\"}"), Some(1.0));
        assert_eq!(value(&text, "requests_total{server=\"synapse\",status=\"200\"}"), Some(3.0));
        assert_eq!(value(&text, "run_duration_seconds_bucket{kind=\"full\",le=\"5\"}"), Some(3.0));
        assert_eq!(value(&text, "run_duration_seconds_sum{kind=\"full\"}"), Some(9.0));
    }

    #[test]
    fn a_failure_keeps_the_last_success_and_what_was_read() {
        let before = after(&[RunResult::InStep]);
        let before = format!(
            "{before}# HELP matrix_keycloak_sync_members x\n# TYPE matrix_keycloak_sync_members gauge\nmatrix_keycloak_sync_members 7\n"
        );
        let text = carried_on(&before, &a_run(RunResult::Failed).text());
        assert!(value(&text, "last_success_timestamp_seconds").is_some());
        assert_eq!(
            value(&text, "last_success_timestamp_seconds"),
            value(&before, "last_success_timestamp_seconds")
        );
        assert_eq!((value(&text, "members"), value(&text, "refused")), (Some(7.0), Some(0.0)));
    }

    #[test]
    fn failures_in_a_row_go_on_until_a_run_does_not_fail() {
        use RunResult::{Failed, InStep, Locked};
        let told = |results: &[_]| value(&after(results), "run_failures_in_a_row");
        assert_eq!(told(&[Failed, Failed, Locked, Failed]), Some(3.0));
        assert_eq!(told(&[Failed, Failed, InStep]), Some(0.0));
        assert_eq!(told(&[Failed, InStep, Failed]), Some(1.0));
    }

    #[test]
    fn a_file_of_another_version_only_tells_the_last_success() {
        let before = after(&[RunResult::InStep]).replace(env!("CARGO_PKG_VERSION"), "0.0.1");
        let text = carried_on(&before, &a_run(RunResult::Failed).text());
        assert_eq!(
            value(&text, "last_success_timestamp_seconds"),
            value(&before, "last_success_timestamp_seconds")
        );
        assert_eq!(value(&text, "requests_total{server=\"synapse\",status=\"200\"}"), Some(1.0));
        assert!(!text.contains("0.0.1"));
    }

    #[test]
    fn the_file_is_readable_for_all_unless_its_mode_was_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("sync.prom");
        let mode = || path.metadata().expect("a file").permissions().mode() & 0o777;
        write(&path, &a_run(RunResult::InStep).text()).expect("written");
        assert_eq!(mode(), 0o644);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640))
            .expect("a file of ours");
        write(&path, &a_run(RunResult::InStep).text()).expect("written");
        assert_eq!(mode(), 0o640);
        let left: Vec<_> = directory.path().read_dir().expect("a directory").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
