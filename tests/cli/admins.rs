//! `[admins]`: administrators in MAS by group and role.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use matrix_keycloak_sync::standins::mas::SessionKind;
use matrix_keycloak_sync::standins::{
    Fault, NewAccount, NewUser, RunningWorld, SeenRequest, World,
};

use crate::harness::{
    BY_BOTH, EVERY_WAY, NO_LIMITS, Program, Way, account, group, mas_cli, program, program_by,
    started,
};
use crate::second_look::id_in_keycloak;
use crate::sections::{PROTECT, mas_cli_of};
use crate::watch::watching::{FAILED, QUICK, start};

const ADMINS: &str = "[admins]\ngroups = [\"matrix-admins\"]\n";

fn with_admins(world: &RunningWorld, way: Way, more: &str) -> Program {
    program_by(world, way, &format!("{NO_LIMITS}{PROTECT}{ADMINS}{more}"))
}

fn sync(world: &RunningWorld, way: Way) -> Vec<String> {
    with_admins(world, way, "").run("sync --format json").exits(0).actions()
}

/// Ada and Boss are in the group of administrators. Bob and Boss are administrators in MAS.
async fn three() -> RunningWorld {
    three_in(group()).await
}

async fn three_in(world: World) -> RunningWorld {
    let names = ["ada", "bob", "boss"];
    let world = started(
        names
            .iter()
            .fold(world.group("/matrix-admins"), |world, name| world.member(name).account(name)),
    )
    .await;
    for name in ["ada", "boss"] {
        world.keycloak.state().realm("corp").join(name, "/matrix-admins");
    }
    for name in ["bob", "boss"] {
        world.mas.state().user_mut(name).expect("seeded").admin = true;
    }
    world
}

fn admins(world: &RunningWorld) -> Vec<&'static str> {
    let names = ["ada", "bob", "boss"];
    names.into_iter().filter(|name| world.parts_of(name).mas_admin).collect()
}

#[tokio::test]
async fn users_of_the_groups_are_the_administrators_with_every_writer_and_source() {
    for way in EVERY_WAY {
        let world = three().await;
        let changes =
            ["grant_admin ada in_admin_group done", "revoke_admin bob not_in_admin_group done"];
        assert_eq!(sync(&world, way), changes, "{way:?}");
        assert_eq!(admins(&world), ["ada", "boss"], "{way:?}");
        assert_eq!(sync(&world, way), [""; 0], "{way:?}");
    }
}

#[tokio::test]
async fn right_of_names_that_differ_only_in_case_is_reported_if_no_other_changes() {
    let world = started(
        group()
            .group("/matrix-admins")
            .member("boss")
            .account("boss")
            .account("BOB")
            .account("bob"),
    )
    .await;
    world.keycloak.state().realm("corp").join("boss", "/matrix-admins");
    for name in ["bob", "boss"] {
        world.mas.state().user_mut(name).expect("seeded").admin = true;
    }
    let plan = with_admins(&world, EVERY_WAY[0], "").run("plan").exits(0);
    plan.tells(&["the administrator's right of @bob:example.org stays as it is"]);
}

#[tokio::test]
async fn mas_cli_alone_lists_and_changes_administrators() {
    let world = three().await;
    let run = || program(&world).file(&world, &format!("{NO_LIMITS}{ADMINS}"));
    let changes =
        ["grant_admin ada in_admin_group done", "revoke_admin bob not_in_admin_group done"];
    assert_eq!(run().run("sync --format json").exits(0).actions(), changes);
    assert_eq!(admins(&world), ["ada", "boss"]);
    run().run("plan").exits(0).prints(&["Nothing to do"]);
}

#[tokio::test]
async fn sessions_with_the_right_end_and_by_the_admin_api_no_others() {
    for way in EVERY_WAY {
        let world = three().await;
        world.login_by_oauth2("bob").expect("active");
        world.login_with_scope("bob", "urn:synapse:admin:*").expect("active");
        world.login_with_scope("bob", "urn:mas:admin").expect("active");
        world.login_with_scope("boss", "urn:mas:admin").expect("active");
        world.personal_token("bob", "urn:mas:admin").expect("active");
        world.personal_token("bob", "urn:matrix:client:api:*").expect("active");
        sync(&world, way);
        let open = |name, kind| world.sessions_of(name, kind).len();
        let (oauth2, personal) = match way.writer {
            "mas-api" => (1, 1),
            _ => (0, 2),
        };
        assert_eq!(open("bob", SessionKind::OAuth2), oauth2, "{way:?}");
        assert_eq!(open("bob", SessionKind::Personal), personal, "{way:?}");
        assert_eq!(open("boss", SessionKind::OAuth2), 1, "{way:?}");
    }
}

