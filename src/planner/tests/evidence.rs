//! Tests what `explain` says about the owner of an account: which evidence there is, which side
//! each piece is on, and which decides.

use super::scene::{detail_of, with_id};
use super::*;
use crate::model::{Owner, Tie};

/// Prints the evidence about an account, one line for each piece; `second_look` is what was seen.
fn evidence_of(scene: &Scene, name: &str, second_look: &Rechecks) -> Vec<String> {
    let draft = Draft::new(&scene.facts, &scene.policy);
    let account = scene.facts.accounts.iter().find(|account| account.localpart().as_str() == name);
    let found = draft.evidence(account.expect("an account"), second_look);
    let text = |ids: &[KeycloakId]| {
        ids.iter().map(|id| id.text().to_string()).collect::<Vec<_>>().join("+")
    };
    let mut lines = vec![format!("{:?}, owner {:?}", found.ruling, text(&found.owners))];
    lines.extend(found.twins.iter().map(|twin| format!("twin {}", twin.localpart().as_str())));
    lines.extend(
        found
            .lines
            .iter()
            .map(|line| format!("{:?} {} {:?}", line.clue, line.user.text(), line.side)),
    );
    lines
}

#[track_caller]
fn explains(scene: &Scene, name: &str, expected: &[&str]) {
    assert_eq!(evidence_of(scene, name, &NO_LOOKS), expected);
}

/// What Keycloak answered about the account at the second look.
fn seen(scene: &Scene, name: &str, keycloak: Vec<Answer>) -> Rechecks {
    let account = scene.facts.accounts.iter().find(|account| account.localpart().as_str() == name);
    let account = account.expect("an account");
    let signs = scene.signs.get(name).cloned().unwrap_or_default();
    let evidence = Evidence { keycloak, account: detail_of(account), signs };
    Rechecks::Taken {
        answers: [(account.user_id.clone(), Ok(evidence))].into(),
        members_after: None,
    }
}

fn answer(asked: Question, id: &str) -> Answer {
    Answer { asked, user: with_id(&known(true, false, None), &id.into()) }
}

/// An account that MAS links to these users, the newest first.
fn linked(scene: Scene, name: &str, ids: &[&str]) -> Scene {
    scene.account_with(name, ACTIVE, |account| {
        account.mas = InMas::Known("01J44QC8BCY7FCFM7WGHQGKMTJ".into());
        account.links = ids.iter().map(|id| KeycloakId::from(*id)).collect();
    })
}

fn remembered(scene: Scene, name: &str, id: &str, tie: Tie) -> Scene {
    scene.account_with(name, ACTIVE, |account| account.remember(Owner { id: id.into(), tie }))
}

#[test]
fn newest_link_decides_before_older_links_and_names() {
    let scene = linked(scene().listed_as("n", "alice", true, None), "alice", &["new", "old"]);
    let lines = ["NewestLink new For", "OlderLink old Against", "Name n Against"];
    explains(&scene, "alice", &[&["Link, owner \"new\""][..], &lines].concat());
}

#[test]
fn user_of_an_older_link_is_on_the_side_of_the_same_user_by_name() {
    let scene = linked(scene().listed_as("a", "alice", true, None), "alice", &["a", "a"]);
    explains(
        &scene,
        "alice",
        &["Link, owner \"a\"", "NewestLink a For", "OlderLink a For", "Name a For"],
    );
}

#[test]
fn memory_decides_before_the_name() {
    let world = scene().listed_as("a", "alice.new", true, None).listed_as("n", "alice", true, None);
    for (tie, name) in [(Tie::Link, "Link"), (Tie::ExternalId, "ExternalId"), (Tie::Name, "Name")] {
        let scene = remembered(world.clone(), "alice", "a", tie);
        let expected = [
            format!("Memory({name}), owner \"a\""),
            format!("Memory({name}) a For"),
            "Name n Against".to_owned(),
        ];
        explains(&scene, "alice", &expected.each_ref().map(String::as_str));
    }
}

#[test]
fn restored_memory_is_only_a_hint() {
    let scene =
        remembered(scene().listed_as("n", "alice", true, None), "alice", "a", Tie::Restored);
    explains(&scene, "alice", &["Name, owner \"n\"", "Memory(Restored) a Hint", "Name n For"]);
}

