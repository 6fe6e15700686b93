//! A large group that changes all the time: a user who stays in it is never outside it in a plan.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;
use matrix_keycloak_sync::standins::mas::{CLIENT, ClientAuth, Mas, MasSettings, MasState};
use reqwest::Method;

use crate::Outcome;
use crate::patience::eventually;
use crate::scene::{GROUP, Scene, plot};
use crate::ways::BY_MAS;

const MEMBERS: usize = 2_000;
const PLANS: usize = 4;
/// One member in this number comes and goes.
const RESTLESS: usize = 50;
/// How many come and go at a time.
const AT_A_TIME: usize = 4;

fn member(n: usize) -> String {
    format!("m{n:05}")
}

fn is_restless(n: usize) -> bool {
    n % RESTLESS == 7
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn no_staying_member_of_2000_is_disabled_while_others_come_and_go() -> Outcome {
    let members = (0..MEMBERS).map(member).collect::<Vec<_>>().join(" ");
    let scene = plot("storm").members(&members).outsiders("oskar").open().await?;
    // Every user has an account, in a MAS of its own: accounts in the shared MAS would stay in
    // Synapse forever.
    let mas = with_accounts(&scene)?;
    let settings = scene
        .settings_by(BY_MAS)
        .set("policy.protect", Vec::<String>::new())
        .set("writer.mas_api.url", mas.admin().url())
        .set("writer.mas_api.issuer", mas.state().settings.issuer.clone())
        .set("writer.mas_api.client_id", CLIENT.0)
        .set("writer.mas_api.client_secret", CLIENT.1);
    let moves = AtomicUsize::new(0);
    let plan_again_and_again = async {
        eventually(&true, async || Ok(moves.load(Ordering::SeqCst) > 0)).await?;
        let mut wrong = Vec::new();
        for _ in 0..PLANS {
            let before = moves.load(Ordering::SeqCst);
            let lines = scene.plan(&settings).await?;
            assert!(
                moves.load(Ordering::SeqCst) > before,
                "the group did not change while it was read"
            );
            assert!(lines.contains(&"disable oskar, not_in_group".to_owned()), "{lines:?}");
            wrong.extend(lines.into_iter().filter(|line| names_a_stayer(line)));
        }
        println!(
            "churn: {MEMBERS} members, {} joins and leaves during {PLANS} plans, wrong disables {}",
            moves.load(Ordering::SeqCst),
            wrong.len()
        );
        assert_eq!(wrong, Vec::<String>::new());
        Ok(())
    };
    tokio::select! { ended = come_and_go(&scene, &moves) => ended, ended = plan_again_and_again => ended }
}

/// Returns whether the line is about a user who was a member throughout. Active members have no
/// line.
fn names_a_stayer(line: &str) -> bool {
    let mut words = line.split([' ', ',']);
    let stayer = |word: &str| {
        word.strip_prefix('m').and_then(|n| n.parse().ok()).is_some_and(|n| !is_restless(n))
    };
    words.any(stayer)
}

/// The accounts of this scene's members and of one outsider.
fn with_accounts(scene: &Scene) -> Outcome<Mas> {
    let mut settings = MasSettings::new("only this scene's".into());
    settings.server_name.clone_from(&scene.servers.synapse.server_name);
    settings.admin_clients.insert(CLIENT.0.to_owned());
    let mut state = MasState::new(settings);
    state.add_client(CLIENT.0, CLIENT.1, ClientAuth::Basic);
    for name in (0..MEMBERS).map(member).chain(["oskar".to_owned()]) {
        state.add_user(&scene.full(&name));
    }
    Ok(Mas::start(([127, 0, 0, 1], 0).into(), state)?)
}

/// Moves users out of the group and back as fast as Keycloak allows, until it is dropped.
async fn come_and_go(scene: &Scene, moves: &AtomicUsize) -> Outcome {
    let (keycloak, realm) = (&scene.servers.keycloak, scene.realm());
    let group = keycloak.ask(Method::GET, &format!("/{realm}/group-by-path/{GROUP}"), None).await?;
    let group = group["id"].as_str().ok_or("a group without an ID")?;
    let names: Vec<_> =
        (0..MEMBERS).filter(|n| is_restless(*n)).map(|n| scene.full(&member(n))).collect();
    let mut memberships = Vec::new();
    for name in names {
        memberships.push(format!(
            "/{realm}/users/{}/groups/{group}",
            keycloak.user_id(realm, &name).await?
        ));
    }
    let moving = memberships.chunks(memberships.len().div_ceil(AT_A_TIME)).map(
        async |memberships| -> Outcome {
            loop {
                for method in [Method::DELETE, Method::PUT] {
                    for membership in memberships {
                        keycloak.ask(method.clone(), membership, None).await?;
                        moves.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        },
    );
    try_join_all(moving).await.map(drop)
}