#[tokio::test]
async fn right_is_taken_although_a_session_cannot_be_ended_and_the_next_run_ends_it() {
    let world = three().await;
    world.login_with_scope("bob", "urn:mas:admin").expect("active");
    let finish = || world.mas.admin().faults().at("POST", "/finish");
    finish().answer(Fault::Status(500, String::new()));
    let run = with_admins(&world, BY_BOTH, "").run("sync").exits(4);
    run.prints(&[
        "no administrator any more, but sessions with administrator rights may still be open",
    ]);
    assert_eq!(admins(&world), ["ada", "boss"]);
    world.mas.admin().faults().clear();
    assert_eq!(sync(&world, BY_BOTH), ["revoke_admin bob not_in_admin_group done"]);
    assert_eq!(world.sessions_of("bob", SessionKind::OAuth2).len(), 0);
    assert_eq!(sync(&world, BY_BOTH), [""; 0]);
}

#[tokio::test]
async fn sessions_end_before_the_right_so_that_a_run_that_breaks_off_is_repeated() {
    let world = three().await;
    world.login_with_scope("bob", "urn:mas:admin").expect("active");
    let change = || world.mas.admin().faults().at("POST", "/set-admin");
    change().answer(Fault::Status(500, String::new()));
    with_admins(&world, BY_BOTH, "").run("sync").exits(4);
    assert_eq!(world.sessions_of("bob", SessionKind::OAuth2).len(), 0);
    world.mas.admin().faults().clear();
    let changes =
        ["grant_admin ada in_admin_group done", "revoke_admin bob not_in_admin_group done"];
    assert_eq!(sync(&world, BY_BOTH), changes);
}

#[tokio::test]
async fn change_whose_answer_is_lost_is_done_once_and_its_sessions_end() {
    let world = three().await;
    world.login_with_scope("bob", "urn:mas:admin").expect("active");
    world.mas.admin().faults().at("POST", "/set-admin").times(1).answer(Fault::LostAnswer);
    with_admins(&world, BY_BOTH, "").run("sync");
    assert_eq!(world.sessions_of("bob", SessionKind::OAuth2).len(), 0);
    sync(&world, BY_BOTH);
    assert_eq!(admins(&world), ["ada", "boss"]);
}

#[tokio::test]
async fn external_id_of_another_user_gives_no_right() {
    for way in EVERY_WAY.into_iter().filter(|way| way.source == "synapse") {
        let other = NewUser::new("former").id("f1");
        let eve = NewAccount::new("eve").external_id("oidc-keycloak", "f1");
        let world =
            group().group("/matrix-admins").member("eve").with_user(other).with_account(eve);
        let world = started(world).await;
        world.unlink("eve");
        world.keycloak.state().realm("corp").join("eve", "/matrix-admins");
        let run = with_admins(&world, way, "").run("sync --format json").exits(0);
        assert_eq!(run.actions(), [""; 0], "{way:?}");
        assert!(!world.parts_of("eve").mas_admin, "{way:?}");
    }
}

#[tokio::test]
async fn second_list_of_administrators_that_fails_skips_their_changes() {
    let world = three().await;
    let second =
        "case \"$*\" in *list-admin-users) [ -e \"$0.once\" ] && exit 1; : > \"$0.once\";; esac";
    let toml = mas_cli(&world, second);
    let run = program(&world).file(&world, &format!("{toml}{NO_LIMITS}{ADMINS}"));
    let run = run.run("sync --format json").exits(4);
    let actions = run.actions();
    assert!(actions.iter().any(|action| action.starts_with("revoke_admin bob")), "{actions:?}");
    assert_eq!(admins(&world), ["bob", "boss"]);
}

