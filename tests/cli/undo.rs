//! `undo` passes the same checks as every other change.

use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld, SeenRequest};

use crate::harness::{
    BY_BOTH, BY_MAS, EVERY_WAY, NO_LIMITS, Program, Run, Way, account, by_hand, group, program,
    program_by, program_with, settings, started, the_table,
};

/// Bob is a member, and run 1 has activated him.
async fn activated(way: Way) -> RunningWorld {
    let bob = group().member("alice").account("alice").member("bob").disabled_account("bob");
    let world = started(bob.token_owner("alice")).await;
    by(&world, way).run("sync").exits(0);
    assert!(world.settle().await);
    world
}

/// Dave is outside the group, and run 1 has disabled him.
async fn disabled(more: &str) -> RunningWorld {
    let world =
        started(group().member("alice").account("alice").user("dave").account("dave")).await;
    remembering(&world, more).run("sync").exits(0);
    assert!(world.settle().await);
    world
}

fn by(world: &RunningWorld, way: Way) -> Program {
    program_by(world, way, NO_LIMITS)
}

/// The digest that a run has printed.
fn digest(run: &Run) -> String {
    run.stdout.split("(digest ").nth(1).expect("a digest").get(..8).expect("digits").to_owned()
}

fn remembering(world: &RunningWorld, more: &str) -> Program {
    program(world).file(world, &format!("{NO_LIMITS}{more}"))
}

