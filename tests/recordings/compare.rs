//! Sends recorded requests to a stand-in, and compares its answers with the real server's.
//!
//! Values are compared one by one, except for those that differ between two runs of a real server.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use regex::Regex;
use serde_json::{Value, json};

/// Fields whose values belong to one run: times, tokens, and IDs that no path names.
const OF_ONE_RUN: [&str; 17] = [
    "access_token",
    "refresh_token",
    "session_state",
    "device_id",
    "time",
    "realmId",
    "clientId",
    "userId",
    "resourcePath",
    "createdTimestamp",
    "creation_ts",
    "last_seen_ts",
    "validated_at",
    "added_at",
    "locked_at",
    "deactivated_at",
    "finished_at",
];
/// Fields that a real server may leave empty or fill, depending on the account.
const MAY_BE_NULL: [&str; 1] = ["last_seen_ts"];

/// The exchanges of a file in `tests/contract`.
pub(crate) fn recording(name: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract").join(name);
    let text = fs::read_to_string(path).expect("the recording is in the repository");
    serde_json::from_str(&text).expect("the recording is JSON")
}

/// Returns the exchanges of a file in `tests/contract` that have one of these names, in the order
/// of the file.
pub(crate) fn exchanges(file: &str, names: &[&str]) -> Vec<Value> {
    let mut exchanges = recording(file);
    exchanges
        .retain(|exchange| exchange["name"].as_str().is_some_and(|name| names.contains(&name)));
    assert_eq!(exchanges.len(), names.len(), "{file} lacks some of {names:?}");
    exchanges
}

/// Collects every difference between the recording and the answers.
pub(crate) fn differences(
    at: &str,
    field: &str,
    recorded: &Value,
    came: &Value,
    found: &mut Vec<String>,
) {
    match (recorded, came) {
        (Value::Object(recorded), Value::Object(came)) => {
            let names =
                |row: &serde_json::Map<String, Value>| row.keys().cloned().collect::<BTreeSet<_>>();
            if names(recorded) != names(came) {
                found.push(format!(
                    "{at}: fields {:?}, recorded {:?}",
                    names(came),
                    names(recorded)
                ));
            }
            for (name, value) in recorded {
                if let Some(other) = came.get(name) {
                    differences(&format!("{at}.{name}"), name, value, other, found);
                }
            }
        }
        (Value::Array(recorded), Value::Array(came)) => {
            if recorded.len() != came.len() {
                found.push(format!("{at}: {} rows, recorded {}", came.len(), recorded.len()));
            }
            for (number, (value, other)) in recorded.iter().zip(came).enumerate() {
                differences(&format!("{at}[{number}]"), field, value, other, found);
            }
        }
        (Value::String(recorded), Value::String(came)) if field == "representation" => {
            let read = |text| serde_json::from_str::<Value>(text).expect("an event quotes JSON");
            differences(at, "", &read(recorded), &read(came), found);
        }
        _ if may_differ(at, field, recorded, came) => {}
        _ if recorded == came => {}
        _ => found.push(format!("{at}: {came}, recorded {recorded}")),
    }
}

fn may_differ(at: &str, field: &str, recorded: &Value, came: &Value) -> bool {
    if recorded.is_null() != came.is_null() {
        return MAY_BE_NULL.contains(&field);
    }
    let same_type =
        recorded.is_string() == came.is_string() && recorded.is_number() == came.is_number();
    // The recorded server had 100,000 accounts more than fit into a test.
    let large_total = matches!(field, "total" | "count") && recorded.as_u64() > Some(1000);
    let id_of_event = field == "id" && at.contains("event");
    same_type && (OF_ONE_RUN.contains(&field) || large_total || id_of_event)
}

/// The server to send requests to, and replacements for redacted values.
pub(crate) struct Target<'a> {
    /// The URL that paths are appended to.
    pub(crate) base: &'a str,
    /// The value of `<…>` in the recorded header `Authorization`: a token, or client and secret
    /// separated by a colon.
    pub(crate) credentials: &'a str,
    /// URLs of this run and their names in the recording.
    pub(crate) hosts: &'a [(String, &'a str)],
}

/// What this run has created, with the IDs and times of the same things in the recording.
#[derive(Debug, Default)]
pub(crate) struct Created(Vec<(String, String)>);

impl Created {
    /// Learns the name of something in this run and in the recording, unless it has one.
    pub(crate) fn learn(&mut self, here: &str, recorded: &str) {
        if self.0.iter().all(|(_, known)| known != recorded) {
            self.0.push((here.to_owned(), recorded.to_owned()));
        }
    }