#[tokio::test]
async fn administrators_by_the_configuration_of_mas_are_reported() {
    let world = three().await;
    let path = world.mas_cli_config();
    let text = std::fs::read_to_string(path).expect("seeded");
    let names = "policy: {data: {admin_users: [root, ada]}}\n";
    std::fs::write(path, text + names).expect("writable");
    let run = program(&world).file(&world, &format!("{NO_LIMITS}{ADMINS}")).run("plan").exits(0);
    run.tells(&["which [admins] cannot change: root; take them out"]);
}

#[tokio::test]
async fn mark_of_synapse_is_reported_and_stays() {
    let world = three().await;
    let mark = |name: &str, is_admin| {
        world.synapse.state().account_mut(name).expect("seeded").admin = is_admin;
    };
    for name in ["ada", "bob"] {
        mark(name, true);
    }
    world.mas.state().user_mut("bob").expect("seeded").admin = false;
    let plan = with_admins(&world, BY_BOTH, "").run("plan").exits(0);
    plan.tells(&["by Synapse's own mark", "and not in [admins]: @bob:example.org; remove"]);
    assert_eq!(sync(&world, BY_BOTH), ["grant_admin ada in_admin_group done"]);
    assert!(world.synapse.state().account("bob").expect("seeded").admin);
    mark("bob", false);
    let plan = with_admins(&world, BY_BOTH, "").run("plan").exits(0);
    assert!(!plan.stderr.contains("own mark"), "{}", plan.stderr);
}

#[tokio::test]
async fn last_administrator_keeps_the_right() {
    let world = three().await;
    for name in ["ada", "boss"] {
        world.keycloak.state().realm("corp").leave(name, "/matrix-admins");
    }
    let run = with_admins(&world, BY_BOTH, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["revoke_admin bob not_in_admin_group done"]);
    assert_eq!(run.kept().last().map(String::as_str), Some("boss last_admin"));
    assert_eq!(admins(&world), ["boss"]);
}

#[tokio::test]
async fn administrator_who_has_left_is_revoked_in_this_run_and_disabled_by_the_next() {
    let world = three().await;
    world.leave("bob");
    let first = sync(&world, BY_BOTH);
    let revoked = "revoke_admin bob not_in_admin_group done".to_owned();
    assert!(first.contains(&revoked), "{first:?}");
    assert_eq!(sync(&world, BY_BOTH), ["disable bob not_in_group done"]);
}

#[tokio::test]
async fn plan_with_administrators_is_limited_and_shown() {
    let world = three().await;
    let file = format!("[limits]\nmax_admin_changes = 1\n{PROTECT}{ADMINS}");
    let limited = || program_by(&world, BY_BOTH, &file);
    limited().run("plan").exits(0).matches(&world, "plan_with_administrators");
    limited().run("sync").exits(3).tells(&["limits.max_admin_changes is 1"]);
    assert_eq!(admins(&world), ["bob", "boss"]);
}

#[tokio::test]
async fn saved_plan_changes_administrators_if_they_still_fit() {
    let world = three().await;
    let file = world.directory().join("plan.json");
    let run =
        |line: &str| with_admins(&world, BY_BOTH, "").run(&format!("{line} {}", file.display()));
    run("plan --out").exits(0);
    run("apply").exits(0).prints(&["2 changes of administrators"]);
    assert_eq!(admins(&world), ["ada", "boss"]);
    run("apply").exits(0).prints(&["this change of the administrator's right is not planned now"]);
}

#[tokio::test]
async fn undo_leaves_administrators_to_their_groups() {
    let world = three().await;
    sync(&world, BY_BOTH);
    let undo = with_admins(&world, BY_BOTH, "").run("undo 1").exits(0);
    undo.prints(&["administrators follow [admins]: change the group in Keycloak"]);
    assert_eq!(admins(&world), ["ada", "boss"]);
}

#[tokio::test]
async fn empty_list_of_groups_is_a_wrong_configuration() {
    let world = three().await;
    let run = program_by(&world, BY_BOTH, "[admins]\ngroups = []\n").run("plan").exits(78);
    run.tells(&["admins.groups", "expected at least one group or role"]);
}

const UNPROTECTED: &str = "[policy]\nprotect = [\"matrix-sync-bot\"]\nprotect_admins = false\n";

fn unprotected(world: &RunningWorld) -> Program {
    program_by(world, BY_BOTH, &format!("{NO_LIMITS}{UNPROTECTED}{ADMINS}"))
}

