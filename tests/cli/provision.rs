//! Accounts before the first login: made whole, or finished by the next run, and never for the
//! wrong user.

use matrix_keycloak_sync::standins::mas::{Email, Link, MasSession, MasState, SessionKind};
use matrix_keycloak_sync::standins::world::AccountParts;
use matrix_keycloak_sync::standins::{Fault, RunningWorld, SeenRequest};

use crate::harness::{
    BY_BOTH, EVERY_WAY, NO_LIMITS, Program, Way, group, program, program_by, script, settings,
    started,
};
use crate::sections::PROTECT;

/// A program that creates accounts.
fn provisioning(world: &RunningWorld, way: Way, more: &str) -> Program {
    let file = settings(world, way)
        .replace("[accounts]\n", "[accounts]\nprovision = \"members\"\n")
        .replace("[writer]\n", "[writer]\nconfirm_timeout = \"5s\"\n");
    let program = program_by(world, way, "");
    program.file(world, &format!("{file}{NO_LIMITS}{more}{PROTECT}"))
}

fn sync(world: &RunningWorld, way: Way) -> Vec<String> {
    provisioning(world, way, "").run("sync --format json").exits(0).actions()
}

/// Zoe is a member with a name and an e-mail address, and no account.
async fn zoes() -> RunningWorld {
    let world = started(group().member("zoe").member("alice").account("alice")).await;
    {
        let mut keycloak = world.keycloak.state();
        let zoe = keycloak.realm("corp").user_mut("zoe").expect("seeded");
        (zoe.first_name, zoe.last_name) = (Some("Zoe".to_owned()), Some("Zimmer".to_owned()));
        zoe.email = Some("zoe@corp.test".to_owned());
    }
    world
}

/// What Zoe's account has if it is whole.
fn whole(world: &RunningWorld) -> AccountParts {
    AccountParts {
        subjects: vec![id_of(world, "zoe")],
        emails: vec!["zoe@corp.test".to_owned()],
        displayname: Some("Zoe Zimmer".to_owned()),
        ..AccountParts::default()
    }
}

fn id_of(world: &RunningWorld, username: &str) -> String {
    world.keycloak.state().realm("corp").user_mut(username).expect("seeded").id.clone()
}

#[tokio::test]
async fn member_without_account_gets_a_whole_one_by_both_writers() {
    for way in EVERY_WAY {
        let world = zoes().await;
        assert_eq!(sync(&world, way), ["create zoe in_group done"], "{way:?}");
        assert!(world.settle().await);
        assert_eq!(world.parts_of("zoe"), whole(&world), "{way:?}");
        assert!(world.login("zoe").is_ok(), "{way:?}");
        assert_eq!(sync(&world, way), [""; 0], "{way:?}");
    }
}

#[tokio::test]
async fn plan_history_and_undo_show_new_accounts() {
    let world = zoes().await;
    provisioning(&world, BY_BOTH, "")
        .run("plan")
        .exits(0)
        .matches(&world, "plan_with_new_accounts");
    sync(&world, BY_BOTH);
    let again = || provisioning(&world, BY_BOTH, "");
    again().run("history 1").exits(0).prints(&["done         create      @zoe:example.org"]);
    again().run("undo 1").exits(4).tells(&["1 account was not disabled, because it belongs"]);
    again().run("undo 1 --yes").exits(0).prints(&["1 disabled"]);
}

fn issuer(world: &RunningWorld) -> String {
    format!("{}/realms/corp", world.keycloak.url())
}

fn add_to_mas_configuration(world: &RunningWorld, providers: &str) {
    let file = world.mas_cli_config();
    let text = std::fs::read_to_string(file).expect("seeded");
    let text = format!("{text}upstream_oauth2:\n  providers:\n{providers}");
    std::fs::write(file, text).expect("writable");
}

