//! Keycloak's answers: groups, members, one user, components, the realm's description.

use std::collections::{BTreeMap, BTreeSet};

use matrix_keycloak_sync::config::{KeycloakAuth, KeycloakConfig, MemberSource};
use matrix_keycloak_sync::http::Tls;
use matrix_keycloak_sync::localpart::LocalpartTemplate;
use matrix_keycloak_sync::model::{KeycloakPerson, Localpart};
use matrix_keycloak_sync::readers::{Group, KeycloakReader, Membership, Tally};
use serde_json::{Value, json};

use crate::corpus::{assert_served, law, outcome, texts_in, understood};
use crate::mutations::documents;
use crate::recordings::bodies;
use crate::stage::{self, Asked, Reply, Stage, good, missing, page_of};

const GROUP: &str = "37dd3e50-b749-4ea8-a198-e24f52b7dc92";

pub(crate) fn config(stage: &Stage, group: &str, include_subgroups: bool) -> KeycloakConfig {
    KeycloakConfig {
        url: stage.url.clone(),
        realm: "corp".to_owned(),
        members: source(group, include_subgroups),
        auth: KeycloakAuth::ClientCredentials {
            client_id: "sync".to_owned(),
            client_secret: "secret".into(),
        },
        localpart: LocalpartTemplate::new("{{ user.preferred_username }}").expect("a template"),
        tls: Tls::default(),
    }
}

fn source(group: &str, include_subgroups: bool) -> MemberSource {
    MemberSource { groups: vec![group.to_owned()], include_subgroups, roles: Vec::new() }
}

fn reader(stage: &Stage, group: &str, include_subgroups: bool) -> KeycloakReader {
    KeycloakReader::new(
        &config(stage, group, include_subgroups),
        &"test.local".into(),
        stage.client.clone(),
    )
}

fn group() -> Membership {
    let group = Group { id: GROUP.into(), path: "/matrix-users".into() };
    Membership { groups: vec![group], ..Membership::unread(&source("matrix-users", false)) }
}

/// Answers with a token, and passes other requests to `answer`.
pub(crate) fn with_token(asked: &Asked, answer: impl FnOnce() -> Reply) -> Reply {
    if asked.path.ends_with("/token") {
        return stage::json(
            &json!({"access_token": "t", "expires_in": 600, "token_type": "Bearer"}),
        );
    }
    answer()
}

/// The members of a served list that have an ID, by ID.
pub(crate) fn served(body: &[u8]) -> Option<BTreeMap<String, Value>> {
    let rows: Vec<Value> = serde_json::from_slice(body).ok()?;
    rows.into_iter().map(|row| Some((row["id"].as_str()?.to_owned(), row))).collect()
}

#[test]
fn groups_are_found_or_an_error() {
    let stage = Stage::new();
    let recorded =
        [bodies("keycloak.json", "/groups?search"), bodies("keycloak.json", "/group-by-path/")]
            .concat();
    for (decoder, wanted, below) in [
        ("keycloak-groups", "matrix-users", false),
        ("keycloak-group-by-path", "/matrix-users", false),
        ("keycloak-subgroups", "matrix-users", true),
    ] {
        law(decoder, file!(), documents(recorded.clone()), |body| {
            let served = body.to_vec();
            stage.serve(move |asked| {
                with_token(asked, || page_of(&served, asked.number("first").unwrap_or(0)))
            });
            let found = stage.run(reader(&stage, wanted, below).groups(&source(wanted, below)));
            if let Ok(groups) = &found {
                assert!(groups.len() == 1 || below && !groups.is_empty(), "{groups:?}");
            }
            if let (Ok(groups), Some(answer)) = (&found, understood::<Value>(body)) {
                let texts = texts_in(&answer);
                let is_served = |group: &Group| {
                    [group.id.as_str(), group.path.raw()].iter().all(|text| texts.contains(text))
                };
                assert!(groups.iter().all(is_served), "a group was made up: {groups:?}");
            }
            outcome(&found)
        });
    }
}

