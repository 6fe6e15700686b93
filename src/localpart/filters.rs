//! Implements the filters that MAS adds to minijinja's own, with the same results.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use minijinja::{Environment, Error, ErrorKind, Value};

/// Creates an environment with everything that a template of MAS can use.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    minijinja_contrib::add_to_environment(&mut environment);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_filter("b64decode", b64decode);
    environment.add_filter("b64encode", b64encode);
    environment.add_filter("from_json", from_json);
    environment.add_filter("string", string);
    environment.add_filter("tlvdecode", tlvdecode);
    environment
}

/// Decodes Base64 in any of its four alphabets.
fn b64decode(text: &str) -> Result<Value, Error> {
    let engines = [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD];
    let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
    decoded.map(bytes).ok_or_else(|| invalid("not Base64"))
}

fn b64encode(data: &[u8]) -> String {
    STANDARD.encode(data)
}

/// Parses JSON.
fn from_json(text: &str) -> Result<Value, Error> {
    let parsed: serde_json::Value =
        serde_json::from_str(text).map_err(|error| invalid("not JSON").with_source(error))?;
    Ok(Value::from_serialize(parsed))
}

/// Prints any value; minijinja's own `string` keeps marks of safe HTML.
fn string(value: &Value) -> String {
    value.to_string()
}

/// Splits bytes into fields: one byte for the tag, one for the length, then the value.
fn tlvdecode(data: &[u8]) -> Result<BTreeMap<Value, Value>, Error> {
    let mut fields = BTreeMap::new();
    let mut rest = data;
    while let [tag, after_tag @ ..] = rest {
        let cut = || invalid("a field is cut off");
        let [length, after_length @ ..] = after_tag else { return Err(cut()) };
        let (value, after) = after_length.split_at_checked(usize::from(*length)).ok_or_else(cut)?;
        fields.insert(Value::from(*tag), bytes(value.to_vec()));
        rest = after;
    }
    Ok(fields)
}

/// Creates a value of bytes rather than a list of numbers.
fn bytes(data: Vec<u8>) -> Value {
    Value::from(Arc::new(data))
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}
