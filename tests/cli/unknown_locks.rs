//! Locks and deactivations that only MAS or only Synapse knows (traps 47, 56, 67 to 72).

use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld, World};
use serde_json::{Value, json};

use crate::doctor::doctor;
use crate::harness::{
    BY_BOTH, BY_MAS, EVERY_WAY, NO_LIMITS, Program, account, by_hand, everyone, group, program,
    program_by, program_with, started, the_table, write,
};
use crate::sections::{PROTECT, mas_cli_of};

const LOCK: &str = "[policy]\ndisable = \"lock\"\n";

/// What Synapse's own admin API does, without MAS.
fn in_synapse(world: &RunningWorld, localpart: &str, locked: bool, deactivated: bool) {
    let mut synapse = world.synapse.state();
    let account = synapse.account_mut(localpart).expect("seeded");
    (account.locked, account.deactivated) = (locked, deactivated);
}

/// What an administrator does in MAS, without Synapse.
fn in_mas(world: &RunningWorld, localpart: &str, locked: bool, deactivated: bool) {
    let now = || Some("2026-11-01T00:00:00Z".to_owned());
    let mut mas = world.mas.state();
    let user = mas.user_mut(localpart).expect("seeded");
    user.locked_at = now().filter(|_| locked);
    user.deactivated_at = now().filter(|_| deactivated);
}

/// The program with a mas-cli of this release.
fn with_release(world: &RunningWorld, release: &str, more: &str) -> Program {
    program(world).file(world, &format!("{}{more}", mas_cli_of(world, release)))
}

fn unverified(plan: &Value) -> Value {
    plan["unverified"].clone()
}

#[tokio::test]
async fn account_shut_out_only_in_synapse_is_counted_with_the_command_to_verify_it() {
    let world = group()
        .member("alice")
        .account("alice")
        .user("frank")
        .account("frank")
        .user("lou")
        .account("lou");
    let world = started(world.user("dave").account("dave")).await;
    in_synapse(&world, "frank", false, true);
    in_synapse(&world, "lou", true, false);
    program(&world).run("plan").exits(0).matches(&world, "plan_with_accounts_shut_out_by_synapse");
    assert_eq!(
        unverified(&program(&world).run("plan --format json").exits(0).json()),
        json!(["frank", "lou"])
    );
    let run = program(&world).file(&world, NO_LIMITS).run("sync").exits(0);
    run.matches(&world, "sync_with_accounts_shut_out_by_synapse");
    assert!(
        ["frank", "lou"].map(|name| world.login(name).is_ok()) == [true; 2],
        "they are not touched"
    );
    // Dave was disabled by this program, so his state is known.
    let later = program(&world).run("plan --format json").exits(0);
    assert_eq!((later.actions(), unverified(&later.json())), (vec![], json!(["frank", "lou"])));
}

#[tokio::test]
async fn printed_command_shuts_the_user_out_in_mas() {
    let world =
        started(group().member("alice").account("alice").user("frank").account("frank")).await;
    in_synapse(&world, "frank", false, true);
    let plan = program(&world).run("plan").exits(0).stdout;
    let command =
        plan.lines().find(|line| line.contains("lock-user")).expect("a command").trim().to_owned();
    program(&world).shell(&command).exits(0);
    assert!(world.settle().await);
    assert_eq!(world.state_of("frank"), account(true, true));
}

#[tokio::test]
async fn account_is_not_counted_as_unverified_if_mas_or_the_policy_decides_about_it() {
    let world = group().member("alice").account("alice").user("frank").disabled_account("frank");
    let world = started(world).await;
    assert_eq!(
        unverified(&program(&world).run("plan --format json").exits(0).json()),
        json!(["frank"])
    );
    let by_mas = program_by(&world, BY_BOTH, "").run("plan --format json").exits(0);
    assert_eq!(unverified(&by_mas.json()), Value::Null);
    let protected = program(&world).file(&world, "[policy]\nprotect = [\"frank\"]\n");
    assert_eq!(unverified(&protected.run("plan --format json").exits(0).json()), Value::Null);
}

