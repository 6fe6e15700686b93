//! How members and accounts match, as `doctor` shows it.

use matrix_keycloak_sync::standins::{NewAccount, NewUser, World};

use super::{by_client, doctor};
use crate::harness::{BY_BOTH, group, program_by, started};

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
    doctor(by_client(&world)).ailing_matches("doctor_keycloak_wrong_template");
    let findings = doctor(by_client(&world).file(&world, BY_EMAIL));
    findings.matches(&["keycloak mapping"], "doctor_keycloak_right_template");
}

#[tokio::test]
async fn linked_accounts_are_compared_with_the_template() {
    let world = started(chosen_names(4)).await;
    let findings = doctor(program_by(&world, BY_BOTH, ""));
    findings.matches(&["keycloak template"], "doctor_keycloak_few_chosen_names");
    let world = started(chosen_names(6)).await;
    doctor(program_by(&world, BY_BOTH, "")).ailing_matches("doctor_keycloak_many_chosen_names");
}

#[tokio::test]
async fn links_to_no_user_of_the_realm_are_a_problem() {
    let world = (0..6).fold(group(), |world, number| {
        let name = format!("u{number}");
        let account = NewAccount::new(&name).linked_to(&format!("{name}@corp.test"));
        world.with_user(NewUser::member(&name)).with_account(account)
    });
    let world = started(world).await;
    doctor(program_by(&world, BY_BOTH, "")).ailing_matches("doctor_keycloak_links_to_other_users");
}
