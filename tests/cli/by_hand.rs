//! Changes by hand stay, also after actions of this program.

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{NO_LIMITS, Program, account, by_hand, group, mas_cli, program, started};

const LOCKS: &str = "[policy]\ndisable = \"lock\"\ndeactivate_after = \"30d\"\n";
const OWN: &str = "[policy]\nreactivate = \"own\"\n";

fn remembering(world: &RunningWorld, more: &str) -> Program {
    program(world).file(world, &format!("{NO_LIMITS}{more}"))
}

#[tokio::test]
async fn account_seen_active_no_longer_counts_as_disabled_by_this_program() {
    let world = started(group().member("alice").account("alice").user("bob").account("bob")).await;
    remembering(&world, OWN).run("sync").exits(0);
    assert_eq!(world.state_of("bob"), account(true, true));
    world.join("bob");
    remembering(&world, OWN).run("sync").exits(0);
    assert_eq!(world.state_of("bob"), account(false, false));
    remembering(&world, OWN).run("sync").exits(0);
    by_hand(&world, "bob", true, true);
    let kept = remembering(&world, OWN).run("sync --format json").exits(0);
    assert_eq!((kept.actions(), kept.kept()), (vec![], vec!["bob not_ours".to_owned()]));
}

#[tokio::test]
async fn lock_by_hand_after_an_activation_that_was_not_confirmed_stays() {
    let world = started(group().member("alice").account("alice").user("bob").account("bob")).await;
    remembering(&world, "").run("sync").exits(0);
    world.join("bob");
    world.mas.state().worker_on = false;
    let scheduled = remembering(&world, "[writer]\nconfirm_timeout = \"0s\"\n")
        .run("sync --format json")
        .exits(4);
    assert_eq!(scheduled.actions(), ["activate bob in_group scheduled"]);
    world.mas.state().worker_on = true;
    assert!(world.settle().await);
    by_hand(&world, "bob", true, false);
    let kept = remembering(&world, "").run("sync --format json").exits(0);
    assert_eq!((kept.actions(), kept.kept()), (vec![], vec!["bob locked_by_hand".to_owned()]));
}

#[tokio::test]
async fn lock_by_hand_after_a_disable_that_was_refused_is_not_finished() {
    let world =
        started(group().member("alice").account("alice").user("dave").account("dave")).await;
    let refusing = "case \"$*\" in *lock-user*) echo 'Error: permission denied' >&2; exit 1;; esac";
    let command = mas_cli(&world, refusing);
    let failed = remembering(&world, &command).run("sync --format json").exits(4);
    assert_eq!(failed.actions(), ["disable dave not_in_group failed"]);
    by_hand(&world, "dave", true, false);
    let run = remembering(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), [""; 0]);
    assert_eq!(world.state_of("dave"), account(true, false));
}

#[tokio::test]
async fn lock_left_by_lock_mode_is_not_half_a_deactivation() {
    let world =
        started(group().member("alice").account("alice").user("dave").account("dave")).await;
    world.mas.state().worker_on = false;
    let lock = "[policy]\ndisable = \"lock\"\n[writer]\nconfirm_timeout = \"0s\"\n";
    let scheduled = remembering(&world, lock).run("sync --format json").exits(4);
    assert_eq!(scheduled.actions(), ["disable dave not_in_group scheduled"]);
    world.mas.state().worker_on = true;
    assert!(world.settle().await);
    let run = remembering(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), [""; 0]);
    assert_eq!(world.state_of("dave"), account(true, false));
}

#[tokio::test]
async fn lock_by_hand_after_a_writer_that_never_ran_is_not_finished() {
    for (exit, policy) in [(2, ""), (125, ""), (126, ""), (127, ""), (125, LOCKS), (127, LOCKS)] {
        let world =
            started(group().member("alice").account("alice").user("dave").account("dave")).await;
        let broken = format!("case \"$*\" in *lock-user*) exit {exit};; esac");
        let more = format!("{policy}{}", mas_cli(&world, &broken));
        let failed = remembering(&world, &more).run("sync --format json").exits(4);
        assert_eq!(failed.actions(), ["disable dave not_in_group failed"], "{exit}");
        by_hand(&world, "dave", true, false);
        let run = remembering(&world, policy).run("sync --format json").exits(0);
        assert_eq!(run.actions(), [""; 0], "{exit}");
        let reading = remembering(&world, policy).run("sync --format json").exits(0);
        assert_eq!(reading.actions(), [""; 0], "{exit}");
        let plan = remembering(&world, policy).run("plan").exits(0);
        assert!(!plan.stdout.contains("will be deactivated"), "{}", plan.stdout);
    }
}
