//! The limits and their override at six sizes, from one account to ten thousand. At a limit a run
//! goes ahead; one above it, the run is refused and changes no account, and an approval of this
//! plan lifts the limit.

use std::time::Instant;

use matrix_keycloak_sync::standins::RunningWorld;

use super::losing;
use crate::harness::{BY_MAS, Program, Run, account, everyone, group, program_by, started};

/// The share of [`PERCENT`] at each size. Ten percent of 10,000 are 1,000 accounts to recheck and
/// to disable, which the planner's own tests cover; here it is one percent.
const SIZES: [(usize, usize); 6] = [(1, 1), (2, 1), (9, 1), (10, 1), (100, 10), (10_000, 100)];

fn percent(size: usize) -> usize {
    if size == 10_000 { 1 } else { 10 }
}

fn limited(world: &RunningWorld, limits: &str) -> Program {
    // Without Synapse it is not known who owns the token.
    program_by(
        world,
        BY_MAS,
        &format!("[policy]\nprotect = [\"matrix-sync-bot\"]\n[limits]\n{limits}"),
    )
}

/// Counts the accounts that are locked and deactivated on both servers.
async fn disabled(world: &RunningWorld) -> usize {
    assert!(world.settle().await);
    everyone(world).into_iter().filter(|(_, state)| *state == account(true, true)).count()
}

/// Checks that the run is refused for these reasons and changes nothing.
async fn refused(world: &RunningWorld, limits: &str, arguments: &str, parts: &[&str]) -> Run {
    let before = everyone(world);
    let run = limited(world, limits)
        .run(arguments)
        .exits(3)
        .tells(&["Refused; nothing was changed, because"]);
    assert!(world.settle().await);
    assert_eq!(everyone(world), before);
    run.tells(parts)
}

/// Checks that the approval of another plan is refused with this plan's digest, and that this
/// digest carries the plan out.
async fn approval_lifts(world: &RunningWorld, limits: &str, disables: usize) {
    let other = format!("sha256:{}", "0".repeat(64));
    let told = format!("--approve names {other}, and this plan is ");
    let run = refused(world, limits, &format!("sync --approve {other}"), &[&told]).await;
    let (_, digest) = run.stderr.split_once(", and this plan is ").expect("told");
    let digest = digest.split_whitespace().next().expect("a digest");
    limited(world, limits).run(&format!("sync --approve {digest}")).exits(0);
    assert_eq!(disabled(world).await, disables);
}

#[tokio::test]
async fn the_share_is_refused_one_above_it_and_the_approval_lifts_it() {
    let start = Instant::now();
    for (active, allowed) in SIZES {
        let limits = format!("max_disable = 1000\nmax_disable_percent = {}", percent(active));
        let world = started(losing(allowed, active)).await;
        limited(&world, &limits).run("sync").exits(0);
        assert_eq!(disabled(&world).await, allowed, "{active} accounts");
        if allowed == active {
            continue;
        }
        let world = started(losing(allowed + 1, active)).await;
        let told = format!("which allows {allowed}");
        refused(&world, &limits, "sync", &[" active accounts would be disabled", &told]).await;
        approval_lifts(&world, &limits, allowed + 1).await;
    }
    println!(
        "limits: the share and its override at {} sizes in {:.1?}",
        SIZES.len(),
        start.elapsed()
    );
}

#[tokio::test]
async fn the_number_is_refused_one_above_it_and_the_approval_lifts_it() {
    let start = Instant::now();
    for (active, _) in SIZES {
        let allowed = active.min(5);
        let world = started(losing(allowed, active)).await;
        let told = format!("limits.max_disable is {}", allowed - 1);
        let limits = format!("max_disable_percent = 100\nmax_disable = {}", allowed - 1);
        refused(&world, &limits, "sync", &[" would be disabled, ", &told]).await;
        approval_lifts(&world, &limits, allowed).await;
        let world = started(losing(allowed, active)).await;
        let limits = format!("max_disable_percent = 100\nmax_disable = {allowed}");
        limited(&world, &limits).run("sync").exits(0);
        assert_eq!(disabled(&world).await, allowed);
    }
    println!(
        "limits: the number of disables and its override at {} sizes in {:.1?}",
        SIZES.len(),
        start.elapsed()
    );
}

#[tokio::test]
async fn the_floor_is_refused_one_below_it_and_the_approval_lifts_it() {
    let start = Instant::now();
    for (size, _) in SIZES {
        let world =
            started(group().members(size, "m").accounts(size, "m").user("x").account("x")).await;
        let limits = format!("min_members = {}", size + 1);
        refused(&world, &limits, "sync", &["the group has ", "check it in Keycloak first"]).await;
        approval_lifts(&world, &limits, 1).await;
        let world =
            started(group().members(size, "m").accounts(size, "m").user("x").account("x")).await;
        limited(&world, &format!("min_members = {size}")).run("sync").exits(0);
        assert_eq!(disabled(&world).await, 1, "{size} members");
    }
    println!(
        "limits: the floor and its override at {} sizes in {:.1?}",
        SIZES.len(),
        start.elapsed()
    );
}