#[test]
fn user_remembered_by_name_who_is_no_member_has_the_account_unless_they_are_gone() {
    let scene = remembered(scene().listed_as("n", "alice", true, None), "alice", "a", Tie::Name);
    explains(
        &scene,
        "alice",
        &["MemoryUnlessGone, owner \"a\"", "Memory(Name) a For", "Name n Against"],
    );
    let still_there = seen(&scene, "alice", vec![answer(Question::Id("a".into()), "a")]);
    assert_eq!(
        evidence_of(&scene, "alice", &still_there),
        ["Memory(Name), owner \"a\"", "Memory(Name) a For", "Name n Against"]
    );
    let gone = Answer { asked: Question::Id("a".into()), user: KeycloakPerson::Unknown };
    assert_eq!(
        evidence_of(&scene, "alice", &seen(&scene, "alice", vec![gone])),
        ["NameAfterDeletion, owner \"n\"", "Memory(Name) a Against", "Name n For"]
    );
}

#[test]
fn name_decides_if_the_remembered_member_has_another_account() {
    let world = scene().listed_as("a", "alice.new", true, None).listed_as("n", "alice", true, None);
    let scene = remembered(world, "alice", "a", Tie::Name).account("alice.new", ACTIVE);
    explains(
        &scene,
        "alice",
        &["NameAfterMove, owner \"n\"", "Memory(Name) a Against", "Name n For"],
    );
}

#[test]
fn name_of_one_member_decides_if_nothing_else_is_known() {
    let scene = scene().listed_as("n", "alice", true, None).account("alice", ACTIVE);
    explains(&scene, "alice", &["Name, owner \"n\"", "Name n For"]);
}

#[test]
fn name_of_two_members_decides_nothing() {
    let world = scene().listed_as("m", "alice", true, None).listed_as("n", "alice", true, None);
    explains(
        &world.account("alice", ACTIVE),
        "alice",
        &["SharedName, owner \"m+n\"", "Name m For", "Name n For"],
    );
}

#[test]
fn external_id_decides_before_memory_and_name_unless_only_names_act() {
    let world = remembered(scene().listed_as("n", "alice", true, None), "alice", "a", Tie::Name);
    let look = seen(&world, "alice", vec![answer(Question::ExternalId("x".into()), "x")]);
    let lines = evidence_of(&world, "alice", &look);
    assert_eq!(
        lines,
        ["ExternalId, owner \"x\"", "ExternalId x For", "Memory(Name) a Against", "Name n Against"]
    );
    let by_name = world.policy(|policy| policy.matching = Matching::Localpart);
    let lines = evidence_of(&by_name, "alice", &look);
    assert_eq!(lines[0], "Name, owner \"n\"");
}

#[test]
fn users_by_name_include_those_that_only_the_second_look_found() {
    let scene = scene().account("alice", ACTIVE);
    let look = seen(&scene, "alice", vec![answer(Question::Name, "u")]);
    assert_eq!(evidence_of(&scene, "alice", &look), ["Name, owner \"u\"", "Name u For"]);
}

#[test]
fn weak_sign_is_a_hint() {
    let scene = scene()
        .listed_as("m", "alice.miller", true, None)
        .account("am", ACTIVE)
        .shows_name_of("am", "m");
    let unknown = Answer { asked: Question::Name, user: KeycloakPerson::Unknown };
    let look = seen(&scene, "am", vec![unknown]);
    assert_eq!(
        evidence_of(&scene, "am", &look),
        ["Nothing, owner \"\"", "Sign(DisplayName) m Hint"]
    );
}

#[test]
fn tie_that_may_only_protect_is_a_hint_if_no_name_decides() {
    let scene = linked(scene().listed_as("a", "alice.new", true, None), "alice", &["a"])
        .policy(|policy| policy.matching = Matching::Localpart);
    explains(&scene, "alice", &["Nothing, owner \"\"", "NewestLink a Hint"]);
}

#[test]
fn account_spelled_otherwise_than_the_member_is_a_twin() {
    let scene = scene()
        .listed_as("n", "alice", true, None)
        .account("alice", ACTIVE)
        .account("Alice", ACTIVE);
    explains(&scene, "alice", &["Name, owner \"n\"", "twin Alice", "Name n For"]);
    explains(&scene, "Alice", &["Twin, owner \"n\"", "twin alice", "Name n For"]);
}

#[test]
fn name_says_nothing_about_an_account_of_another_homeserver() {
    let scene = scene().listed_as("n", "alice", true, None).account("@alice:elsewhere.org", ACTIVE);
    let lines = evidence_of(&scene, "alice", &NO_LOOKS);
    assert_eq!(lines[0].split(',').next(), Some("OtherServer"));
    assert_eq!(lines.len(), 1);
}