#[tokio::test]
async fn saved_plan_disables_no_last_administrator() {
    let world = three().await;
    world.keycloak.state().realm("corp").join("bob", "/matrix-admins");
    world.keycloak.state().realm("corp").leave("ada", "/matrix-admins");
    world.leave("boss");
    let file = world.directory().join("plan.json");
    let run = |line: &str| unprotected(&world).run(&format!("{line} {}", file.display()));
    run("plan --out").exits(0);
    world.mas.state().user_mut("bob").expect("seeded").admin = false;
    run("apply").exits(0).prints(&["kept now: an administrator, and too few would be left"]);
    assert_eq!(world.state_of("boss"), account(false, false));
}

#[tokio::test]
async fn undo_disables_no_last_administrator() {
    let world = group().group("/matrix-admins").member("boss").disabled_account("boss");
    let world = started(world).await;
    world.mas.state().user_mut("boss").expect("seeded").admin = true;
    world.keycloak.state().realm("corp").join("boss", "/matrix-admins");
    unprotected(&world).run("sync").exits(0);
    let undo = unprotected(&world).run("undo 1 --yes").exits(0);
    undo.prints(&["kept now: an administrator, and too few would be left"]);
    assert_eq!(world.state_of("boss"), account(false, false));
}

#[tokio::test]
async fn right_is_taken_although_mas_cli_cannot_end_sessions() {
    let world = three().await;
    let fails = "case \"$*\" in *kill-sessions*) echo 'Error: no' >&2; exit 1;; esac";
    let toml = mas_cli(&world, fails);
    program(&world).file(&world, &format!("{toml}{NO_LIMITS}{ADMINS}")).run("sync").exits(4);
    assert_eq!(admins(&world), ["ada", "boss"]);
    let again = program(&world).file(&world, &format!("{NO_LIMITS}{ADMINS}"));
    let again = again.run("sync --format json").exits(0).actions();
    assert_eq!(again, ["revoke_admin bob not_in_admin_group done"]);
}

#[tokio::test]
async fn explain_says_who_gets_and_who_loses_the_right() {
    let world = three().await;
    let explain = |name: &str| with_admins(&world, BY_BOTH, "").run(&format!("explain {name}"));
    explain("ada").exits(0).prints(&["ada: in [admins]: becomes an administrator in MAS"]);
    explain("bob").exits(0).prints(&["bob: not in [admins]: is no administrator in MAS any more"]);
    assert!(!explain("boss").exits(0).stdout.contains("[admins]"));
}

#[tokio::test]
async fn history_counts_the_changes_of_administrators() {
    let world = three().await;
    sync(&world, BY_BOTH);
    let history = with_admins(&world, BY_BOTH, "").run("history").exits(0);
    history.prints(&["in step, 2 changes of administrators"]);
}

#[tokio::test]
async fn plan_offers_no_approval_before_the_accounts_are_rechecked() {
    let outsiders = ["uma", "uri", "uwe"];
    let world = outsiders.iter().fold(group(), |world, name| world.user(name).account(name));
    let world = three_in(world).await;
    let limited = format!("[limits]\nmax_look = 2\n{PROTECT}{ADMINS}");
    let plan = program_by(&world, BY_BOTH, &limited).run("plan").exits(0);
    let plan = plan.prints(&["limits.max_look"]);
    assert!(!plan.stdout.contains("--approve"), "{}", plan.stdout);
}