/// What keeps bob's account, and how the plan says it.
type Mark = (fn(&RunningWorld), &'static str);

const IN_SYNAPSE: [Mark; 3] = [
    (
        |world| world.synapse.state().account_mut("bob").expect("seeded").admin = true,
        "an administrator",
    ),
    (
        |world| {
            world.synapse.state().account_mut("bob").expect("seeded").user_type =
                Some("bot".to_owned());
        },
        "a bot or support account",
    ),
    (
        |world| {
            world.synapse.state().account_mut("bob").expect("seeded").appservice_id =
                Some("irc".to_owned());
        },
        "belongs to an application service",
    ),
];
const IN_MAS: Mark =
    (|world| world.mas.state().user_mut("bob").expect("seeded").admin = true, "an administrator");

/// With a yes while bob is a member, and without one when he has left.
const RUNS: [&str; 2] = ["undo 1 --yes", "undo 1"];

fn before(run: &str, world: &RunningWorld) {
    if run == RUNS[1] {
        world.leave("bob");
    }
}

#[tokio::test]
async fn undo_keeps_accounts_that_sync_keeps_those_of_current_members_too() {
    for way in EVERY_WAY {
        let with_synapse = IN_SYNAPSE.iter().filter(|_| way.source == "synapse");
        for (mark, why) in with_synapse.chain([&IN_MAS]) {
            let world = activated(way).await;
            mark(&world);
            for run in RUNS {
                before(run, &world);
                by(&world, way).run(run).exits(0).prints(&["kept: ", why]);
                assert!(world.login("bob").is_ok(), "{way:?} {why} {run}");
            }
        }
    }
}

#[tokio::test]
async fn undo_keeps_an_administrator_and_a_bot_known_only_to_synapse_though_mas_lists_the_accounts()
{
    for (mark, why) in &IN_SYNAPSE {
        let way = EVERY_WAY[1];
        let world = activated(way).await;
        mark(&world);
        for run in RUNS {
            before(run, &world);
            // Synapse is configured too.
            let file = format!("{}{NO_LIMITS}", settings(&world, way));
            let with_synapse = program_with(&world, Auth::ClientCredentials).file(&world, &file);
            with_synapse
                .hiding(world.mas_client_secret())
                .run(run)
                .exits(0)
                .prints(&["kept: ", why]);
            assert!(world.login("bob").is_ok(), "{why} {run}");
        }
    }
}

#[tokio::test]
async fn undo_with_yes_keeps_an_administrator_known_only_to_mas_cli_or_to_the_configuration_of_mas()
{
    let in_configuration: Mark = (
        |world| {
            let path = world.mas_cli_config();
            let text = std::fs::read_to_string(path).expect("seeded");
            std::fs::write(path, format!("{text}policy: {{data: {{admin_users: [bob]}}}}\n"))
                .expect("writable");
        },
        "an administrator",
    );
    for (mark, why) in [IN_MAS, in_configuration] {
        let bob = group().member("alice").account("alice").member("bob").disabled_account("bob");
        let world = started(bob).await;
        remembering(&world, "").run("sync").exits(0);
        assert!(world.settle().await);
        let approved = format!(
            "undo 1 --approve {}",
            digest(&remembering(&world, "").run("undo 1 --dry-run").exits(0))
        );
        mark(&world);
        remembering(&world, "").run(&approved).prints(&["kept: ", why]);
        for run in RUNS {
            before(run, &world);
            remembering(&world, "").run(run).exits(0).prints(&["kept: ", why]);
            assert!(world.login("bob").is_ok(), "{run}");
        }
    }
}

#[tokio::test]
async fn undo_disables_a_current_member_only_with_yes() {
    let world = activated(EVERY_WAY[0]).await;
    let spared = by(&world, EVERY_WAY[0]).run("undo 1").exits(4);
    let spared = spared.prints(&["disable bob: a member now"]);
    let spared = spared.tells(&["1 account was not disabled, because it belongs to a member"]);
    assert_eq!(world.state_of("bob"), account(false, false));
    assert!(spared.stderr.contains("undo 1 --approve "));
    by(&world, EVERY_WAY[0]).run("undo 1 --yes").exits(0);
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn undo_disables_a_current_member_with_the_digest_of_its_dry_run() {
    let world = activated(EVERY_WAY[0]).await;
    let digest = digest(&by(&world, EVERY_WAY[0]).run("undo 1 --dry-run").exits(0));
    by(&world, EVERY_WAY[0]).run(&format!("undo 1 --approve {digest}")).exits(0);
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn approved_undo_shows_the_members_that_it_disables_and_a_stale_approval_leaves_them_out() {
    let world = activated(EVERY_WAY[0]).await;
    let stale = by(&world, EVERY_WAY[0]).run("undo 1 --approve 01234567").exits(3);
    stale.prints(&["disable bob: a member now"]);
    assert_eq!(world.state_of("bob"), account(false, false));
    let dry = by(&world, EVERY_WAY[0]).run("undo 1 --dry-run").exits(0);
    let line = format!("undo 1 --approve {}", digest(&dry));
    let approved = by(&world, EVERY_WAY[0]).run(&line).exits(0).prints(&["Disable 1 account"]);
    assert!(!approved.stdout.contains("a member now"), "{}", approved.stdout);
    assert_eq!(digest(&approved), digest(&dry));
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn command_that_undo_prints_about_members_works_after_it_has_undone_the_rest() {
    let world = started(the_table()).await;
    remembering(&world, "").run("sync").exits(0);
    let spared = remembering(&world, "").run("undo 1").exits(4);
    assert_eq!(world.state_of("dave"), account(false, false));
    let command = spared.stderr.lines().find_map(|line| line.split_once("undo 1 --approve "));
    let (_, digest) = command.expect("a command");
    remembering(&world, "").run(&format!("undo 1 --approve {digest}")).exits(0);
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn dry_run_of_undo_ends_with_the_commands_that_go_on() {
    let world = started(the_table()).await;
    remembering(&world, "").run("sync").exits(0);
    let dry = remembering(&world, "").run("undo 1 --dry-run").exits(0);
    let (_, next) = dry.stdout.split_once("What to do next").expect("commands");
    assert!(next.contains(" undo 1\n") && next.contains(" undo 1 --approve "), "{next}");
    let with_members = remembering(&world, "").run("undo 1 --dry-run --yes").exits(0);
    let (_, next) = with_members.stdout.split_once("What to do next").expect("commands");
    assert!(next.contains(" undo 1 --yes\n") && !next.contains("--approve"), "{next}");
    let limited = "[limits]\nmax_activate = 0\n";
    let limited = program(&world).file(&world, limited);
    let limited = limited.run("undo 1 --dry-run").exits(0);
    let (_, next) = limited.stdout.split_once("What to do next").expect("commands");
    assert!(!next.contains(" undo 1\n") && next.contains("above the limits"), "{next}");

    let world = activated(EVERY_WAY[0]).await;
    let only_a_member = by(&world, EVERY_WAY[0]).run("undo 1 --dry-run").exits(0);
    only_a_member.prints(&["To disable 1 current member, for good:"]);
}

/// Bob is a member, and a new user by his name is in the place of the one that run 1 saw.
async fn recreated() -> RunningWorld {
    let world = activated(EVERY_WAY[0]).await;
    {
        let mut keycloak = world.keycloak.state();
        let realm = keycloak.realm("corp");
        realm.delete_user("bob");
        realm.add_user("bob");
    }
    world.join("bob");
    world
}

#[tokio::test]
async fn undo_ends_with_the_command_for_what_needs_an_approval() {
    let world = recreated().await;
    let dry = by(&world, EVERY_WAY[0]).run("undo 1 --dry-run").exits(0);
    let dry = dry.prints(&[
        "Disable 1 account only with an approval (deactivate: rooms and e-mail addresses are lost)",
        "To undo exactly this, with what needs an approval:",
    ]);
    assert!(!dry.stdout.contains("above the limits"), "{}", dry.stdout);
    let waiting = by(&world, EVERY_WAY[0]).run("undo 1").exits(4);
    let waiting = waiting.tells(&["1 account waits for an approval. To disable it, run"]);
    assert_eq!(world.state_of("bob"), account(false, false));
    let command = waiting.stderr.lines().find_map(|line| line.split_once("undo 1 --approve "));
    let (_, digest) = command.expect("a command");
    by(&world, EVERY_WAY[0]).run(&format!("undo 1 --approve {digest}")).exits(0);
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn dry_run_of_undo_says_why_it_would_be_refused() {
    let world = started(the_table()).await;
    remembering(&world, "").run("sync").exits(0);
    let limited = program(&world).file(&world, "[limits]\nmax_look = 0\n");
    let dry = limited.run("undo 1 --dry-run").exits(0);
    let dry = dry.prints(&["This undo would be refused, because", "limits.max_look is 0"]);
    assert!(!dry.stdout.contains("What to do next"), "{}", dry.stdout);
}

#[tokio::test]
async fn refusal_says_that_its_command_disables_current_members_too() {
    let world = started(the_table()).await;
    for (mode, members) in
        [("deactivate", "1 current member, for good"), ("lock", "1 current member")]
    {
        let policy = format!("[policy]\ndisable = \"{mode}\"\n[limits]\nmax_activate = 0\n");
        remembering(&world, "").run("sync");
        let undo = |line: &str| program(&world).file(&world, &policy).run(line).exits(3);
        undo("undo 1").tells(&[&format!("\nThe approval also disables {members}.\n")]);
        let event = undo("--log-format json undo 1").stderr;
        assert!(event.contains(&format!("; the approval also disables {members}\"")), "{event}");
    }
}

#[tokio::test]
async fn undo_with_nothing_to_reverse_says_so_and_not_that_everything_is_in_step() {
    let world = started(the_table()).await;
    let refused = "[limits]\nmax_disable = 0\n";
    program(&world).file(&world, refused).run("sync").exits(3);
    let undo = remembering(&world, "").run("undo 1").exits(0);
    let undo = undo.prints(&["Nothing to undo: the run changed no account.\n"]);
    assert!(!undo.stdout.contains("in step"), "{}", undo.stdout);
    remembering(&world, "").run("sync").exits(0);
    world.join("dave");
    remembering(&world, "").run("sync").exits(0);
    world.leave("bob");
    remembering(&world, "").run("sync").exits(0);
    remembering(&world, "").run("undo 2").exits(0).prints(&["Nothing is left to undo.\n"]);
}

#[tokio::test]
async fn undo_of_a_lock_says_that_a_sync_locks_again() {
    let world = started(the_table()).await;
    let locks = "[policy]\ndisable = \"lock\"\n";
    remembering(&world, locks).run("sync").exits(0);
    let undo = remembering(&world, locks).run("undo 1").exits(4);
    undo.prints(&["Accounts still outside the group are disabled again by the next sync"]);
}

#[tokio::test]
async fn undo_with_yes_lifts_no_limit_and_approves_nothing_else() {
    let world = activated(EVERY_WAY[0]).await;
    let limited = program_by(&world, EVERY_WAY[0], "[limits]\nmax_disable = 0\n");
    limited.run("undo 1 --yes").exits(3).tells(&["undo 1 --approve "]);
    assert_eq!(world.state_of("bob"), account(false, false));
}

#[tokio::test]
async fn undo_disables_users_who_have_left_since_without_yes() {
    let world = activated(EVERY_WAY[0]).await;
    world.leave("bob");
    by(&world, EVERY_WAY[0]).run("undo 1").exits(0);
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn undo_leaves_what_a_later_run_has_changed() {
    let world = disabled("").await;
    world.join("dave");
    remembering(&world, "").run("sync").exits(0);
    world.leave("dave");
    remembering(&world, "").run("sync").exits(0);
    remembering(&world, "").run("undo 1").exits(0).prints(&["run 3 has changed it since"]);
    assert_eq!(world.state_of("dave"), account(true, true));
    remembering(&world, "").run("undo 3").exits(0);
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn undo_keeps_what_another_person_has_disabled_since() {
    // A reading has shown it active in between.
    let world = disabled("").await;
    by_hand(&world, "dave", false, false);
    world.join("dave");
    remembering(&world, "").run("sync").exits(0);
    by_hand(&world, "dave", true, true);
    remembering(&world, "").run("undo 1").exits(0).prints(&["it was active in between"]);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn undo_leaves_what_mas_has_disabled_later_than_the_run() {
    let world = disabled("").await;
    by_hand(&world, "dave", true, true);
    by(&world, EVERY_WAY[2]).run("undo 1").exits(0).prints(&["it was disabled again at 2030-"]);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn undo_keeps_an_account_that_was_deactivated_again_though_its_lock_is_the_runs() {
    for way in [EVERY_WAY[1], BY_BOTH, BY_MAS] {
        let world = disabled("").await;
        // `unlock-user --reactivate` keeps the lock (trap 17), and so does `lock-user --deactivate`
        // its time.
        world.mas.state().user_mut("dave").expect("seeded").deactivated_at =
            Some("2030-01-01T00:00:00Z".to_owned());
        by(&world, way).run("undo 1").exits(0).prints(&["it was disabled again at 2030-"]);
        assert_eq!(world.state_of("dave"), account(true, true), "{way:?}");
    }
}

#[tokio::test]
async fn undo_of_a_lock_keeps_a_deactivation_that_synapse_does_not_show() {
    let lock = "[policy]\ndisable = \"lock\"\n";
    let world = disabled(lock).await;
    // An administrator has deactivated dave, and MAS has lost the job (trap 69).
    let now = world.mas.state().user("dave").expect("seeded").locked_at.clone();
    world.mas.state().user_mut("dave").expect("seeded").deactivated_at = now;
    let with_mas = program_by(&world, BY_BOTH, &format!("{NO_LIMITS}{lock}"));
    with_mas.run("undo 1").exits(0).prints(&["it was deactivated since"]);
    assert_eq!(
        world.state_of("dave").mas.map(|mas| (mas.locked, mas.deactivated)),
        Some((true, true))
    );
}

#[tokio::test]
async fn undo_keeps_an_account_that_is_deactivated_between_list_and_look() {
    let lock = "[policy]\ndisable = \"lock\"\n";
    let world = disabled(lock).await;
    let synapse = world.synapse.shared();
    let deactivate = move |_: &SeenRequest| {
        synapse.lock().account_mut("dave").expect("seeded").deactivated = true;
    };
    world.synapse.faults().on("/v2/users/@dave").before(deactivate);
    remembering(&world, lock)
        .run("undo 1")
        .exits(0)
        .prints(&["it was locked or deactivated since"]);
    assert!(world.login("dave").is_err());
}

#[tokio::test]
async fn undo_of_a_lock_leaves_a_deactivation_by_hand() {
    let lock = "[policy]\ndisable = \"lock\"\n";
    let world = disabled(lock).await;
    by_hand(&world, "dave", true, true);
    remembering(&world, lock).run("undo 1").exits(0).prints(&["it was deactivated since"]);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn undo_activates_no_erased_account() {
    let world = disabled("").await;
    world.synapse.state().account_mut("dave").expect("seeded").erased = true;
    for way in EVERY_WAY.iter().filter(|way| way.source == "synapse") {
        by(&world, *way).run("undo 1").exits(0).prints(&["kept: "]);
    }
    assert_eq!(world.state_of("dave").mas.map(|mas| mas.deactivated), Some(true));
}

#[tokio::test]
async fn undo_skips_accounts_whose_second_look_fails() {
    let world = activated(EVERY_WAY[0]).await;
    world.leave("bob");
    let is_look = |seen: &SeenRequest| seen.path.contains("/admin/v2/users/");
    world.synapse.faults().matching(is_look).answer(Fault::Status(500, String::new()));
    by(&world, EVERY_WAY[0]).run("undo 1").exits(1);
    assert_eq!(world.state_of("bob"), account(false, false));
}
