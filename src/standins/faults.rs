//! Lets a server fail, as a test chooses while it runs.
//!
//! A rule says which requests it applies to, how many of them pass first, and how many it covers:
//!
//! ```no_run
//! # fn example(faults: &matrix_keycloak_sync::standins::Faults) {
//! use matrix_keycloak_sync::standins::Fault;
//! faults.on("/members").skip(1).times(1).answer(Fault::CutBody);
//! # }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Shared;
use super::server::SeenRequest;

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Another status with this body (`application/json` if it looks like JSON).
    Status(u16, String),
    /// Another status with an error in the server's format that quotes the headers and the form.
    Echo(u16),
    /// 429 with `Retry-After`.
    TooManyRequests {
        /// The seconds that the header asks for.
        retry_after_secs: u64,
    },
    /// 307 to the same path of the server with this URL.
    Redirect(String),
    /// The real answer with the real `Content-Length`, but the connection breaks half way.
    CutBody,
    /// 200 with a web page, as a proxy or a captive portal answers.
    Html,
    /// 200 with the server's own form of an empty list.
    EmptyList,
    /// 200 with this JSON.
    Json(Value),
    /// No answer, ever; the connection stays open.
    Hang,
    /// The real answer, a byte every 100 ms.
    Trickle,
    /// The connection breaks without an answer, and nothing is done.
    Reset,
    /// The request is carried out, but the connection breaks before the answer.
    LostAnswer,
    /// Always the first page.
    RepeatPage,
    /// The whole list: filters are ignored, as MAS ignores unknown ones (trap 42).
    WithoutFilters,
}

type Predicate = Arc<dyn Fn(&SeenRequest) -> bool + Send + Sync>;
type Hook = Arc<dyn Fn(&SeenRequest) + Send + Sync>;

#[derive(Clone)]
enum RuleEffect {
    Answer(Fault),
    Before(Hook),
    After(Hook),
    Pages(usize),
    Late(Duration),
    Pace(u64),
}

struct FaultRule {
    matches: Predicate,
    skip: usize,
    left: Option<usize>,
    effect: RuleEffect,
}

impl FaultRule {
    /// Returns whether the rule applies to this request, and counts it if so.
    fn take(&mut self, seen: &SeenRequest) -> bool {
        if !(self.matches)(seen) || self.left == Some(0) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        true
    }
}

/// The rules of one server.
#[derive(Clone)]
pub struct Faults {
    rules: Shared<Vec<FaultRule>>,
    empty_list: Value,
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Faults({} rules)", self.rules.lock().len())
    }
}

/// What the rules say about one request.
#[derive(Default)]
pub(super) struct AppliedRules {
    pub(super) fault: Option<Fault>,
    pub(super) before: Vec<Hook>,
    pub(super) after: Vec<Hook>,
    /// The most rows that a page may have.
    pub(super) rows: Option<usize>,
    /// The delay of the answer.
    pub(super) late: Duration,
    /// The bytes per second that it is produced with.
    pub(super) pace: Option<u64>,
}

impl Faults {
    pub(super) fn new(empty_list: Value) -> Self {
        Self { rules: Shared::new(Vec::new()), empty_list }
    }

    /// Starts a rule about requests whose path and query contain `part` (`""` is every request).
    pub fn on(&self, part: &str) -> RuleBuilder<'_> {
        let part = part.to_owned();
        self.matching(move |seen| seen.target().contains(&part))
    }

    /// Starts a rule about requests with this method whose path ends like this: `POST` and `/users`
    /// create an account and do nothing else.
    pub fn at(&self, method: &str, end: &str) -> RuleBuilder<'_> {
        let end = end.to_owned();
        self.matching(move |seen| seen.path.ends_with(&end)).method(method)
    }

    /// Starts a rule about the requests that `matches` selects.
    pub fn matching(
        &self,
        matches: impl Fn(&SeenRequest) -> bool + Send + Sync + 'static,
    ) -> RuleBuilder<'_> {
        RuleBuilder { faults: self, matches: Arc::new(matches), skip: 0, times: None }
    }

    /// Removes every rule, so that the server works again.
    pub fn clear(&self) {
        self.rules.lock().clear();
    }

    pub(super) fn empty_list(&self) -> &Value {
        &self.empty_list
    }

    /// Returns the first fault that applies, and all hooks.
    pub(super) fn applied(&self, seen: &SeenRequest) -> AppliedRules {
        let mut applied = AppliedRules::default();
        for rule in self.rules.lock().iter_mut() {
            if matches!(rule.effect, RuleEffect::Answer(_)) && applied.fault.is_some()
                || !rule.take(seen)
            {
                continue;
            }
            match rule.effect.clone() {
                RuleEffect::Answer(fault) => applied.fault = Some(fault),
                RuleEffect::Before(hook) => applied.before.push(hook),
                RuleEffect::After(hook) => applied.after.push(hook),
                RuleEffect::Pages(rows) => applied.rows = Some(rows),
                RuleEffect::Late(by) => applied.late += by,
                RuleEffect::Pace(bytes) => applied.pace = Some(bytes),
            }
        }
        applied
    }
}

/// An unfinished rule; `answer`, `late`, `paced`, `before`, `after` or `in_pages_of` activates it.
#[must_use = "a rule applies only after `answer`, `before`, `after` or `in_pages_of`"]
pub struct RuleBuilder<'a> {
    faults: &'a Faults,
    matches: Predicate,
    skip: usize,
    times: Option<usize>,
}

impl RuleBuilder<'_> {
    /// Limits the rule to requests with this method.
    pub fn method(mut self, method: &str) -> Self {
        let (inner, method) = (self.matches, method.to_owned());
        self.matches = Arc::new(move |seen| seen.method == method && inner(seen));
        self
    }

    /// Lets the first `count` matching requests pass.
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Applies to `count` requests only.
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Lets these requests fail this way.
    pub fn answer(self, fault: Fault) {
        self.add(RuleEffect::Answer(fault));
    }

    /// Delays the answers, as for a server far away.
    pub fn late(self, by: Duration) {
        self.add(RuleEffect::Late(by));
    }

    /// Produces the answers with this many bytes per second, like a server with work for each row.
    pub fn paced(self, bytes_a_second: u64) {
        self.add(RuleEffect::Pace(bytes_a_second));
    }

    /// Runs `hook` before such a request is answered.
    pub fn before(self, hook: impl Fn(&SeenRequest) + Send + Sync + 'static) {
        self.add(RuleEffect::Before(Arc::new(hook)));
    }

    /// Runs `hook` once the answer is complete, before the client gets it: the world changes
    /// between two pages.
    pub fn after(self, hook: impl Fn(&SeenRequest) + Send + Sync + 'static) {
        self.add(RuleEffect::After(Arc::new(hook)));
    }

    /// Limits the pages of these lists, even if the request wants more rows, so that a small list
    /// has several pages. Other rules apply to the smaller page.
    pub fn in_pages_of(self, rows: usize) {
        self.add(RuleEffect::Pages(rows));
    }

    fn add(self, effect: RuleEffect) {
        let rule = FaultRule { matches: self.matches, skip: self.skip, left: self.times, effect };
        self.faults.rules.lock().push(rule);
    }
}