#[tokio::test]
async fn lock_mode_without_the_admin_api_is_refused_before_the_first_change_if_synapse_does_not_show_locks()
 {
    let world = started(the_table()).await;
    let before = everyone(&world);
    let sync = |version: &str| {
        world.synapse.state().settings.version = version.to_owned();
        program(&world).file(&world, LOCK).run("sync")
    };
    sync("1.149.1").exits(1).matches(&world, "sync_with_locks_that_synapse_does_not_show");
    assert_eq!(everyone(&world), before);
    let plan = program(&world).file(&world, LOCK).run("plan").exits(0);
    plan.matches(&world, "plan_with_locks_that_synapse_does_not_show");
    sync("1.150.0").exits(0);
    assert_eq!(world.state_of("dave"), account(true, false));
}

#[tokio::test]
async fn lock_mode_without_the_admin_api_is_refused_before_the_first_change_if_locks_of_mas_do_not_reach_synapse()
 {
    let world = group()
        .member("alice")
        .account("alice")
        .user("dave")
        .account("dave")
        .mas_version("v1.13.0");
    let world = started(world).await;
    let before = everyone(&world);
    let refusal = "sync_with_locks_that_do_not_reach_synapse";
    with_release(&world, "v1.13.0", LOCK).run("sync").exits(1).matches(&world, refusal);
    assert_eq!(everyone(&world), before);
    let made = with_release(&world, "v1.13.0", LOCK).run("plan --format json").exits(0).stdout;
    std::fs::write(world.directory().join("plan.json"), made).expect("a writable directory");
    let apply = format!("apply {}", world.directory().join("plan.json").display());
    with_release(&world, "v1.13.0", LOCK).run(&apply).exits(1).matches(&world, refusal);
    assert_eq!(everyone(&world), before);
    // In the other mode the deactivation reaches Synapse.
    with_release(&world, "v1.13.0", "").run("sync").exits(0);
}

#[tokio::test]
async fn member_locked_only_in_mas_is_activated_if_the_admin_api_shows_it() {
    let world = started(group().member("bob").account("bob")).await;
    world.synapse.state().settings.version = "1.149.1".to_owned();
    in_mas(&world, "bob", true, false);
    let run = program_by(&world, BY_BOTH, LOCK).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done"]);
    assert!(world.login("bob").is_ok());
}

#[tokio::test]
async fn deactivation_whose_job_mas_lost_is_asked_for_again_with_a_state_file_or_without() {
    for more in ["", "state_file = \"off\"\n"] {
        for synapse_is_locked in [true, false] {
            let world =
                started(group().member("alice").account("alice").user("dave").account("dave"))
                    .await;
            in_mas(&world, "dave", true, true);
            in_synapse(&world, "dave", synapse_is_locked, false);
            let program = program_by(&world, BY_BOTH, "");
            let file = std::fs::read_to_string(world.directory().join("config.toml"))
                .expect("just written");
            let run =
                program.file(&world, &format!("{more}{file}")).run("sync --format json").exits(0);
            assert_eq!(
                run.actions(),
                ["disable dave not_in_group done"],
                "{more} {synapse_is_locked}"
            );
            assert_eq!(world.state_of("dave"), account(true, true));
        }
    }
}

#[tokio::test]
async fn activation_of_an_account_that_its_owner_has_deactivated_is_marked() {
    let world =
        group().member("alice").account("alice").member("frank").deactivated_account("frank");
    let world = started(world.member("bob").disabled_account("bob").token_owner("alice")).await;
    for way in EVERY_WAY {
        let run = program_by(&world, way, "").run("plan --format json").exits(0);
        assert_eq!(run.actions(), ["activate bob in_group", "activate frank in_group"]);
        let why: Vec<_> = (0..2).map(|at| run.json()["actions"][at]["why"].clone()).collect();
        assert_eq!(why, [Value::Null, json!("deactivated by someone else")], "{way:?}");
        program_by(&world, way, "").run("plan").exits(0).prints(&[
            "    + frank  Frank Test  <frank@example.org>  (deactivated by someone else)\n",
        ]);
        program_by(&world, way, "")
            .run("explain frank")
            .exits(0)
            .prints(&["deactivated by someone else"]);
        program_by(&world, way, "")
            .run("plan --format markdown")
            .prints(&["in the group; deactivated by someone"]);
    }
}

