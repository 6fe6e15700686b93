//! Keycloak's answers about roles: the role, its composites, its users and groups, and the
//! effective roles of one user.

use std::collections::BTreeSet;

use matrix_keycloak_sync::config::MemberSource;
use matrix_keycloak_sync::model::KeycloakPerson;
use matrix_keycloak_sync::readers::{KeycloakReader, Membership, ReadError, Tally};
use serde_json::{Value, json};

use crate::corpus::{law, outcome, understood};
use crate::keycloak::{config, served, with_token};
use crate::mutations::documents;
use crate::recordings::bodies;
use crate::stage::{self, Asked, Reply, Stage, good, page_of};

const ROLE: &str = "matrix-user71437";
const CLIENT: &str = "f81fcec5-522f-46a8-bb9d-de1dd7b77cb1";
const FILE: &str = "keycloak-roles.json";

/// A realm whose roles `matrix-user71437` and `chat71437:user` no one has.
fn quiet(asked: &Asked) -> Reply {
    let role = json!({"id": "r", "name": ROLE, "composite": false});
    match asked.path.strip_prefix("/admin/realms/corp").unwrap_or_default() {
        "" => stage::json(&json!({"id": "corp", "defaultRole": {"id": "d", "name": "d"}})),
        "/clients" => stage::json(&json!([{"id": CLIENT, "clientId": "chat71437"}])),
        "/roles/matrix-user71437" => stage::json(&role),
        "/roles" => page_of(
            json!([role, {"id": "s", "name": "staff", "composite": true}]).to_string().as_bytes(),
            asked.number("first").unwrap_or(0),
        ),
        path if path.ends_with("/roles/user") => stage::json(&json!({"id": "u", "name": "user"})),
        path if path.starts_with("/groups/") => {
            let id = path.trim_start_matches("/groups/");
            stage::json(&json!({"id": id, "name": "g", "path": "/g", "subGroupCount": 0}))
        }
        path if path.starts_with("/users/")
            && !path.contains("/role-mappings/")
            && !path.ends_with("/groups") =>
        {
            stage::json(&json!({"id": "a", "username": "alice", "enabled": true}))
        }
        _ => good("[]"),
    }
}

fn source(role: &str) -> MemberSource {
    MemberSource { roles: vec![role.to_owned()], ..MemberSource::default() }
}

fn reader(stage: &Stage) -> KeycloakReader {
    KeycloakReader::new(&config(stage, "unused", false), &"test.local".into(), stage.client.clone())
}

/// Serves the quiet realm, and `body` by page at paths that end with `end`.
fn serve(stage: &Stage, end: &'static str, body: &[u8]) {
    let body = body.to_vec();
    stage.serve(move |asked| {
        with_token(asked, || {
            if asked.path.ends_with(end) {
                page_of(&body, asked.number("first").unwrap_or(0))
            } else {
                quiet(asked)
            }
        })
    });
}

fn membership(stage: &Stage, role: &str) -> Result<Membership, ReadError> {
    stage.run(reader(stage).membership(&source(role)))
}

#[test]
fn roles_are_found_with_all_that_gives_them_or_an_error() {
    let stage = Stage::new();
    for (decoder, part, end, role) in [
        ("keycloak-role", "/roles/matrix-user71437", "/roles/matrix-user71437", ROLE),
        ("keycloak-roles", "/roles?first", "/corp/roles", ROLE),
        ("keycloak-composites", "/composites", "/roles/staff/composites", ROLE),
        ("keycloak-clients", "/clients?clientId", "/clients", "chat71437:user"),
    ] {
        let recorded = match decoder {
            "keycloak-role" => vec![json!({"id": "r", "name": ROLE, "composite": true})],
            _ => bodies(FILE, part),
        };
        law(decoder, file!(), documents(recorded), |body| {
            serve(&stage, end, body);
            let found = membership(&stage, role);
            if let Ok(found) = &found {
                assert_eq!(found.roles.len(), 1, "{found:?}");
            }
            outcome(&found)
        });
    }
    let realm = json!({"id": "corp", "defaultRole": {"id": "d", "name": "default-roles-corp"}});
    law("keycloak-realm", file!(), documents(vec![realm]), |body| {
        serve(&stage, "/admin/realms/corp", body);
        let found = membership(&stage, ROLE);
        let default = understood::<Value>(body).map(|realm| realm["defaultRole"]["id"] == "r");
        assert!(found.is_err() || default != Some(true), "{found:?}");
        outcome(&found)
    });
}

#[test]
fn composites_that_contain_a_role_are_all_found_or_an_error() {
    let stage = Stage::new();
    let contents = json!([{"id": "r", "name": ROLE}, {"id": "x", "name": "x"}]);
    law("keycloak-contents", file!(), documents(vec![contents]), |body| {
        serve(&stage, "/roles/staff/composites", body);
        let found = membership(&stage, ROLE);
        if let (Ok(found), Some(rows)) = (&found, served(body)) {
            assert_eq!(found.roles[0].composites(), usize::from(rows.contains_key("r")));
        }
        outcome(&found)
    });
}

#[test]
fn groups_that_carry_a_role_are_all_found_or_an_error() {
    let stage = Stage::new();
    law("keycloak-role-groups", file!(), documents(bodies(FILE, "/groups?first")), |body| {
        serve(&stage, "/roles/matrix-user71437/groups", body);
        let found = membership(&stage, ROLE);
        if let (Ok(found), Some(rows)) = (&found, served(body)) {
            let carriers: BTreeSet<_> =
                found.roles[0].carriers().iter().map(|group| group.id.as_str()).collect();
            assert_eq!(carriers, rows.keys().map(String::as_str).collect(), "{found:?}");
        }
        outcome(&found)
    });
}

#[test]
fn holders_of_a_role_are_all_read_or_an_error() {
    let stage = Stage::new();
    law("keycloak-role-users", file!(), documents(bodies(FILE, "/users?first")), |body| {
        serve(&stage, "/roles/matrix-user71437/users", body);
        let reader = reader(&stage);
        let read = stage.run(async {
            let membership = reader.membership(&source(ROLE)).await?;
            reader.members(&membership, &Tally::default()).await
        });
        if let (Ok(members), Some(rows)) = (&read, served(body)) {
            let ids: BTreeSet<_> =
                members.people.iter().map(|member| member.id.text().into_owned()).collect();
            assert_eq!(ids, rows.into_keys().collect(), "a holder was dropped or made up");
        }
        outcome(&read)
    });
}

#[test]
fn user_is_a_member_if_the_effective_roles_say_so_or_an_error() {
    let stage = Stage::new();
    let recorded = bodies(FILE, "/role-mappings/realm/composite");
    law("keycloak-effective-roles", file!(), documents(recorded), |body| {
        serve(&stage, "/role-mappings/realm/composite", body);
        let reader = reader(&stage);
        let found = stage.run(async {
            let membership = reader.membership(&source(ROLE)).await?;
            reader.person(Some(&"a".into()), &"alice".into(), &membership).await
        });
        if let (Ok(KeycloakPerson::Known { in_group, .. }), Some(rows)) =
            (&found, understood::<Vec<Value>>(body))
        {
            // A row may be an array too, with the values of the fields in their order.
            let is_role = |row: &Value| {
                row["id"] == "r" || row[0] == "r" || row["name"] == ROLE || row[1] == ROLE
            };
            assert_eq!(*in_group, rows.iter().any(is_role));
        }
        outcome(&found)
    });
}
