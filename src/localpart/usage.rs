//! Finds what a template uses, from its compiled form, which contains every branch.

use std::collections::BTreeSet;

use minijinja::machinery::Instruction::{
    self, ApplyFilter, CallFunction, CallMethod, Emit, GetAttr, GetItem, Include, LoadBlocks,
    LoadConst, Lookup, Mul, PerformTest, Pow, StoreLocal,
};
use minijinja::machinery::{CompiledTemplate, Instructions};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::claims::STANDARD;

/// The variables with claims of the user.
const USERS: [&str; 3] = ["user", "id_token_claims", "userinfo_claims"];
/// The variable of MAS with the parameters from the browser.
const OF_LOGIN: &str = "extra_callback_parameters";
/// Names with a special meaning in loops, macros and blocks of minijinja.
const SPECIAL: [&str; 4] = ["caller", "loop", "self", "super"];
/// Methods of `loop`, which exists only inside loops and cannot be tried out.
const METHODS_OF_LOOP: [&str; 2] = ["changed", "cycle"];
/// Filters and methods with a number of repetitions, columns or places.
const COUNTING: [&str; 4] = ["batch", "format", "indent", "slice"];
/// More repetitions or columns than any name has. Minijinja would request the memory and abort.
const MOST: f64 = 100_000.0;
/// Claims about a token or a session, never about a user.
///
/// Source: RFC 7519, the core specification of `OpenID` Connect, and `IDToken` in Keycloak.
const CLAIMS_OF_TOKEN: [&str; 17] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "s_hash",
    "session_state",
    "sid",
    "typ",
];

/// A use of the claims.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    Named(String),
    /// All of them, or one whose name is computed.
    Any,
}

impl Claim {
    /// Returns whether it comes only from a user's attributes.
    pub(super) fn is_attribute(&self) -> bool {
        match self {
            Self::Named(name) => !STANDARD.contains(&name.as_str()),
            Self::Any => true,
        }
    }
}

/// Everything a template uses.
#[derive(Debug)]
pub(super) struct Usage {
    /// What MAS does not have, in words.
    pub(super) unknown: BTreeSet<String>,
    /// Something that MAS knows only at a login.
    pub(super) of_login: Option<String>,
    /// A number that something is repeated or widened by, too large to render.
    pub(super) too_large: Option<String>,
    pub(super) claims: BTreeSet<Claim>,
    /// Whether the template prints the username and nothing else.
    pub(super) is_username: bool,
}

/// Reads compiled templates. It tries names out in the environment, so it needs no list of them.
pub(super) struct Reader<'e> {
    environment: &'e Environment<'e>,
    assigned: BTreeSet<String>,
    unknown: BTreeSet<String>,
    of_login: BTreeSet<String>,
    counts: bool,
    large: Option<String>,
    claims: BTreeSet<Claim>,
}

impl<'e> Reader<'e> {
    pub(super) fn new(environment: &'e Environment<'e>) -> Self {
        Self {
            environment,
            assigned: BTreeSet::new(),
            unknown: BTreeSet::new(),
            of_login: BTreeSet::new(),
            counts: false,
            large: None,
            claims: BTreeSet::new(),
        }
    }

    /// Lists what the template and its blocks use.
    pub(super) fn read(mut self, template: &CompiledTemplate<'_>) -> Usage {
        let root = flatten(&template.instructions);
        let blocks: Vec<_> = template.blocks.values().map(flatten).collect();
        for code in std::iter::once(&root).chain(&blocks) {
            self.note_assignments(code);
        }
        for code in std::iter::once(&root).chain(&blocks) {
            for at in 0..code.len() {
                self.read_instruction(&code[..=at], &code[at + 1..]);
            }
        }
        Usage {
            unknown: self.unknown,
            of_login: self.of_login.into_iter().next(),
            too_large: self.large.filter(|_| self.counts),
            claims: self.claims,
            is_username: is_username(&root),
        }
    }

