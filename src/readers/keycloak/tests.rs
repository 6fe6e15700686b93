//! Reads roles from the stand-in.

use super::{KeycloakReader, MemberRole, Membership};
use crate::config::{KeycloakAuth, KeycloakConfig, MemberSource};
use crate::environment::Timeouts;
use crate::http::{self, Tls};
use crate::localpart::LocalpartTemplate;
use crate::model::{KeycloakId, KeycloakPerson, Localpart};
use crate::readers::{ReadError, RoleToGrant, Tally};
use crate::standins::{Fault, RunningWorld, SeenRequest, World};

fn reader(world: &RunningWorld) -> KeycloakReader {
    let config = KeycloakConfig {
        url: world.keycloak.url().parse().expect("a URL"),
        realm: world.realm().to_owned(),
        members: MemberSource::default(),
        auth: KeycloakAuth::ClientCredentials {
            client_id: "matrix-sync".to_owned(),
            client_secret: "syncsecret".into(),
        },
        localpart: LocalpartTemplate::new("{{ user.preferred_username }}").expect("a template"),
        tls: Tls::default(),
    };
    let http = http::client(Timeouts::default(), &config.url, &Tls::default()).expect("a client");
    KeycloakReader::new(&config, &"example.org".into(), http)
}

fn roles(names: &[&str]) -> MemberSource {
    let roles = names.iter().map(|name| (*name).to_owned()).collect();
    MemberSource { roles, ..MemberSource::default() }
}

/// A role of the realm and one of a client, each contained in composites of both.
async fn world() -> RunningWorld {
    World::new("example.org")
        .service_roles(&["view-users", "view-realm", "view-clients"])
        .holder("user", "direct")
        .composite("staff", "user")
        .composite("all", "staff")
        .composite("chat:admin", "chat:member")
        .composite("all", "chat:admin")
        .composite("portal:admin", "user")
        .holder("all", "bycomposite")
        .holder("chat:member", "byclient")
        .holder("portal:admin", "hidden")
        .group_with_role("/dept", "staff")
        .member_of("/dept/sub", "bysub")
        .start()
        .await
        .expect("a world")
}

fn given_by(role: &MemberRole) -> Vec<String> {
    let mut paths: Vec<_> = role
        .given_by
        .iter()
        .map(|place| place.path(&[]).last().unwrap_or(&"").to_string())
        .collect();
    paths.sort();
    paths
}

async fn members(reader: &KeycloakReader, membership: &Membership) -> Vec<String> {
    let members = reader.members(membership, &Tally::default()).await.expect("members").people;
    let name = |localpart: &Option<Localpart>| localpart.as_ref().expect("a name").to_string();
    let mut names: Vec<_> = members.iter().map(|member| name(&member.localpart)).collect();
    names.sort();
    names
}

#[tokio::test]
async fn role_is_given_by_composites_of_the_realm_and_of_named_clients() {
    let (world, source) = (world().await, roles(&["user", "chat:member"]));
    let reader = reader(&world);
    let membership = reader.membership(&source).await.expect("roles");
    let [of_realm, of_client] = membership.roles.as_slice() else { unreachable!("two roles") };
    assert_eq!(given_by(of_realm), ["all", "staff", "user"]);
    assert_eq!(given_by(of_client), ["admin", "all", "member"]);
    let carriers: Vec<_> = of_realm.carriers().iter().map(|group| group.path.raw()).collect();
    assert_eq!(carriers, ["/dept", "/dept/sub"]);
    assert!(of_client.carriers().is_empty());
    assert_eq!(members(&reader, &membership).await, ["byclient", "bycomposite", "bysub", "direct"]);
    let part = membership.of_role(of_client);
    assert_eq!(members(&reader, &part).await, ["byclient", "bycomposite"]);
}

#[tokio::test]
async fn user_is_asked_about_in_each_set_separately() {
    let world = world().await;
    let reader = reader(&world);
    let id = |name: &str| {
        let mut state = world.keycloak.state();
        KeycloakId::from(&*state.realm("corp").user(name).expect("seeded").id)
    };
    let users = reader.membership(&roles(&["user"])).await.expect("roles");
    let chatters = reader.membership(&roles(&["chat:member"])).await.expect("roles");
    for (name, in_users, in_chatters) in [
        ("direct", true, false),
        ("byclient", false, true),
        ("bycomposite", true, true),
        ("bysub", true, false),
        ("hidden", true, false),
    ] {
        let is_in = async |membership: &Membership| {
            let found = reader.person(Some(&id(name)), &Localpart::from(""), membership).await;
            let found = found.expect("an answer");
            let KeycloakPerson::Known { in_group, .. } = found else { unreachable!("{found:?}") };
            in_group
        };
        assert_eq!(
            (is_in(&users).await, is_in(&chatters).await),
            (in_users, in_chatters),
            "{name}"
        );
    }
}

#[tokio::test]
async fn holder_who_leaves_while_pages_are_read_hides_no_one() {
    let world =
        World::new("example.org").holders("user", 5_100, "h").start().await.expect("a world");
    let reader = reader(&world);
    let membership = reader.membership(&roles(&["user"])).await.expect("roles");
    let state = world.keycloak.shared();
    let leave = move |_: &SeenRequest| state.lock().realm("corp").take_role("h00000", "user");
    world.keycloak.faults().on("/roles/user/users?first=49").times(1).before(leave);
    let names = members(&reader, &membership).await;
    let left = world.keycloak.state().realm("corp").role("user").expect("seeded").holders.len();
    assert_eq!(left, 5_099, "one left while the list was read");
    let all: Vec<_> = (0..5_100).map(|number| format!("h{number:05}")).collect();
    assert!(names == all || names == all[1..], "{} of {}", names.len(), all.len());
}

#[tokio::test]
async fn permission_is_named_and_a_proxy_names_none() {
    let world = world().await;
    let reader = reader(&world);
    for (part, needed) in [
        ("/roles/user/users", RoleToGrant::ViewRealm),
        ("/roles/member/users", RoleToGrant::ViewClients),
    ] {
        let membership = reader.membership(&roles(&["user", "chat:member"])).await.expect("roles");
        let own = Fault::Status(403, "{\"error\": \"HTTP 403 Forbidden\"}".to_owned());
        world.keycloak.faults().on(part).answer(own);
        let read = reader.members(&membership, &Tally::default()).await;
        assert!(
            matches!(&read, Err(ReadError::RolesForbidden { to_grant, .. }) if *to_grant == needed),
            "{part}: {read:?}"
        );
        world.keycloak.faults().clear();
        world.keycloak.faults().on(part).answer(Fault::Status(403, "<html></html>".to_owned()));
        let read = reader.members(&membership, &Tally::default()).await;
        assert!(matches!(&read, Err(ReadError::Http(_))), "{part}: {read:?}");
        world.keycloak.faults().clear();
    }
}
