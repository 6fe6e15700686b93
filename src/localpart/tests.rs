//! Templates as MAS renders them: a table of those found in the wild, and what belongs to no table.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::*;

/// Rendered with the code of MAS 1.22 and its version of minijinja.
const TABLE: &str = include_str!("tests/templates.json");
const ACCEPTANCE: &str = include_str!("../../tests/cases/templates.json");

#[derive(Deserialize)]
struct Table {
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Accepted {
    template: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    claims: Map<String, Json>,
    localpart: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    template: String,
    says: String,
}

#[derive(Deserialize)]
struct Row {
    template: String,
    claims: Map<String, Json>,
    localpart: Option<String>,
}

fn template(source: &str) -> LocalpartTemplate {
    LocalpartTemplate::new(source).expect(source)
}

fn refusal(source: &str) -> String {
    LocalpartTemplate::new(source).expect_err(source).to_string()
}

fn alice() -> Claims<'static> {
    let email = Some("al.ice@corp.test");
    Claims { sub: "1", preferred_username: "alice", email, ..Claims::default() }
}

/// Renders the claims as MAS gets them, and as a user of Keycloak if one can have exactly these.
fn check(source: &str, Case { claims, localpart }: Case) {
    let template = template(source);
    let localpart = localpart.map(Localpart::from);
    let rendered = template.render_value(&Value::from_serialize(&claims)).ok();
    assert_eq!(rendered, localpart, "{source} with {claims:?}");
    let claims = with_what_every_user_has(source, claims);
    let attributes = attributes(&claims);
    let user = user(&claims, &attributes);
    if user.to_value() == Value::from_serialize(&claims) {
        assert_eq!(template.render(&user).ok(), localpart, "{source} for {user:?}");
    }
}

fn with_what_every_user_has(source: &str, mut claims: Map<String, Json>) -> Map<String, Json> {
    for claim in ["sub", "preferred_username"] {
        if !source.contains(claim) {
            claims.entry(claim).or_insert_with(|| "unused".into());
        }
    }
    claims
}

fn attributes(claims: &Map<String, Json>) -> Attributes {
    let custom = claims.iter().filter(|(claim, _)| !claims::STANDARD.contains(&claim.as_str()));
    custom.map(|(claim, value)| (claim.clone(), values(value))).collect()
}

