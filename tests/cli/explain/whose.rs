//! Whose account it is: the evidence for and against, and what decides.

use matrix_keycloak_sync::standins::{NewAccount, NewUser, RunningWorld};

use crate::harness::{
    BY_BOTH, NO_LIMITS, Program, group, program, program_by, settings, started, the_table,
};
use crate::sections::state_file;

/// The ID of the user that the tests are about.
const ID: &str = "0ba50303-5dc2-4485-ad77-acd8b74f5b9f";
/// A user who was deleted.
const GONE: &str = "00000000-0000-4000-8000-000000000001";

/// The program with the Admin API, mas-cli and Synapse.
fn linked(world: &RunningWorld, more: &str) -> Program {
    program_by(world, BY_BOTH, more)
}

/// The program with a state file.
fn remembering(world: &RunningWorld) -> Program {
    program(world).file(world, &format!("{}{NO_LIMITS}", state_file(world)))
}

/// Returns what `explain` prints about the owner and the rule.
fn whose(world: &RunningWorld, program: Program, user: &str) -> String {
    let run = program.run(&format!("explain {user}")).exits(0);
    let text = run.stdout.replace(&world.keycloak.url(), "http://keycloak");
    let text = text.replace(&world.synapse.url(), "http://synapse");
    let begin = text.find("\nOwner\n").expect(&text);
    text[begin + 1..].to_owned()
}

#[tokio::test]
async fn a_user_is_found_by_username_id_and_email_address() {
    let world = group()
        .with_user(NewUser::member("charlie").id(ID).email("charlie@corp.test"))
        .with_account(NewAccount::new("cool.cat").linked_to(ID));
    let world = started(world).await;
    let expected = format!(
        "\
Owner
  @cool.cat:example.org belongs to charlie ({ID})
    for      link in MAS: charlie ({ID})
    The link decides.

Rule
  cool.cat: in the group, and the account is active: nothing to do
"
    );
    for user in ["charlie", "CHARLIE", ID, "charlie@corp.test", "Charlie@corp.test", "cool.cat"] {
        assert_eq!(whose(&world, linked(&world, ""), user), expected, "{user}");
    }
    assert_eq!(whose(&world, linked(&world, ""), "@cool.cat:example.org"), expected);
}

#[tokio::test]
async fn a_name_never_replaces_a_link() {
    let world = group()
        .with_user(NewUser::member("alice.new").id(ID))
        .with_user(NewUser::member("alice").id("id-other"))
        .with_account(NewAccount::new("alice").linked_to(ID));
    let world = started(world).await;
    let expected = format!(
        "\
Owner
  @alice:example.org belongs to alice.new ({ID})
    for      link in MAS: alice.new ({ID})
    against  name by the template: alice (id-other)
    The link decides: a name never replaces a link.

Rule
  alice: in the group, and the account is active: nothing to do
  alice: in the group, no account; another account has the name
"
    );
    assert_eq!(whose(&world, linked(&world, ""), "alice"), expected);
}