#[tokio::test]
async fn directory_that_goes_down_between_the_lists_takes_no_right() {
    let of_directory = ["bob", "boss"];
    let world = three().await;
    world.keycloak.state().realm("corp").join("bob", "/matrix-admins");
    for name in of_directory {
        world.keycloak.state().realm("corp").user_mut(name).expect("seeded").federation_link =
            Some("ldap-1".to_owned());
    }
    let list_of = |path: &str| {
        let group = world.keycloak.state().realm("corp").group_by_path(path).cloned();
        format!("/groups/{}/members", group.expect("seeded").id)
    };
    // It is down while the administrators are read, and up again for the members. Several requests for
    // a list are on the way at the same time, so each of them makes sure.
    let is_up_again = Arc::new(AtomicBool::new(false));
    let outage = |ends: bool| {
        let (state, is_up_again) = (world.keycloak.shared(), Arc::clone(&is_up_again));
        move |_: &SeenRequest| {
            if ends {
                is_up_again.store(true, Ordering::SeqCst);
            } else if is_up_again.load(Ordering::SeqCst) {
                return;
            }
            let mut state = state.lock();
            let realm = state.realm("corp");
            for name in of_directory {
                for group in ["/matrix-users", "/matrix-admins"] {
                    if ends { realm.join(name, group) } else { realm.leave(name, group) }
                }
            }
        }
    };
    world.keycloak.faults().on(&list_of("/matrix-admins")).before(outage(false));
    world.keycloak.faults().on(&list_of("/matrix-users")).before(outage(true));
    let run = with_admins(&world, BY_BOTH, "").run("sync --format json").exits(0);
    assert_eq!(run.json()["contradictions"], 2, "bob and boss were missing in one list");
    assert_eq!(run.actions(), ["grant_admin ada in_admin_group done"]);
}

#[tokio::test]
async fn run_disables_no_administrator_if_the_administrators_are_unknown() {
    let world = three_in(group().user("dave").account("dave")).await;
    world.leave("boss");
    world.mas.admin().faults().on("admin%5D").answer(Fault::Status(500, String::new()));
    unprotected(&world).run("plan").exits(4).tells(&[
        "WARN the administrators are unknown: ",
        "a run would not disable @boss:example.org",
    ]);
    let run = unprotected(&world).run("sync --format json").exits(4);
    let actions = run.actions();
    for action in ["disable boss not_in_group skipped", "disable dave not_in_group done"] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
    assert_eq!(world.state_of("boss"), account(false, false));
}