fn values(claim: &Json) -> Vec<String> {
    match claim {
        Json::Array(values) => values.iter().flat_map(self::values).collect(),
        Json::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

fn user<'c>(claims: &'c Map<String, Json>, attributes: &'c Attributes) -> Claims<'c> {
    let text = |claim: &str| claims.get(claim).and_then(Json::as_str);
    Claims {
        sub: text("sub").unwrap_or_default(),
        preferred_username: text("preferred_username").unwrap_or_default(),
        email: text("email"),
        email_verified: claims.get("email_verified").and_then(Json::as_bool),
        given_name: text("given_name"),
        family_name: text("family_name"),
        attributes: Some(attributes),
    }
}

#[test]
fn templates_in_the_wild_render_as_in_mas() {
    let table: Table = serde_json::from_str(TABLE).expect("a table");
    assert!(table.accepted.len() > 100, "there are {} templates left", table.accepted.len());
    for Accepted { template, cases } in table.accepted {
        for case in cases {
            check(&template, case);
        }
    }
}

#[test]
fn templates_of_the_acceptance_cases_render_as_in_mas() {
    let rows: Vec<Row> = serde_json::from_str(ACCEPTANCE).expect("rows");
    assert!(!rows.is_empty());
    for Row { template, claims, localpart } in rows {
        check(&template, Case { claims, localpart });
    }
}

#[test]
fn templates_that_mas_cannot_render_are_refused() {
    let table: Table = serde_json::from_str(TABLE).expect("a table");
    for Refused { template, says } in table.refused {
        let error = refusal(&template);
        assert!(error.contains(&says) && !error.contains('\n'), "{template}: {error}");
    }
}

#[test]
fn everything_unknown_is_reported_at_once() {
    assert_eq!(
        refusal("{{ a | b }}{{ c() }}{{ d.e() is f }}"),
        "MAS's templates have no filter b, no function c, no method e, no test f, no variable a, \
         no variable d"
    );
}

#[test]
fn names_that_mas_has_are_accepted() {
    let filters = [
        "b64encode",
        "batch(2)",
        "bool",
        "dictsort",
        "escape",
        "filesizeformat",
        "from_json",
        "groupby('x')",
        "indent(2)",
        "pluralize",
        "pprint",
        "selectattr('x', 'eq', 1)",
        "slice(2)",
        "sort",
        "string",
        "striptags",
        "sum",
        "tojson",
        "truncate",
        "unique",
        "urlencode",
        "zip([])",
    ];
    for filter in filters {
        template(&format!("{{{{ user.sub | {filter} }}}}"));
    }
    let calls = [
        "cycler(['a']).next()",
        "debug()",
        "dict(a=1)",
        "joiner(',')()",
        "namespace(a=1).a",
        "range(3)",
        "range(1, 9, 2)",
    ];
    for call in calls {
        template(&format!("{{{{ {call} }}}}"));
    }
    for code in [
        "{% for c in 'ab' %}{{ loop.cycle('x', 'y') }}{{ loop.changed(c) }}{% endfor %}",
        "{% for c in ['a', ['b']] recursive %}{{ loop(c) if c is sequence else c }}{% endfor %}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %}",
        "{% block b %}x{% endblock %}{{ self.b() }}",
        "{% include 'more' ignore missing %}",
        "{% with x = user.sub %}{{ x }}{% endwith %}",
        "{% if user.email %}{% set x = 1 %}{% endif %}{{ x }}",
        "{% set (a, b) = ['a', 'b'] %}{{ a.upper() ~ b.isdigit() }}",
    ] {
        template(code);
    }
}

#[test]
fn computed_argument_is_not_taken_for_the_name_of_a_filter_or_test() {
    for filter in [
        "map('default', user['fallback'])",
        "map('default', user.get('fallback'))",
        "reject('in', user['former'])",
        "select('ne', user.sub ~ 'x')",
        "selectattr('key', 'eq', user.more['key'])",
        "selectattr('key', 'eq', other='x')",
    ] {
        template(&format!("{{{{ user.names | {filter} | first }}}}"));
    }
    assert!(
        refusal("{{ user.names | map('fallback', user) | first }}").contains("no filter fallback")
    );
}

#[test]
fn attributes_are_needed_only_for_claims_beyond_the_standard_ones() {
    for source in [
        "{{ user.preferred_username }}",
        "{{ user.sub }}{{ user.name }}{{ user.email_verified }}",
        "{{ user['email'] or user.get('given_name', '') }}",
        "{{ userinfo_claims.email }}",
        "fixed",
    ] {
        assert!(!template(source).needs_attributes(), "{source}");
    }
    for source in [
        "{{ user.nickname }}",
        "{{ user['employee'] }}",
        "{{ user.get('employee') }}",
        "{{ user.email or id_token_claims.upn }}",
        "{{ user[user.sub] }}",
        "{% set u = user %}{{ u.email }}",
        "{% for user in [user] %}{{ user.email }}{% endfor %}",
        "{{ user | items | length }}",
        "{% macro m() %}{{ user.nickname }}{% endmacro %}{{ m() }}",
        "{% block b %}{{ user.nickname }}{% endblock %}",
    ] {
        assert!(template(source).needs_attributes(), "{source}");
    }
}

#[test]
fn the_username_is_recognised_in_any_spelling() {
    for source in [
        "{{ user.preferred_username }}",
        "{{user.preferred_username}}",
        "{{- user['preferred_username'] -}}\n",
        "{{ id_token_claims.preferred_username }}{# MAS #}",
    ] {
        assert!(template(source).is_username(), "{source}");
    }
    for source in [
        "{{ user.preferred_username | lower }}",
        "{{ user.preferred_username }}x",
        " {{ user.preferred_username }}",
        "{{ user.preferred_username or user.sub }}",
        "{{ user.email }}",
    ] {
        assert!(!template(source).is_username(), "{source}");
    }
    let username = template("{{ user.preferred_username }}");
    assert_eq!(username.render(&alice()).expect("a name"), "alice".into());
}

#[test]
fn claims_are_what_keycloak_puts_into_a_token() {
    let attributes: Attributes = [
        ("nickname", vec!["al"]),
        ("several", vec!["a", "b"]),
        ("empty", vec![]),
        ("middleName", vec!["M"]),
        ("email", vec!["other@corp.test"]),
    ]
    .into_iter()
    .collect();
    let user = Claims {
        email_verified: Some(false),
        given_name: Some("Al"),
        family_name: Some(""),
        attributes: Some(&attributes),
        ..alice()
    };
    let expected = json!({
        "sub": "1",
        "preferred_username": "alice",
        "email": "al.ice@corp.test",
        "email_verified": false,
        "given_name": "Al",
        "family_name": "",
        "name": "Al",
        "nickname": "al",
        "several": ["a", "b"],
        "middleName": "M",
        "middle_name": "M",
    });
    assert_eq!(user.to_value(), Value::from_serialize(expected));
}

#[test]
fn values_of_an_attribute_that_are_null_are_none() {
    let attributes = json!({"a": [null, "x"], "b": [null]});
    let attributes: Attributes = serde_json::from_value(attributes).expect("attributes");
    let user = Claims { attributes: Some(&attributes), ..alice() };
    let name = template("{{ user.a }}{{ user.b is defined }}").render(&user);
    assert_eq!(name.expect("a name"), "xfalse".into());
}

#[test]
fn endless_loops_end() {
    let inner = "{% for b in range(9999) %}x{% endfor %}";
    let source = format!("{{% for a in range(9999) %}}{inner}{{% endfor %}}");
    assert!(matches!(template(&source).render(&alice()), Err(NoLocalpart::Failed(_))));
}

#[test]
fn numbers_that_would_fill_the_memory_are_refused() {
    for source in [
        "{{ user.sub * 1000000000000 }}",
        "{{ 1e12 * user.sub }}",
        "{{ user.sub * 10 ** 12 }}",
        "{{ user.sub * '1000000000000' | int }}",
        "{{ '%1000000000s' | format(user.sub) }}",
        "{{ '{:1000000000}'.format(user.sub) }}",
        "{{ user.sub | indent(1000000000, true) }}",
        "{{ user.sub | list | batch(1000000000, '') | join }}",
        "{{ user.sub | list | slice(1000000000) | join }}",
    ] {
        assert!(refusal(source).contains("is too large for a template"), "{source}");
    }
    let harmless = [
        "{{ user.sub * 3 }}",
        "{{ 1000000 + user.sub | int }}",
        "{{ 'a1000000' }}",
        "{{ '%03d' | format(7) }}",
        "{{ 2 ** 3 }}",
    ];
    for source in harmless {
        template(source);
    }
}

#[test]
fn names_that_no_account_can_have_are_refused() {
    for text in ["a b", "x@y", "a:b", "a\u{85}", "a\0"] {
        assert!(matches!(localpart(text), Err(NoLocalpart::Impossible(_))), "{text:?}");
    }
    for text in ["a/b", "Alice", "jürgen", "_x", "17"] {
        assert_eq!(localpart(text).expect("a name").as_str(), text);
    }
}

#[test]
fn new_accounts_get_names_that_mas_accepts() {
    let check = |name: &str| check_name(name, "corp.test");
    for name in ["a", "a/b", "a=b", "a+b", "a_b", "a.b-c", "17a", "-", "."] {
        assert_eq!(check(name), Ok(()), "{name}");
    }
    let invalid = [("a b", ' '), ("x@y", '@'), ("a:b", ':'), ("jürgen", 'ü'), ("Alice", 'A')];
    for (name, wrong) in invalid {
        assert_eq!(check(name), Err(InvalidName::Character(wrong)), "{name:?}");
    }
    assert_eq!(check(""), Err(InvalidName::Empty));
    assert_eq!(check("_alice"), Err(InvalidName::Underscore));
    assert_eq!(check("0017"), Err(InvalidName::Number));
    assert_eq!(check(&"a".repeat(244)), Ok(()));
    assert_eq!(check(&"a".repeat(245)), Err(InvalidName::Long(256)));
}