    /// Learns ID and time of a resource that MAS has just created, and IDs of rooms and events.
    fn learn_from(&mut self, recorded: &Value, came: &Value) {
        let created = recorded["status"] == 201;
        let resource = ["/data/id", "/data/attributes/created_at"].into_iter().filter(|_| created);
        for place in resource.chain(["/room_id", "/event_id"]) {
            let text = |body: &Value| body.pointer(place).and_then(Value::as_str).map(bare);
            if let (Some(here), Some(recorded)) = (text(came), text(&recorded["body"])) {
                self.learn(&here, &recorded);
            }
        }
    }

    /// Returns a text of this run with the names of the recording.
    pub(crate) fn as_recorded(&self, text: &str) -> String {
        let rename =
            |text: String, (here, recorded): &(_, String)| text.replace::<&String>(here, recorded);
        self.0.iter().fold(text.to_owned(), rename)
    }

    /// Returns recorded JSON with the names of this run.
    fn here(&self, recorded: &Value) -> Value {
        let rename =
            |text: String, (here, recorded): &(String, _)| text.replace::<&String>(recorded, here);
        let text = self.0.iter().fold(recorded.to_string(), rename);
        serde_json::from_str(&text).expect("names need no escapes")
    }
}

/// Returns an ID as it is in a path, without the sigil; a time with the digits that MAS stores.
fn bare(text: &str) -> String {
    let nanoseconds = Regex::new(r"(\.\d{6})\d{3}Z$").expect("a pattern");
    nanoseconds.replace(text.trim_start_matches(['!', '$']), "${1}Z").into_owned()
}

/// Returns recorded JSON with all times as MAS stores them, without the nanoseconds of an answer
/// that created something.
fn stored(recorded: &Value) -> Value {
    let nanoseconds = Regex::new(r"(\.\d{6})\d{3}Z").expect("a pattern");
    let text = recorded.to_string();
    serde_json::from_str(&nanoseconds.replace_all(&text, "${1}Z")).expect("still JSON")
}

/// Sends a recorded request and collects every difference between the answers.
pub(crate) async fn replay(target: &Target<'_>, exchange: &Value) -> Vec<String> {
    replay_after(&mut Created::default(), target, exchange).await
}

/// Does the same, if earlier exchanges have created something.
pub(crate) async fn replay_after(
    created: &mut Created,
    target: &Target<'_>,
    exchange: &Value,
) -> Vec<String> {
    let name = exchange["name"].as_str().unwrap_or_default();
    let response = &exchange["response"];
    let sent = created.here(&exchange["request"]);
    let came = request(target, &sent).send().await.expect("the stand-in answers");
    let mut found = Vec::new();
    if json!(came.status().as_u16()) != response["status"] {
        found.push(format!("{name}: status {}, recorded {}", came.status(), response["status"]));
    }
    let kind = came
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    if essence(&kind) != essence(response["content_type"].as_str().unwrap_or_default()) {
        found.push(format!("{name}: content type {kind}, recorded {}", response["content_type"]));
    }
    let mut text = came.text().await.expect("the stand-in answers to the end");
    for (here, recorded) in target.hosts {
        text = text.replace(here, recorded);
    }
    let is_json = essence(&kind) == "application/json";
    let body = if is_json {
        let read = |text: &str| serde_json::from_str(text).expect("the stand-in answers in JSON");
        created.learn_from(response, &read(&text));
        read(&created.as_recorded(&text))
    } else {
        json!(text)
    };
    differences(name, "", &stored(&response["body"]), &body, &mut found);
    found
}

fn request(target: &Target<'_>, recorded: &Value) -> reqwest::RequestBuilder {
    let path = recorded["path"].as_str().expect("a recorded path");
    let method = recorded["method"]
        .as_str()
        .and_then(|method| method.parse().ok())
        .expect("a recorded method");
    let mut call = reqwest::Client::new().request(method, format!("{}{path}", target.base));
    match recorded["headers"]["authorization"].as_str() {
        Some("Bearer <token>") => call = call.bearer_auth(target.credentials),
        Some("Basic <client_id:client_secret>") => {
            let (client, secret) = target.credentials.split_once(':').expect("client and secret");
            call = call.basic_auth(client, Some(secret));
        }
        Some(header) => call = call.header("authorization", header),
        None => {}
    }
    let kind = recorded["headers"]["content-type"].as_str();
    match &recorded["body"] {
        Value::Null => call,
        Value::String(raw) => {
            call.header("content-type", kind.expect("recorded")).body(raw.clone())
        }
        body if kind == Some("application/json") => call.json(body),
        body => {
            let form = body.as_object().expect("a form").iter();
            let pairs = form.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
            let body =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            call.header("content-type", "application/x-www-form-urlencoded").body(body)
        }
    }
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Fails with all differences at once.
pub(crate) fn nothing(found: &[String]) {
    assert!(found.is_empty(), "the stand-in differs:\n{}", found.join("\n"));
}