#[tokio::test]
async fn provider_of_mas_cli_alone_is_the_configured_one_or_that_of_mas_configuration() {
    for key in ["provider = \"01H8PKNWKKRPCBW4YGH1RWV279\"\n", ""] {
        let world = zoes().await;
        if key.is_empty() {
            let provider = world.upstream_provider();
            add_to_mas_configuration(
                &world,
                &format!("  - id: {provider}\n    issuer: {}\n", issuer(&world)),
            );
        }
        let toml = format!("[accounts]\nprovision = \"members\"\n{key}{NO_LIMITS}");
        let run = program(&world).file(&world, &toml).run("sync --format json").exits(0);
        assert_eq!(run.actions(), ["create zoe in_group done"], "{key}");
        assert!(world.settle().await);
        assert_eq!(world.parts_of("zoe"), whole(&world), "{key}");
    }
}

#[tokio::test]
async fn without_a_provider_the_configuration_is_wrong() {
    let world = zoes().await;
    let toml = "[accounts]\nprovision = \"members\"\n";
    let told = ["needs the upstream provider of MAS", "`accounts.provider`"];
    program(&world).file(&world, toml).run("sync").exits(78).tells(&told);
    add_to_mas_configuration(&world, "  - id: 01A\n    issuer: https://a/\n  - id: 01B\n");
    program(&world).file(&world, toml).run("plan").exits(78).tells(&told);
}

#[tokio::test]
async fn check_of_the_configuration_finds_that_the_provider_is_missing_or_not_the_only_one() {
    let toml = "[accounts]\nprovision = \"members\"\n";
    for (ids, exit) in [(vec![], 78), (vec!["01A"], 0), (vec!["01A", "01B"], 78)] {
        let world = zoes().await;
        let one = |id| format!("  - id: {id}\n    issuer: {}\n", issuer(&world));
        add_to_mas_configuration(&world, &ids.into_iter().map(one).collect::<String>());
        let check = program(&world).file(&world, toml).run("config check").exits(exit);
        if exit != 0 {
            check.tells(&["needs the upstream provider of MAS", "`accounts.provider`"]);
        }
        program(&world).file(&world, toml).run("config show").exits(0);
        provisioning(&world, BY_BOTH, "").run("config check").exits(0);
    }
}

#[tokio::test]
async fn account_whose_answers_are_lost_is_made_once_and_whole() {
    for (method, path) in
        [("POST", "/users"), ("POST", "/user-emails"), ("POST", "/upstream-oauth-links")]
    {
        let world = zoes().await;
        world.mas.admin().faults().at(method, path).times(1).answer(Fault::LostAnswer);
        provisioning(&world, BY_BOTH, "").run("sync").exits(0);
        assert!(world.settle().await);
        assert_eq!(world.parts_of("zoe"), whole(&world), "{path}");
    }
}

#[tokio::test]
async fn half_made_account_is_finished_by_the_next_run() {
    for path in ["/user-emails", "/upstream-oauth-links"] {
        let world = zoes().await;
        world.mas.admin().faults().at("POST", path).answer(Fault::Status(500, String::new()));
        let run = provisioning(&world, BY_BOTH, "").run("sync").exits(4);
        run.prints(&["created, but not linked to its user yet"]);
        assert!(world.settle().await);
        assert_ne!(world.parts_of("zoe"), whole(&world), "{path}");
        world.mas.admin().faults().clear();
        assert_eq!(sync(&world, BY_BOTH), ["create zoe in_group done"], "{path}");
        assert!(world.settle().await);
        assert_eq!(world.parts_of("zoe"), whole(&world), "{path}");
    }
}

#[tokio::test]
async fn half_made_account_is_finished_however_many_runs_that_takes() {
    let world = zoes().await;
    let links = || world.mas.admin().faults().at("POST", "/upstream-oauth-links");
    links().answer(Fault::Status(500, String::new()));
    for _ in 0..3 {
        provisioning(&world, BY_BOTH, "").run("sync").exits(4);
        assert!(world.settle().await);
    }
    world.mas.admin().faults().clear();
    assert_eq!(sync(&world, BY_BOTH), ["create zoe in_group done"]);
    assert!(world.settle().await);
    assert_eq!(world.parts_of("zoe"), whole(&world));
}

