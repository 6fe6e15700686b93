//! The monitoring files use only metrics that the program has, and cover all that matter.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use matrix_keycloak_sync::metrics::{AdminEvents, Metrics, Readiness, RunKind};
use matrix_keycloak_sync::model::{Localpart, Server, ServerName};
use matrix_keycloak_sync::plan::{DisableMode, Kept, KeptReason, Plan, RunResult, WriterKind};
use regex::Regex;
use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).expect(path)
}

fn server() -> ServerName {
    ServerName::from("example.org")
}

/// Metrics with a value in every family.
fn every_metric() -> Metrics {
    let metrics = Metrics::default();
    metrics.request(Server::Keycloak, "200");
    metrics.mas_cli("0");
    metrics.facts(0, &[]);
    let kept = |reason| Kept::new(Localpart::from("dave"), reason);
    metrics.plan(&Plan {
        kept: vec![kept(KeptReason::Protected), kept(KeptReason::FederationInDoubt)],
        ..Plan::empty(server(), WriterKind::MasCli, DisableMode::Deactivate)
    });
    for kind in [RunKind::Full, RunKind::People, RunKind::Members] {
        metrics.run_ended(kind, RunResult::InStep, Duration::from_secs(1));
    }
    metrics.lag(Duration::from_secs(1));
    metrics.ready(Readiness::Ready);
    metrics.events(AdminEvents::Available);
    metrics
}

/// The names of metrics in a text; those of a histogram's parts too.
fn names(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"matrix_keycloak_sync_[a-z_]+").expect("a pattern");
    name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

/// The program's metric families.
fn families() -> BTreeSet<String> {
    let text = every_metric().text();
    text.lines()
        .filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split_once(' ')?.0.to_owned()))
        .collect()
}

/// All texts of a JSON value under this key, at any depth.
fn all<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    match value {
        Value::Array(list) => list.iter().flat_map(|value| all(value, key)).collect(),
        Value::Object(map) => {
            let here = map.get(key).and_then(Value::as_str);
            here.into_iter().chain(map.values().flat_map(|value| all(value, key))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn dashboard_and_alerts_use_only_existing_metrics() {
    let there = names(&every_metric().text());
    let dashboard: Value =
        serde_json::from_str(&read("packaging/monitoring/grafana-dashboard.json")).expect("JSON");
    let alerts = yaml("packaging/monitoring/alerts.yml");
    for asked in [all(&dashboard, "expr"), all(&dashboard, "query"), all(&alerts, "expr")] {
        assert!(!asked.is_empty());
        let asked = names(&asked.join("\n"));
        assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

#[test]
fn dashboard_shows_every_metric_except_the_time_of_the_last_run() {
    let shown = read("packaging/monitoring/grafana-dashboard.json");
    let families = families();
    let missing: Vec<_> = families.iter().filter(|name| !shown.contains(*name)).collect();
    assert_eq!(missing, ["matrix_keycloak_sync_last_run_timestamp_seconds"]);
}

#[test]
fn every_alert_has_a_runbook_a_test_and_documentation() {
    let (alerts, tested) =
        (yaml("packaging/monitoring/alerts.yml"), yaml("packaging/monitoring/alerts.test.yml"));
    let rules = alerts["groups"][0]["rules"].as_array().expect("rules");
    let alert_of = |value: &Value| value["alert"].as_str().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = rules.iter().map(alert_of).collect();
    for rule in rules {
        for annotation in ["summary", "description", "runbook"] {
            assert!(rule["annotations"][annotation].is_string(), "{annotation}: {rule}");
        }
        assert!(
            ["critical", "warning"]
                .contains(&rule["labels"]["severity"].as_str().unwrap_or_default()),
            "{rule}"
        );
    }
    assert_eq!(
        all(&tested, "alertname").into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
        names
    );
    let word = Regex::new(r"`(MatrixKeycloakSync\w+)`").expect("a pattern");
    let docs = read("docs/monitoring.md");
    assert_eq!(
        word.captures_iter(&docs).map(|found| found[1].to_owned()).collect::<BTreeSet<_>>(),
        names
    );
}

#[test]
fn every_metric_is_documented_with_its_type_and_its_labels() {
    let text = every_metric().text();
    let label = Regex::new(r#"([a-z]+)=""#).expect("a pattern");
    let written = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE matrix_keycloak_sync_"))
        .map(|line| {
            let (name, kind) = line.split_once(' ').expect("a type");
            let samples = text
                .lines()
                .filter(|line| line.starts_with(&format!("matrix_keycloak_sync_{name}")));
            let labels = samples
                .flat_map(|sample| label.captures_iter(sample).map(|found| found[1].to_owned()));
            let labels: BTreeSet<_> =
                labels.filter(|label| label != "le").map(|label| format!("`{label}`")).collect();
            let labels: Vec<_> = labels.into_iter().collect();
            format!("| `{name}` | {kind} | {} |", labels.join(", ")).replace("|  |", "| |")
        });
    let docs = read("docs/monitoring.md");
    let row = Regex::new(r"(?m)^(\| `[a-z_]+` \| (?:gauge|counter|histogram) \| [^|]*\|) ")
        .expect("a pattern");
    let documented: BTreeSet<_> =
        row.captures_iter(&docs).map(|found| found[1].to_owned()).collect();
    assert_eq!(documented, written.collect());
}

/// For `packaging/monitoring/check.sh`, which hands it to promtool.
#[test]
fn a_file_holds_every_metric() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = std::env::var_os("METRICS_SAMPLE")
        .map_or_else(|| directory.path().join("every.prom"), Into::into);
    every_metric().write_file(&path).expect("a writable directory");
    assert_eq!(
        names(&std::fs::read_to_string(path).expect("just written")),
        names(&every_metric().text())
    );
}