    fn note_assignments(&mut self, code: &[&Instruction<'_>]) {
        for instruction in code {
            if let StoreLocal(name) = instruction {
                self.assigned.insert((*name).to_owned());
            }
        }
    }

    /// Reads the last instruction of `before`.
    fn read_instruction(&mut self, before: &[&Instruction<'_>], after: &[&Instruction<'_>]) {
        let Some((instruction, before)) = before.split_last() else { return };
        self.read_number(instruction);
        match instruction {
            Lookup(name) if USERS.contains(name) => self.read_user(name, after),
            Lookup(name) => self.read_variable(name),
            ApplyFilter(name, count, _) => {
                self.check_filter(name);
                self.read_names(name, &constants(before, *count));
            }
            PerformTest(name, _, _) => self.check_test(name),
            CallFunction(name, _) => self.check_function(name),
            CallMethod(name, _) => self.check_method(name),
            Include(false) | LoadBlocks => {
                self.unknown.insert("other templates to include, import or extend".to_owned());
            }
            _ => {}
        }
    }

    fn read_number(&mut self, instruction: &Instruction<'_>) {
        match instruction {
            Mul => self.counts = true,
            ApplyFilter(name, ..) | CallMethod(name, _) => {
                self.counts |= COUNTING.contains(name);
            }
            LoadConst(value) if is_large(value) => {
                self.large = Some(value.to_string());
            }
            Pow => self.large = Some("a power".to_owned()),
            _ => {}
        }
    }

    fn read_user(&mut self, variable: &str, after: &[&Instruction<'_>]) {
        let claim = claim_behind(after).filter(|_| !self.assigned.contains(variable));
        let Some(name) = claim else {
            self.claims.insert(Claim::Any);
            return;
        };
        if CLAIMS_OF_TOKEN.contains(&name) {
            self.of_login.insert(format!("{variable}.{name}"));
        }
        self.claims.insert(Claim::Named(name.to_owned()));
    }

    fn read_variable(&mut self, name: &str) {
        if name == OF_LOGIN && !self.assigned.contains(name) {
            self.of_login.insert(name.to_owned());
        } else if !self.is_known(name) {
            self.unknown.insert(format!("variable {name}"));
        }
    }

    fn is_known(&self, name: &str) -> bool {
        let is_special = SPECIAL.contains(&name);
        is_special || self.assigned.contains(name) || self.state().lookup(name).is_some()
    }

    /// Checks the filter or test that a filter such as `map` gets by name.
    fn read_names(&mut self, filter: &str, arguments: &[Option<&str>]) {
        let position = usize::from(filter.ends_with("attr"));
        let Some(name) = arguments.get(position).copied().flatten() else { return };
        match filter {
            "map" => self.check_filter(name),
            "select" | "reject" | "selectattr" | "rejectattr" => self.check_test(name),
            _ => {}
        }
    }

    fn check_filter(&mut self, name: &str) {
        let tried = self.state().apply_filter(name, &[Value::from("")]);
        if is(tried.err(), ErrorKind::UnknownFilter) {
            self.unknown.insert(format!("filter {name}"));
        }
    }

    fn check_test(&mut self, name: &str) {
        let tried = self.state().perform_test(name, &[Value::from("")]);
        if is(tried.err(), ErrorKind::UnknownTest) {
            self.unknown.insert(format!("test {name}"));
        }
    }

    fn check_function(&mut self, name: &str) {
        if !self.is_known(name) {
            self.unknown.insert(format!("function {name}"));
        }
    }

    fn check_method(&mut self, name: &str) {
        let state = self.state();
        let samples = [Value::from(""), Value::from(vec![""]), Value::from_iter([("", "")])];
        let is_known = METHODS_OF_LOOP.contains(&name)
            || samples.iter().any(|value| has_method(value, &state, name))
            || cycler(&state).is_some_and(|value| has_method(&value, &state, name));
        if !is_known {
            self.unknown.insert(format!("method {name}"));
        }
    }

    fn state(&self) -> State<'_, '_> {
        self.environment.empty_state()
    }
}

/// Returns whether it is a large number, or a text with one, such as the width in `%999999999s`.
fn is_large(value: &Value) -> bool {
    match value.as_str() {
        Some(text) => text.split(|c: char| !c.is_ascii_digit()).any(is_large_number),
        None => value.is_number() && is_large_number(&value.to_string()),
    }
}

fn is_large_number(digits: &str) -> bool {
    digits.parse::<f64>().is_ok_and(|number| number.abs() > MOST)
}

fn has_method(value: &Value, state: &State<'_, '_>, name: &str) -> bool {
    !is(value.call_method(state, name, &[]).err(), ErrorKind::UnknownMethod)
}

/// Returns a value of contrib's function `cycler`, which has a method of its own.
fn cycler(state: &State<'_, '_>) -> Option<Value> {
    state.lookup("cycler")?.call(state, &[Value::from(vec![""])]).ok()
}

fn is(error: Option<Error>, kind: ErrorKind) -> bool {
    error.is_some_and(|error| error.kind() == kind)
}

fn flatten<'i, 's>(code: &'i Instructions<'s>) -> Vec<&'i Instruction<'s>> {
    (0..).map_while(|at| code.get(at)).collect()
}

/// Returns the claim that is read: by `user.x`, `user["x"]` or `user.get("x")`.
fn claim_behind<'i>(after: &[&'i Instruction<'_>]) -> Option<&'i str> {
    match after {
        [GetAttr(name), ..] => Some(name),
        [LoadConst(name), GetItem | CallMethod("get", _), ..]
        | [LoadConst(name), LoadConst(_), CallMethod("get", _), ..] => name.as_str(),
        _ => None,
    }
}

/// Returns the constant arguments of a filter, without the value that it is applied to. Returns
/// nothing if an argument is computed, because then the instructions of each argument are unknown.
fn constants<'i>(before: &[&'i Instruction<'_>], count: Option<u16>) -> Vec<Option<&'i str>> {
    let count = usize::from(count.unwrap_or(1)).saturating_sub(1);
    let arguments = &before[before.len().saturating_sub(count)..];
    if !arguments.iter().all(|instruction| matches!(instruction, LoadConst(_) | Lookup(_))) {
        return Vec::new();
    }
    arguments
        .iter()
        .map(|instruction| match instruction {
            LoadConst(value) => value.as_str(),
            _ => None,
        })
        .collect()
}

fn is_username(code: &[&Instruction<'_>]) -> bool {
    let [Lookup(variable), claim @ .., Emit] = code else { return false };
    let is_claim = matches!(claim, [GetAttr(_)] | [LoadConst(_), GetItem]);
    is_claim && USERS.contains(variable) && claim_behind(claim) == Some("preferred_username")
}
