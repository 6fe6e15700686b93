//! `policy.grace`: who gets time to come back, also if Keycloak shows the user as disabled.

use matrix_keycloak_sync::standins::{RunningWorld, World};

use crate::harness::{NO_LIMITS, Run, account, group, program, started};

/// Frank and gina are members, and disabled in Keycloak.
fn two_disabled_members() -> World {
    let world = group().member("alice").account("alice").disabled_member("frank").account("frank");
    world.disabled_member("gina").account("gina")
}

fn sync(world: &RunningWorld) -> Run {
    let toml = format!("{NO_LIMITS}[policy]\ngrace = \"1h\"\n");
    program(world).file(world, &toml).run("sync --format json").exits(0)
}

fn only_gina_is_disabled(world: &RunningWorld) {
    let run = sync(world);
    let expected = (
        vec!["disable gina disabled_in_keycloak done".to_owned()],
        vec!["frank in_grace".to_owned()],
    );
    assert_eq!((run.actions(), run.kept()), expected);
    assert_eq!(world.state_of("frank"), account(false, false));
}

#[tokio::test]
async fn member_has_the_grace_if_keycloak_disabled_the_user_after_failed_logins() {
    let world = started(two_disabled_members()).await;
    {
        let mut state = world.keycloak.state();
        let frank = state.realm("corp").user_mut("frank").expect("seeded");
        frank.attributes.insert("disabledReason".to_owned(), vec!["permanentLockout".to_owned()]);
    }
    only_gina_is_disabled(&world);
}

#[tokio::test]
async fn member_has_the_grace_if_the_user_is_federated() {
    // Lena shows that the directory answers.
    let world = started(two_disabled_members().member("lena").account("lena")).await;
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        for name in ["frank", "lena"] {
            realm.user_mut(name).expect("seeded").federation_link = Some("ldap-1".to_owned());
        }
    }
    only_gina_is_disabled(&world);
}
