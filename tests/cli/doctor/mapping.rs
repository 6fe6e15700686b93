//! How members and accounts match, as `doctor` shows it.

use matrix_keycloak_sync::standins::{NewAccount, NewUser, World};

use super::doctor;
use crate::harness::{BY_BOTH, group, program, program_by, started};

const BY_EMAIL: &str = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n";

/// Members with accounts that are linked to them and have other names.
fn chosen_names(count: usize) -> World {
    (0..count).fold(group(), |world, number| {
        let id = format!("id-{number}");
        let account = NewAccount::new(&format!("cat-{number}")).linked_to(&id);
        world.with_user(NewUser::member(&format!("u{number}")).id(&id)).with_account(account)
    })
}

#[tokio::test]
async fn template_that_matches_no_account_is_a_problem() {
    let world = (0..3).fold(group(), |world, number| {
        let email = format!("first.last-{number}@corp.test");
        let user = NewUser::member(&format!("u{number}")).email(&email);
        world.with_user(user).account(&format!("first.last-{number}"))
    });
    let world = started(world).await;
    let line = "keycloak mapping problem";
    let findings = doctor(program(&world));
    findings.tells(
        line,
        &["0 of 3 enabled members have an account", "{{ user.preferred_username }}"],
        &["Set `keycloak.localpart` to the template in MAS's `claims_imports.localpart`."],
    );
    let findings = doctor(program(&world).file(&world, BY_EMAIL));
    findings.tells("keycloak mapping ok", &["3 by name: first.last-0, first.last-1, first.last-2"], &[]);
}

#[tokio::test]
async fn linked_accounts_are_compared_with_the_template() {
    let world = started(chosen_names(4)).await;
    let line = "keycloak template ok";
    let findings = doctor(program_by(&world, BY_BOTH, ""));
    findings.tells(line, &["0 of 4 accounts with a link have the name"], &[]);
    let world = started(chosen_names(6)).await;
    let line = "keycloak template warning";
    let findings = doctor(program_by(&world, BY_BOTH, "")).ailing_is(&[line]);
    findings.tells(
        line,
        &["6 of 6 accounts with a link", "u0 - cat-0", "{{ user.preferred_username }}"],
        &["Compare `keycloak.localpart`"],
    );
}

#[tokio::test]
async fn links_to_no_user_of_the_realm_are_a_problem() {
    let world = (0..6).fold(group(), |world, number| {
        let name = format!("u{number}");
        let account = NewAccount::new(&name).linked_to(&format!("{name}@corp.test"));
        world.with_user(NewUser::member(&name)).with_account(account)
    });
    let world = started(world).await;
    let line = "keycloak mapping problem";
    doctor(program_by(&world, BY_BOTH, "")).tells(
        line,
        &["none of the links in MAS leads to a user of the realm", "u0@corp.test - u0"],
        &["accounts.match = \"localpart\"", "`keycloak.realm`"],
    );
}