#[tokio::test]
async fn a_newer_link_replaces_an_older_one() {
    let world = group()
        .with_user(NewUser::member("bob").id(ID))
        .with_user(NewUser::new("eve").id("id-eve"))
        .with_account(
            NewAccount::new("bob")
                .linked_to_at("id-eve", "2024-01-01T00:00:00Z")
                .linked_to_at(ID, "2025-01-01T00:00:00Z"),
        );
    let world = started(world).await;
    let text = whose(&world, linked(&world, ""), "bob");
    let expected = format!(
        "\
Owner
  @bob:example.org belongs to bob ({ID})
    for      link in MAS: bob ({ID})
    against  older link in MAS: eve (id-eve)
    for      name by the template: bob ({ID})
    The newest link decides: it replaces the older ones, and a name never replaces a link.
"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[tokio::test]
async fn member_is_not_shown_without_an_account_if_a_link_does_not_decide() {
    let bob = NewUser::member("bob").id(ID);
    let cool = NewAccount::new("cool").linked_to_at(ID, "2024-01-01T00:00:00Z");
    let world = group().with_user(bob.clone()).with_user(NewUser::new("eve").id("id-eve"));
    let world =
        started(world.with_account(cool.linked_to_at("id-eve", "2025-01-01T00:00:00Z"))).await;
    linked(&world, "").run("explain bob").exits(0).matches(&world, "explain_ambiguous_account");
    let world =
        started(group().with_user(bob).with_account(NewAccount::new("cool").linked_to(ID))).await;
    let file =
        settings(&world, BY_BOTH).replace("[accounts]\n", "[accounts]\nmatch = \"localpart\"\n");
    let run = linked(&world, "").file(&world, &file).run("explain bob").exits(0);
    run.matches(&world, "explain_link_that_is_only_a_hint");
}

#[tokio::test]
async fn a_renamed_member_keeps_the_account_by_memory() {
    let world = started(group().with_user(NewUser::member("alice").id(ID)).account("alice")).await;
    remembering(&world).run("sync").exits(0);
    world.put_user(&NewUser::member("alice.new").id(ID)).expect("a user");
    let expected = format!(
        "\
Owner
  @alice:example.org belongs to alice.new ({ID})
    for      remembered in the state file, from a name: alice.new ({ID})
    The state file decides.

Rule
  alice: in the group, and the account is active: nothing to do
"
    );
    for user in ["alice", "alice.new"] {
        assert_eq!(whose(&world, remembering(&world), user), expected, "{user}");
    }
}

#[tokio::test]
async fn an_external_id_decides_about_an_account_that_would_change() {
    let world = group()
        .with_user(NewUser::member("alice").id(ID))
        .with_account(NewAccount::new("old.alice").external_id("oidc-keycloak", ID));
    let world = started(world).await;
    let expected = format!(
        "\
Owner
  @old.alice:example.org belongs to alice ({ID})
    for      external ID in Synapse: alice ({ID})
    The external ID decides.

Rule
  old.alice: in the group, and the account is active: nothing to do
"
    );
    assert_eq!(whose(&world, program(&world), "alice"), expected);
}

#[tokio::test]
async fn an_account_that_needs_an_approval_comes_with_the_command() {
    let world = started(the_table().account("old-timer")).await;
    let plan = program(&world).run("plan --format json").exits(0).json();
    let digest = plan["digest"].as_str().expect("a digest");
    let expected = format!(
        "\
Owner
  @old-timer:example.org belongs to no known Keycloak user
    Nothing ties the account to a user.

Rule
  old-timer: not in Keycloak, and the account is active: disable, but only with an approval, because no Keycloak user was ever seen to own it
    To keep the account, add it to policy.protect.
    To disable it, check the whole `plan`, and approve it with
      matrix-keycloak-sync sync --approve {digest}
",
        digest = &digest[7..39]
    );
    assert_eq!(whose(&world, program(&world), "old-timer"), expected);
}

#[tokio::test]
async fn a_user_created_again_takes_the_account_over_only_with_an_approval() {
    let user = NewUser::member("carol").id(ID).email("carol@example.org");
    let account = NewAccount::new("carol").email("carol@example.org").linked_to(GONE);
    let world = group().members(3, "u").accounts(3, "u").with_user(user).with_account(account);
    let world = started(world).await;
    linked(&world, "").run("explain carol").exits(0).matches(&world, "explain_recreated_user");
}

#[tokio::test]
async fn weak_signs_only_protect() {
    let user = NewUser::member("o'brien").id(ID).email("pat@corp.test").named("Pat", "O'Brien");
    let account = NewAccount::new("o=27brien").email("pat@corp.test").displayname("Pat O'Brien");
    let world = started(group().with_user(user).with_account(account)).await;
    let expected = format!(
        "\
Owner
  @o=27brien:example.org belongs to no known Keycloak user
    hint     name as Synapse once escaped it: o'brien ({ID})
    hint     e-mail address: o'brien ({ID})
    hint     first and last name as display name: o'brien ({ID})
    Nothing decides: such signs only protect the account.

Rule
  o=27brien: kept (may_be_member): it may be the account of o'brien
    If it is the member's account, link it to them in MAS (upstream-oauth-links). If not, disable it by hand.
"
    );
    assert_eq!(whose(&world, program(&world), "o=27brien"), expected);
}

#[tokio::test]
async fn a_namesake_does_not_get_the_account_of_another_user() {
    let world = group()
        .with_user(NewUser::member("dana").id(ID))
        .with_user(NewUser::new("dana.old").id("id-old"))
        .with_account(NewAccount::new("dana").locked().deactivated().linked_to("id-old"));
    let world = started(world).await;
    let expected = format!(
        "\
Owner
  @dana:example.org belongs to dana.old (id-old)
    for      link in MAS: dana.old (id-old)
    against  name by the template: dana ({ID})
    The link decides: a name never replaces a link.

Rule
  dana: kept (another_person): has the name of a member, but belongs to another user
    To hand the account over, unlock it and move its link in MAS to the member (upstream-oauth-links). Without [writer.mas_api], which reads links, also add it to policy.protect.
  dana: in the group, no account; another account has the name
"
    );
    assert_eq!(whose(&world, linked(&world, ""), "dana"), expected);
}

#[tokio::test]
async fn accounts_that_differ_only_in_case_are_shown_together() {
    let world =
        started(group().with_user(NewUser::member("kim").id(ID)).account("kim").account("KIM"))
            .await;
    program(&world)
        .run("explain kim")
        .exits(0)
        .matches(&world, "explain_accounts_that_differ_only_in_case");
}

#[tokio::test]
async fn evidence_that_match_does_not_use_is_shown_as_such() {
    let world = group()
        .with_user(NewUser::member("alice").id(ID))
        .with_user(NewUser::new("mallory").id("id-mallory"))
        .with_account(NewAccount::new("alice").linked_to("id-mallory"));
    let world = started(world).await;
    let program = linked(&world, "");
    let file = settings(&world, BY_BOTH);
    let file = file.replace("[accounts]\n", "[accounts]\nmatch = \"localpart\"\n");
    let text = whose(&world, program.file(&world, &file), "alice");
    let expected = format!(
        "\
Owner
  @alice:example.org belongs to alice ({ID})
    against  link in MAS: mallory (id-mallory), which accounts.match does not use
    for      name by the template: alice ({ID})
    The name decides: accounts.match = \"localpart\" acts on names alone.
"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[tokio::test]
async fn a_member_without_a_valid_name_gets_no_account() {
    let world = started(group().with_user(NewUser::member("ann").id(ID))).await;
    let by_email = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n";
    let by_email = program(&world).file(&world, by_email);
    by_email.run("explain ann").exits(0).matches(&world, "explain_member_without_a_valid_name");
}