#[tokio::test]
async fn activation_of_an_account_that_this_program_has_disabled_is_not_marked() {
    let world = started(group().member("alice").account("alice").user("bob").account("bob")).await;
    program(&world).file(&world, NO_LIMITS).run("sync").exits(0);
    world.join("bob");
    // As MAS before 1.14 leaves it: the lock has not reached Synapse.
    in_synapse(&world, "bob", false, true);
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!(
        (run.actions(), &run.json()["actions"][0]["why"]),
        (vec!["activate bob in_group".to_owned()], &Value::Null)
    );
}

#[tokio::test]
async fn erased_account_is_never_activated_with_any_source() {
    for way in EVERY_WAY {
        let world =
            started(group().member("alice").account("alice").member("eve").erased_account("eve"))
                .await;
        // Synapse keeps the mark, so it has to be configured.
        let (url, token) = (world.synapse.url(), world.admin_token().to_owned());
        let with_synapse = |more: &str| {
            program_by(&world, way, more).env("MATRIX_URL", &url).env("MATRIX_ADMIN_TOKEN", &token)
        };
        let policy = format!("{NO_LIMITS}[policy]\nlocked_members = \"activate\"\n");
        let run = with_synapse(&policy).run("sync --format json").exits(0);
        assert_eq!((run.actions(), run.kept()), (vec![], vec!["eve erased".to_owned()]), "{way:?}");
        assert_eq!(world.state_of("eve").mas.map(|mas| mas.deactivated), Some(true));
    }
}

#[tokio::test]
async fn doctor_says_that_erased_accounts_are_unknown_without_synapse() {
    let world = started(the_table()).await;
    let findings = doctor(program_by(&world, BY_MAS, PROTECT));
    findings.matches(&["settings erased"], "doctor_without_erased_accounts");
}

#[tokio::test]
async fn explain_says_that_the_servers_contradict_each_other() {
    let world =
        started(group().member("alice").account("alice").member("bob").account("bob")).await;
    let explained = |name: &str| {
        drop(program_by(&world, BY_BOTH, "").run("explain bob").exits(0).matches(&world, name));
    };
    in_mas(&world, "bob", true, false);
    explained("explain_locked_only_in_mas");
    in_mas(&world, "bob", true, true);
    in_synapse(&world, "bob", true, false);
    explained("explain_deactivated_only_in_mas");
    in_mas(&world, "bob", false, false);
    explained("explain_locked_only_in_synapse");
    by_hand(&world, "bob", true, true);
    explained("explain_deactivated_in_both");
}

#[tokio::test]
async fn doctor_says_how_many_locks_of_mas_synapse_does_not_know() {
    let world = group()
        .member("alice")
        .account("alice")
        .locked_account("lou")
        .account("bob")
        .account("carol");
    let world = started(world).await;
    doctor(program_by(&world, BY_BOTH, "")).matches(&["mas locks"], "doctor_mas_locks");
    for name in ["bob", "carol"] {
        in_mas(&world, name, true, false);
    }
    doctor(program_by(&world, BY_BOTH, ""))
        .ailing_matches("doctor_mas_locks_that_synapse_does_not_know");
}

#[tokio::test]
async fn doctor_says_that_deactivations_of_mas_have_not_reached_synapse() {
    let world = started(group().member("alice").account("alice").account("dave")).await;
    in_mas(&world, "dave", true, true);
    in_synapse(&world, "dave", true, false);
    doctor(program_by(&world, BY_BOTH, "")).ailing_matches("doctor_mas_lost_jobs");
    let by_mas = program_by(&world, BY_MAS, "").env("MATRIX_URL", &world.synapse.url());
    let by_mas = by_mas.env("MATRIX_ADMIN_TOKEN", world.admin_token());
    doctor(by_mas).ailing_matches("doctor_mas_lost_jobs_with_mas_alone");
}