#[test]
fn children_of_a_group_are_all_read_or_an_error() {
    let stage = Stage::new();
    let parent = json!([{"id": GROUP, "name": "matrix-users", "path": "/matrix-users", "subGroupCount": 1, "subGroups": []}]);
    law("keycloak-children", file!(), documents(bodies("keycloak.json", "/children?")), |body| {
        let (parent, children) = (parent.clone(), body.to_vec());
        stage.serve(move |asked| {
            with_token(asked, || match asked.path.contains(&format!("{GROUP}/children")) {
                true => page_of(&children, asked.number("first").unwrap_or(0)),
                // A child has no members.
                false if asked.path.ends_with("/children") => good("[]"),
                false if asked.path.ends_with("/groups") => stage::json(&parent),
                false => missing(),
            })
        });
        let found =
            stage.run(reader(&stage, "matrix-users", true).groups(&source("matrix-users", true)));
        if let (Ok(groups), Some(rows)) = (&found, served(body)) {
            let ids: BTreeSet<_> = groups.iter().map(|group| group.id.as_str()).collect();
            assert!(
                rows.keys().all(|id| ids.contains(id.as_str())),
                "a child was left out: {groups:?}"
            );
        }
        outcome(&found)
    });
}

#[test]
fn members_are_all_read_or_an_error() {
    let stage = Stage::new();
    let recorded = [
        bodies("keycloak.json", "/members?first"),
        bodies("keycloak-federation.json", "/members?first"),
    ]
    .concat();
    law("keycloak-members", file!(), documents(recorded), |body| {
        let served_body = body.to_vec();
        stage.serve(move |asked| {
            with_token(asked, || page_of(&served_body, asked.number("first").unwrap_or(0)))
        });
        let read =
            stage.run(reader(&stage, "matrix-users", false).members(&group(), &Tally::default()));
        if let (Ok(members), Some(rows)) = (&read, served(body)) {
            let ids: BTreeSet<_> =
                members.people.iter().map(|member| member.id.text().into_owned()).collect();
            assert_eq!(ids, rows.into_keys().collect(), "a member was dropped or made up");
            let rows: Vec<Value> = understood(body).expect("a list");
            for member in &members.people {
                let id = member.id.text();
                // Other providers than LDAP are only part of the ID.
                let in_id = id.strip_prefix("f:").and_then(|rest| rest.split_once(':'));
                let is_as_served = |row: &&Value| {
                    let link = row["federationLink"].as_str();
                    let provider = link.or(in_id.map(|(provider, _)| provider));
                    row["id"] == *id
                        && row["enabled"] == member.enabled
                        && provider == member.federation_link.as_deref()
                };
                assert!(
                    rows.iter().any(|row| is_as_served(&row)),
                    "another state was read: {member:?}"
                );
            }
            assert!(
                members.people.is_sorted_by_key(|member| &member.id),
                "the result depends on the order of the list"
            );
        }
        outcome(&read)
    });
}

#[test]
fn attributes_are_read_only_if_the_template_needs_them() {
    let stage = Stage::new();
    let row = |id: &str, attributes: Value| {
        let mut row = json!({"id": id, "username": id, "enabled": true});
        row["attributes"] = attributes;
        row
    };
    // In a brief list the attributes do not count.
    let brief = json!([row("a", json!(5)), row("b", json!({"employee": ["e2"]}))]);
    let [one, several] = [json!({"employee": ["e1"]}), json!({"employee": ["e2", "e3"]})];
    let full = json!([row("a", one), row("b", several)]);
    stage.serve(move |asked| {
        let is_brief = asked.query.contains("briefRepresentation=true");
        let list = if is_brief { brief.clone() } else { full.clone() };
        let first = asked.number("first").unwrap_or(0);
        with_token(asked, || page_of(list.to_string().as_bytes(), first))
    });
    for (template, names) in [
        ("{{ user.preferred_username }}", ["a", "b"]),
        ("{{ user.preferred_username | upper }}", ["A", "B"]),
        ("{{ user.employee | list | join('-') }}", ["e-1", "e2-e3"]),
    ] {
        let localpart = LocalpartTemplate::new(template).expect("a template");
        let config = KeycloakConfig { localpart, ..config(&stage, "matrix-users", false) };
        let reader = KeycloakReader::new(&config, &"test.local".into(), stage.client.clone());
        let members = stage.run(reader.members(&group(), &Tally::default())).expect("members");
        let found: Vec<_> = members
            .people
            .iter()
            .map(|member| member.localpart.as_ref().expect("a name").as_str())
            .collect();
        assert_eq!(found, names, "{template}");
        let wanted = Localpart::from(names[0]);
        let owners = stage.run(reader.owners([&wanted], &members.people)).expect("users");
        if let Some(owners) = owners {
            assert_eq!(owners.named(&wanted), ["a".into()], "{template}");
        }
    }
}

