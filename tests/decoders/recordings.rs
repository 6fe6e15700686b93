//! Recorded answers of real servers.

use std::path::Path;

use serde_json::Value;

/// Every recording of a file of `tests/contract/`.
pub(crate) fn recordings(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract").join(file);
    serde_json::from_slice(&std::fs::read(path).expect("a recording")).expect("JSON")
}

/// The bodies of the good answers to requests whose path contains this part, with or without a
/// query.
pub(crate) fn bodies(file: &str, part: &str) -> Vec<Value> {
    let of = |recording: &Value| {
        let (request, response) = (&recording["request"], &recording["response"]);
        let fits = request["path"].as_str()?.contains(part) && response["status"] == 200;
        let body = response.get("body")?;
        (fits && (body.is_object() || body.is_array())).then(|| body.clone())
    };
    let bodies: Vec<_> = recordings(file).iter().filter_map(of).collect();
    assert!(!bodies.is_empty(), "{file} has no answer to {part}");
    bodies
}