#[tokio::test]
async fn doctor_says_that_the_server_of_mas_does_not_answer_although_mas_cli_does() {
    let world = started(the_table()).await;
    let by_cli = || program_with(&world, Auth::ClientCredentials);
    // Lets Synapse cache our own token.
    doctor(by_cli()).ailing_is(&[]);
    world.mas.faults().on("/oauth2/introspect").answer(Fault::Status(502, String::new()));
    doctor(by_cli()).matches(&["mas-cli database"], "doctor_synapse_without_the_server_of_mas");
}

#[tokio::test]
async fn doctor_warns_if_users_may_deactivate_their_own_accounts_and_members_get_them_back() {
    let world =
        started(World::new("example.org").group("/matrix-users").member("alice").account("alice"))
            .await;
    let by_cli = |more: &str| program_with(&world, Auth::ClientCredentials).file(&world, more);
    doctor(by_cli("")).ailing_matches("doctor_mas_cli_self_deactivation");
    doctor(program_by(&world, BY_BOTH, "")).ailing_matches("doctor_mas_self_deactivation");
    doctor(by_cli("[policy]\nreactivate = \"own\"\n")).ailing_is(&[]);
}

#[tokio::test]
async fn doctor_counts_accounts_that_only_synapse_shows_as_shut_out_and_prints_the_command() {
    let world = started(the_table()).await;
    let findings = doctor(program_with(&world, Auth::ClientCredentials));
    findings.matches(&["synapse shut_out"], "doctor_synapse_shut_out");
}

#[tokio::test]
async fn doctor_says_what_a_synapse_means_that_does_not_show_locks() {
    let world = started(the_table()).await;
    world.synapse.state().settings.version = "1.149.1".to_owned();
    let by_cli = |more: &str| program_with(&world, Auth::ClientCredentials).file(&world, more);
    doctor(by_cli("")).ailing_matches("doctor_synapse_too_old_to_show_locks");
    doctor(by_cli(LOCK)).ailing_matches("doctor_synapse_too_old_to_show_locks_in_lock_mode");
    doctor(program_by(&world, BY_BOTH, "")).ailing_is(&[]);
    let by_api = doctor(program_by(&world, BY_BOTH, LOCK));
    by_api.ailing_matches("doctor_synapse_too_old_to_show_locks_to_the_admin_api");
}

#[tokio::test]
async fn run_that_disables_says_that_open_sessions_last_two_minutes_if_synapse_is_joined_by_msc3861()
 {
    let world = started(the_table()).await;
    let text = std::fs::read_to_string(world.mas_cli_config()).expect("seeded");
    let legacy = text.replace("matrix:\n", "matrix:\n  kind: synapse_legacy\n");
    let path = write(&world, "legacy.yaml", &legacy).display().to_string();
    let run = program(&world).env("MAS_CONFIG", &path).run("sync").exits(0);
    run.logs(&world, "sync_that_leaves_sessions_open_for_two_minutes");
    // Nothing is disabled.
    let in_step = program(&world).env("MAS_CONFIG", &path).run("sync").exits(0);
    assert_eq!(in_step.stderr, "");

    for (version, is_printed) in [("1.156.0", true), ("1.157.0", false)] {
        let world = started(the_table()).await;
        world.synapse.state().settings.version = version.to_owned();
        let run = program_by(&world, BY_BOTH, "").run("sync").exits(0);
        assert_eq!(!run.stderr.is_empty(), is_printed, "{version}: {}", run.stderr);
        let world = started(the_table()).await;
        world.synapse.state().settings.version = version.to_owned();
        let run = program(&world).run("sync").exits(0);
        assert_eq!(run.stderr, "", "MAS's configuration says otherwise");
    }
}

#[tokio::test]
async fn account_is_not_locked_if_no_server_says_whether_synapse_shows_locks() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    world.synapse.faults().on("/server_version").answer(Fault::Status(502, String::new()));
    program(&world).file(&world, LOCK).run("sync").exits(1).tells(&["/server_version", "502"]);
    assert_eq!(everyone(&world), before);
    program(&world).file(&world, LOCK).run("plan").exits(0);
}