/// Zoe's account is made and not linked, and MAS's worker does not reach the homeserver.
async fn half_made_in_mas_alone() -> RunningWorld {
    let world = zoes().await;
    let link = || world.mas.admin().faults().at("POST", "/upstream-oauth-links");
    link().answer(Fault::Status(500, String::new()));
    let provision = || world.synapse.faults().on("/provision_user");
    provision().answer(Fault::Reset);
    provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    assert!(world.synapse.state().account("zoe").is_none());
    world.mas.admin().faults().clear();
    world
}

#[tokio::test]
async fn half_made_account_that_the_homeserver_does_not_know_yet_is_finished() {
    let world = half_made_in_mas_alone().await;
    provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    let AccountParts { subjects, emails, .. } = world.parts_of("zoe");
    assert_eq!((subjects, emails), (whole(&world).subjects, whole(&world).emails));
    assert_eq!(sync(&world, BY_BOTH), [""; 0]);
}

#[tokio::test]
async fn half_made_account_that_the_homeserver_knows_only_after_the_list_is_finished() {
    let world = half_made_in_mas_alone().await;
    let synapse = world.synapse.shared();
    // MAS's worker reaches the homeserver between the lists and the second look.
    world.synapse.faults().on("/users/@zoe").before(move |_| {
        let mut synapse = synapse.lock();
        if synapse.account("zoe").is_none() {
            synapse.add_account("zoe");
        }
    });
    assert_eq!(sync(&world, BY_BOTH), ["create zoe in_group done"]);
    let AccountParts { subjects, emails, .. } = world.parts_of("zoe");
    assert_eq!((subjects, emails), (whole(&world).subjects, whole(&world).emails));
}

/// zoe's account is made in MAS, but not linked yet.
async fn half_made() -> RunningWorld {
    let world = zoes().await;
    let links = || world.mas.admin().faults().at("POST", "/upstream-oauth-links");
    links().answer(Fault::Status(500, String::new()));
    provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    assert!(world.settle().await);
    world.mas.admin().faults().clear();
    world
}

#[tokio::test]
async fn half_made_account_stays_its_users_after_a_rename() {
    let world = half_made().await;
    world.rename_in_keycloak("zoe", "zoey");
    assert_eq!(sync(&world, BY_BOTH), ["create zoe in_group done"]);
    assert!(world.settle().await);
    assert_eq!(world.parts_of("zoe").subjects, [id_of(&world, "zoey")]);
    assert!(world.mas.state().user("zoey").is_none());
}

#[tokio::test]
async fn wrapper_gets_no_word_that_a_shell_would_read() {
    let world = zoes().await;
    {
        let mut keycloak = world.keycloak.state();
        let zoe = keycloak.realm("corp").user_mut("zoe").expect("seeded");
        zoe.first_name = Some("$(touch injected)".to_owned());
    }
    let program = || program(&world);
    let wrapper =
        script(&world, "ssh-mas-cli", "cd \"$(dirname \"$0\")\" && exec /bin/sh -c \"mas-cli $*\"");
    let toml = format!(
        "[accounts]\nprovision = \"members\"\nprovider = {:?}\n[writer.mas_cli]\ncommand = [{:?}]\n{NO_LIMITS}",
        world.upstream_provider(),
        wrapper.to_string_lossy(),
    );
    let run = program().file(&world, &toml).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["create zoe in_group done"]);
    assert!(!world.directory().join("injected").exists());
    assert_eq!(world.parts_of("zoe").displayname.as_deref(), Some("zoe"));
}

#[tokio::test]
async fn name_that_another_registers_in_between_is_not_linked() {
    let world = zoes().await;
    let mas = world.mas.shared();
    let register = move |_: &SeenRequest| {
        mas.lock().add_user("zoe");
    };
    world.mas.admin().faults().at("POST", "/users").times(1).before(register);
    let run = provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    run.prints(&[
        "ambiguous: zoe has an account meanwhile, and nothing shows that it is this user's",
    ]);
    assert_eq!(world.parts_of("zoe").subjects, [""; 0]);
}