#[test]
fn user_is_known_if_the_answer_has_the_user_or_an_error() {
    let stage = Stage::new();
    let recorded = bodies("keycloak.json", "/users?username");
    law("keycloak-person", file!(), documents(recorded), |body| {
        let served = body.to_vec();
        stage.serve(move |asked| {
            with_token(asked, || {
                if asked.path.ends_with("/groups") { good("[]") } else { good(served.clone()) }
            })
        });
        let found = stage.run(reader(&stage, "matrix-users", false).person(
            None,
            &"alice".into(),
            &group(),
        ));
        if let (Ok(KeycloakPerson::Unknown), Some(rows)) = (&found, understood::<Vec<Value>>(body))
        {
            let is_alice = |row: &Value| {
                row["username"].as_str().is_some_and(|name| name.to_lowercase() == "alice")
            };
            assert!(!rows.iter().any(is_alice), "someone who was served is unknown");
        }
        outcome(&found)
    });
    let by_id: Vec<_> = bodies("keycloak.json", "/users?username")
        .into_iter()
        .filter_map(|list| list.get(0).cloned())
        .collect();
    law("keycloak-person-by-id", file!(), documents(by_id), |body| {
        let served = body.to_vec();
        stage.serve(move |asked| {
            with_token(asked, || {
                if asked.path.ends_with("/groups") { good("[]") } else { good(served.clone()) }
            })
        });
        let id = "fa4918d5-ee08-4111-8360-0d859fef89ee".into();
        let found = stage.run(reader(&stage, "matrix-users", false).person(
            Some(&id),
            &"alice".into(),
            &group(),
        ));
        assert!(
            !matches!(found, Ok(KeycloakPerson::Unknown)),
            "an answer of 200 is no unknown person"
        );
        outcome(&found)
    });
}

#[test]
fn user_is_a_member_if_the_users_groups_say_so_or_an_error() {
    let stage = Stage::new();
    law(
        "keycloak-groups-of-person",
        file!(),
        documents(bodies("keycloak.json", "/groups?briefRepresentation")),
        |body| {
            let served = body.to_vec();
            let alice = json!({"id": "a", "username": "alice", "enabled": true});
            stage.serve(move |asked| {
                with_token(asked, || {
                    if asked.path.ends_with("/groups") {
                        good(served.clone())
                    } else {
                        stage::json(&alice)
                    }
                })
            });
            let found = stage.run(reader(&stage, "matrix-users", false).person(
                Some(&"a".into()),
                &"alice".into(),
                &group(),
            ));
            if let (Ok(KeycloakPerson::Known { in_group, groups, .. }), Some(rows)) =
                (&found, understood::<Vec<Value>>(body))
            {
                assert_eq!(groups.len(), rows.len());
                // A row may be an array too, with the values of the fields in their order.
                let of_group = |row: &Value| row["id"] == GROUP || row[0] == GROUP;
                assert_eq!(*in_group, rows.iter().any(of_group));
            }
            outcome(&found)
        },
    );
}

#[test]
fn directories_are_all_read_or_an_error() {
    let stage = Stage::new();
    law(
        "keycloak-components",
        file!(),
        documents(bodies("keycloak-federation.json", "/components")),
        |body| {
            let served_body = body.to_vec();
            stage.serve(move |asked| with_token(asked, || good(served_body.clone())));
            let found = stage.run(reader(&stage, "matrix-users", false).providers());
            if let (Ok(providers), Some(rows)) = (&found, understood::<Vec<Value>>(body)) {
                // A row may be an array too, with the values of the fields in their order.
                let ids = rows.iter().map(|row| row["id"].as_str().or(row[0].as_str()));
                let read =
                    providers.as_ref().expect("no lack of permission").iter().map(|id| Some(&**id));
                assert_eq!(
                    read.collect::<Vec<_>>(),
                    ids.collect::<Vec<_>>(),
                    "a directory was dropped or made up"
                );
            }
            outcome(&found)
        },
    );
    law(
        "keycloak-issuer",
        file!(),
        documents(vec![json!({"issuer": "https://sso.example.org/realms/corp"})]),
        |body| {
            let served = body.to_vec();
            stage.serve(move |_| good(served.clone()));
            let found = stage.run(reader(&stage, "matrix-users", false).issuer());
            if let Ok(issuer) = &found {
                assert_served(issuer.raw(), body, "issuer");
            }
            outcome(&found)
        },
    );
}