#[tokio::test]
async fn failed_look_at_one_right_stops_no_disable_of_another_administrator() {
    let world = three_in(group()).await;
    world.leave("boss");
    for name in ["ada", "bob"] {
        let part = format!("/users/{}", id_in_keycloak(&world, name));
        world.keycloak.faults().on(&part).answer(Fault::Status(500, String::new()));
    }
    let run = unprotected(&world).run("sync --format json").exits(4);
    let actions = run.actions();
    for action in ["disable boss not_in_group done", "revoke_admin bob not_in_admin_group skipped"]
    {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
    assert_eq!(world.state_of("boss"), account(true, true));
}

#[tokio::test]
async fn undo_disables_no_account_if_the_administrators_are_unknown() {
    let world = group().group("/matrix-admins").member("boss").disabled_account("boss");
    let world = started(world.member("carl").disabled_account("carl")).await;
    world.keycloak.state().realm("corp").join("boss", "/matrix-admins");
    unprotected(&world).run("sync").exits(0);
    world.mas.admin().faults().on("admin%5D").answer(Fault::Status(500, String::new()));
    unprotected(&world).run("undo 1 --yes").exits(1).tells(&["MAS: GET", "admin%5D"]);
    let dry = unprotected(&world).run("undo 1 --yes --dry-run").exits(0);
    dry.tells(&["WARN the administrators are unknown: ", "a run would disable no account"]);
    assert_eq!(["boss", "carl"].map(|name| world.state_of(name)), [account(false, false); 2]);
}

#[tokio::test]
async fn no_approval_is_offered_that_a_run_would_refuse_while_the_administrators_are_unknown() {
    let limits = format!("[limits]\nmax_disable = 0\n{UNPROTECTED}{ADMINS}");
    let limited = |world: &RunningWorld| program_by(world, BY_BOTH, &limits);
    let world = group().group("/matrix-admins").member("boss").disabled_account("boss");
    let world = started(world.member("carl").disabled_account("carl")).await;
    world.keycloak.state().realm("corp").join("boss", "/matrix-admins");
    unprotected(&world).run("sync").exits(0);
    limited(&world).run("undo 1 --dry-run").exits(0).prints(&["undo 1 --approve "]);
    world.mas.admin().faults().on("admin%5D").answer(Fault::Status(500, String::new()));
    let dry = limited(&world).run("undo 1 --dry-run").exits(0);
    assert!(!dry.stdout.contains("--approve"), "{}", dry.stdout);

    let world = three_in(group().user("dave").account("dave")).await;
    world.leave("boss");
    world.keycloak.state().realm("corp").join("bob", "/matrix-admins");
    limited(&world).run("plan").exits(0).prints(&["sync --approve "]);
    world.mas.admin().faults().on("admin%5D").answer(Fault::Status(500, String::new()));
    let plan = limited(&world).run("plan").exits(4);
    assert!(!plan.stdout.contains("--approve"), "{}", plan.stdout);
}

#[tokio::test]
async fn watch_disables_no_last_administrator_while_mas_cli_does_not_list_them() {
    let world = three().await;
    world.keycloak.state().realm("corp").join("bob", "/matrix-admins");
    world.keycloak.state().realm("corp").leave("ada", "/matrix-admins");
    let fails = world.directory().join("fails");
    let fails_once = format!(
        "case \"$*\" in *list-admin-users*) if [ -e {0} ]; then echo 'Error: no' >&2; exit 1; fi;; esac",
        fails.display()
    );
    let toml = format!(
        "{}{NO_LIMITS}{UNPROTECTED}{ADMINS}min_admins = 2\n{QUICK}",
        mas_cli(&world, &fails_once)
    );
    let watching = start(&world, program(&world).file(&world, &toml));
    watching.is_ready().await;
    std::fs::write(&fails, "").expect("a file");
    world.leave("boss");
    watching.has_run(FAILED, 1).await;
    assert_eq!(world.state_of("boss"), account(false, false));
    std::fs::remove_file(&fails).expect("it is there");
    watching.signal("HUP");
    watching.has_run("kind=\"full\"", 2).await;
    assert_eq!(world.state_of("boss"), account(false, false));
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn explain_names_the_last_administrators() {
    let world = three().await;
    world.keycloak.state().realm("corp").leave("ada", "/matrix-admins");
    world.leave("boss");
    let last = format!("{NO_LIMITS}{UNPROTECTED}{ADMINS}min_admins = 2\n");
    let explain = |name: &str| program_by(&world, BY_BOTH, &last).run(&format!("explain {name}"));
    explain("boss").exits(0).prints(&[
        "boss: kept (last_admin)",
        "boss: still an administrator in MAS, because too few would be left",
    ]);
    explain("bob").exits(0).prints(&["bob: still an administrator in MAS"]);
}

#[tokio::test]
async fn user_whom_mas_lists_without_the_right_is_no_administrator_in_office() {
    let world = three().await;
    world.mas.state().user_mut("bob").expect("seeded").admin = false;
    world.keycloak.state().realm("corp").leave("boss", "/matrix-admins");
    world.keycloak.state().realm("corp").leave("ada", "/matrix-admins");
    // A MAS that does not know the filter lists everyone (trap 42).
    let listed = |seen: &SeenRequest| seen.target().contains("filter%5Badmin%5D=true");
    world.mas.admin().faults().matching(listed).answer(Fault::WithoutFilters);
    let run = with_admins(&world, BY_BOTH, "").run("sync --format json");
    assert!(run.kept().contains(&"boss last_admin".to_owned()), "{run:?}");
    assert_eq!(admins(&world), ["boss"]);
}

#[tokio::test]
async fn no_administrator_loses_the_right_if_synapse_does_not_show_who_can_log_in() {
    for old in ["Synapse", "MAS"] {
        let world = three().await;
        let mut release = "1.22.0";
        if old == "MAS" {
            release = "1.13.0";
        } else {
            world.synapse.state().settings.version = "1.149.1".to_owned();
        }
        // Boss stays an administrator and was locked by hand in MAS, which Synapse does not show.
        let now = "2026-11-01T00:00:00Z".to_owned();
        world.mas.state().user_mut("boss").expect("seeded").locked_at = Some(now);
        world.keycloak.state().realm("corp").leave("ada", "/matrix-admins");
        let toml = format!("{NO_LIMITS}{PROTECT}{ADMINS}{}", mas_cli_of(&world, release));
        let run = program(&world).file(&world, &toml).run("sync --format json").exits(0);
        assert_eq!(
            (run.actions(), run.kept()),
            (vec![], vec!["bob last_admin".to_owned()]),
            "{old}: {run:?}"
        );
        run.tells(&["unknown which administrators can log in", "[writer.mas_api]"]);
        assert_eq!(admins(&world), ["bob", "boss"], "{old}");
    }
}