#[tokio::test]
async fn user_whose_account_has_another_name_gets_no_second_one() {
    let world = zoes().await;
    let subject = id_of(&world, "zoe");
    {
        let mut mas = world.mas.state();
        let id = mas.add_user("zoe.old").id.clone();
        mas.add_link(Link::new(world.upstream_provider(), &subject, &id));
    }
    assert_eq!(sync(&world, BY_BOTH), [""; 0]);
    assert!(world.mas.state().user("zoe").is_none());
}

#[tokio::test]
async fn accounts_are_created_within_their_limit_only() {
    let names = ["zoe", "yan", "xia"];
    let world = started(names.iter().fold(group(), |world, name| world.member(name))).await;
    let file =
        settings(&world, BY_BOTH).replace("[accounts]\n", "[accounts]\nprovision = \"members\"\n");
    let toml = format!("{file}[limits]\nmax_create = 2\n{PROTECT}");
    let limited = || program_by(&world, BY_BOTH, "").file(&world, &toml);
    limited().run("sync").exits(3).tells(&["3 accounts would be created, limits.max_create is 2"]);
    assert!(names.iter().all(|name| world.mas.state().user(name).is_none()));
}

#[tokio::test]
async fn saved_plan_creates_accounts_that_are_still_missing() {
    let world = zoes().await;
    let file = world.directory().join("plan.json");
    let run = |line: String| provisioning(&world, BY_BOTH, "").run(&line);
    run(format!("plan --out {}", file.display())).exits(0);
    run(format!("apply {}", file.display())).exits(0).prints(&["1 created"]);
    run(format!("apply {}", file.display())).exits(0).prints(&["there is nothing to create now"]);
}

#[tokio::test]
async fn saved_plan_finishes_an_account_that_only_mas_knows() {
    let world = half_made_in_mas_alone().await;
    let file = world.directory().join("plan.json");
    let run =
        |line: &str| provisioning(&world, BY_BOTH, "").run(&format!("{line} {}", file.display()));
    run("plan --out").exits(0);
    run("apply").exits(4);
    assert_eq!(world.parts_of("zoe").subjects, whole(&world).subjects);
}

#[tokio::test]
async fn account_that_another_registers_after_an_attempt_is_not_linked() {
    for is_listed in [false, true] {
        let world = zoes().await;
        let create = || world.mas.admin().faults().at("POST", "/users");
        create().answer(Fault::Reset);
        provisioning(&world, BY_BOTH, "").run("sync").exits(4);
        world.mas.admin().faults().clear();
        // A stranger registers the name with a password, long after the attempt.
        {
            let mut mas = world.mas.state();
            mas.add_user("zoe");
            mas.user_mut("zoe").expect("just made").created_at = "2030-01-01T00:00:00Z".to_owned();
        }
        if is_listed {
            world.synapse.state().add_account("zoe");
        }
        let run = provisioning(&world, BY_BOTH, "").run("sync").exits(4);
        run.prints(&["nothing shows that it is this user's"]);
        assert_eq!(world.parts_of("zoe").subjects, [""; 0], "{is_listed}");
    }
}

#[tokio::test]
async fn account_that_is_there_after_a_lost_request_is_not_linked_if_it_is_older_or_linked() {
    let long_ago = |mas: &mut MasState| {
        mas.user_mut("zoe").expect("just made").created_at = "2020-01-01T00:00:00Z".to_owned();
    };
    let by_another = |mas: &mut MasState| {
        let provider = mas.links().next().expect("alice has one").provider_id.clone();
        let id = mas.user("zoe").expect("just made").id.clone();
        mas.add_link(Link::new(&provider, "another", &id));
    };
    let changes: [fn(&mut MasState); 2] = [long_ago, by_another];
    for change in changes {
        let world = zoes().await;
        let mas = world.mas.shared();
        let create = || world.mas.admin().faults().at("POST", "/users").times(1);
        create().before(move |_| {
            let mut mas = mas.lock();
            mas.add_user("zoe");
            change(&mut mas);
        });
        create().answer(Fault::Reset);
        let run = provisioning(&world, BY_BOTH, "").run("sync").exits(4);
        run.prints(&["nothing shows that it is this user's"]);
        assert!(!world.parts_of("zoe").subjects.contains(&id_of(&world, "zoe")));
    }
}

