//! Replays every exchange recorded with the real servers (`tests/contract`) against the stand-ins.
//!
//! A stand-in that drifts from the recordings would let the product pass its tests and fail in
//! service.

mod compare;
mod keycloak;
mod keycloak_roles;
mod mas_api;
mod mas_cli;
mod synapse;

use std::collections::BTreeSet;

use matrix_keycloak_sync::standins::{Auth, World};

#[tokio::test]
async fn environment_of_a_world_has_the_variables_the_program_needs() {
    let world = World::new("example.org")
        .group("/staff/matrix-users")
        .start()
        .await
        .expect("the world starts");
    let names = |auth| world.env(auth).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let nine = [
        "KC_URL",
        "KC_REALM",
        "KC_GROUP_NAME",
        "KC_CLIENT_ID",
        "KC_ADMIN_USER",
        "KC_ADMIN_PASS",
        "MATRIX_URL",
        "MATRIX_ADMIN_TOKEN",
        "MATRIX_SERVER_NAME",
        "MAS_CONFIG",
    ];
    assert_eq!(names(Auth::Password), nine.map(str::to_owned).into());
    assert!(names(Auth::ClientCredentials).contains("KC_CLIENT_SECRET"));
}