#[tokio::test]
async fn account_that_someone_uses_is_not_linked_although_it_was_made_during_an_attempt() {
    let other_provider = |mas: &mut MasState| {
        let id = mas.user("zoe").expect("just made").id.clone();
        mas.add_link(Link::new("01HFVBY12TMNTYTBV8W921M5FA", "someone", &id));
    };
    let other_address = |mas: &mut MasState| {
        let id = mas.user("zoe").expect("just made").id.clone();
        mas.add_email(Email::new(&id, "someone@corp.test"));
    };
    let session = |mas: &mut MasState| {
        let id = mas.user("zoe").expect("just made").id.clone();
        mas.put_session(MasSession::new(SessionKind::Browser, &id));
    };
    let uses: [fn(&mut MasState); 3] = [session, other_provider, other_address];
    for (sign, change) in ["a session", "a link", "an address"].into_iter().zip(uses) {
        for is_same_run in [true, false] {
            let world = zoes().await;
            let create = || world.mas.admin().faults().at("POST", "/users");
            let mas = world.mas.shared();
            let register = move || {
                let mut mas = mas.lock();
                mas.add_user("zoe");
                change(&mut mas);
            };
            if is_same_run {
                create().times(1).before(move |_| register());
                create().times(1).answer(Fault::Reset);
            } else {
                create().answer(Fault::Reset);
                provisioning(&world, BY_BOTH, "").run("sync").exits(4);
                world.mas.admin().faults().clear();
                register();
            }
            let run = provisioning(&world, BY_BOTH, "").run("sync").exits(4);
            run.prints(&["nothing shows that it is this user's"]);
            let subjects = world.parts_of("zoe").subjects;
            assert!(!subjects.contains(&id_of(&world, "zoe")), "{sign}, {is_same_run}");
        }
    }
}

#[tokio::test]
async fn half_made_account_is_finished_although_the_users_address_has_changed() {
    let world = half_made().await;
    world.keycloak.state().realm("corp").user_mut("zoe").expect("seeded").email =
        Some("new@corp.test".to_owned());
    assert_eq!(sync(&world, BY_BOTH), ["create zoe in_group done"]);
    assert_eq!(world.parts_of("zoe").subjects, whole(&world).subjects);
}

/// Moves the attempts that the state file has an hour into the past.
fn an_hour_later(world: &RunningWorld) {
    let path = world.directory().join("matrix-keycloak-sync/corp@example.org.db");
    let state = rusqlite::Connection::open(path).expect("a state file");
    for column in
        ["actions SET begun = begun", "actions SET ended = ended", "runs SET started = started"]
    {
        state.execute(&format!("UPDATE {column} - 3600000"), []).expect("a table");
    }
}

#[tokio::test]
async fn attempt_to_finish_an_account_does_not_make_it_ours() {
    let world = zoes().await;
    let create = || world.mas.admin().faults().at("POST", "/users");
    create().answer(Fault::Reset);
    provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    world.mas.admin().faults().clear();
    an_hour_later(&world);
    // A stranger registers the name now, and it cannot be read right before it would be finished.
    world.mas.state().add_user("zoe");
    let id = world.mas.state().user("zoe").expect("just made").id.clone();
    let read = || world.mas.admin().faults().at("GET", &format!("/users/{id}"));
    read().answer(Fault::Status(502, String::new()));
    provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    world.mas.admin().faults().clear();
    let run = provisioning(&world, BY_BOTH, "").run("sync").exits(4);
    run.prints(&["nothing shows that it is this user's"]);
    assert_eq!(world.parts_of("zoe").subjects, [""; 0]);
}
