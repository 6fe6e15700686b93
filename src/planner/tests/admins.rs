//! Administrators by group and role: who gets the right, who loses it, and that one is left.

use super::*;
use crate::model::MasAdmin;

impl Scene {
    /// `[admins]` is configured, and has these users.
    fn admins(mut self, users: &[(&str, &str)]) -> Self {
        let user = |(id, name): &(&str, &str)| Member {
            id: (*id).into(),
            localpart: Some((*name).into()),
            enabled: true,
            federation_link: None,
            signs: Signs::default(),
        };
        self.facts.admins = Some(users.iter().map(user).collect::<Vec<_>>().into());
        self.policy(|policy| {
            policy.admins = Some(AdminRules { revoke: Revoke::Yes, min_admins: 1 });
        })
    }

    fn in_mas(self, name: &str, state: AccountState, mas_admin: MasAdmin) -> Self {
        self.account_with(name, state, |account| {
            account.mas_admin = mas_admin;
            account.admin = mas_admin == MasAdmin::Yes;
            account.mas = InMas::Known("01ABC".into());
        })
    }

    fn rules(self, revoke: Revoke, min_admins: usize) -> Self {
        self.policy(|policy| policy.admins = Some(AdminRules { revoke, min_admins }))
    }
}

/// Ada and Bob are members. Ada is in a group of administrators, and Bob is one in MAS.
fn both() -> Scene {
    let scene = scene().listed_as("a", "ada", true, None).listed_as("b", "bob", true, None);
    let scene = scene.in_mas("ada", ACTIVE, MasAdmin::No).in_mas("bob", ACTIVE, MasAdmin::Yes);
    // Boss stays one, so that Bob is not the last.
    let scene = scene.listed_as("c", "boss", true, None).in_mas("boss", ACTIVE, MasAdmin::Yes);
    let out_of_admins = known(true, false, None);
    scene.admins(&[("a", "ada"), ("c", "boss")]).seen("b", out_of_admins)
}

fn changes(scene: &Scene) -> (Vec<String>, Vec<(String, KeptReason)>) {
    let plan = scene.plan();
    let change = |(kind, name, reason): (ActionKind, String, Reason)| match (kind, reason) {
        (ActionKind::GrantAdmin, Reason::InAdminGroup) => format!("+{name}"),
        (ActionKind::RevokeAdmin, Reason::NotInAdminGroup) => format!("-{name}"),
        other => format!("{other:?} {name}"),
    };
    (actions(&plan).into_iter().map(change).collect(), kept(&plan))
}

fn nothing() -> (Vec<String>, Vec<(String, KeptReason)>) {
    (vec![], vec![])
}

#[test]
fn users_of_the_groups_get_the_right_and_others_lose_it() {
    assert_eq!(changes(&both()), (vec!["+ada".to_owned(), "-bob".to_owned()], vec![]));
    let summary = both().plan().summary();
    assert_eq!((summary.grant_admin, summary.revoke_admin, summary.unchanged), (1, 1, 3));
}

#[test]
fn without_the_section_no_administrator_changes() {
    assert_eq!(changes(&both().policy(|policy| policy.admins = None)), nothing());
}

#[test]
fn right_is_only_taken_if_configured() {
    assert_eq!(changes(&both().rules(Revoke::No, 1)).0, ["+ada"]);
}

#[test]
fn last_administrators_keep_the_right() {
    let last = |min_admins| changes(&both().rules(Revoke::Yes, min_admins));
    let bob = vec![("bob".to_owned(), KeptReason::LastAdmin)];
    assert_eq!(last(2), (vec!["+ada".to_owned()], bob.clone()));
    assert_eq!(last(1).0, ["+ada", "-bob"]);
    let plan = both().rules(Revoke::Yes, 2).plan();
    assert_eq!((plan.kept.len(), plan.summary().kept), (1, 0));
    // Who gets the right in this run does not count yet, and neither does a disabled account.
    let alone = scene().listed_as("a", "ada", true, None).in_mas("ada", ACTIVE, MasAdmin::No);
    let alone = alone.listed_as("b", "bob", true, None).in_mas("bob", ACTIVE, MasAdmin::Yes);
    let alone = alone.in_mas("gone", DISABLED, MasAdmin::Yes).user("gone");
    let alone = alone.admins(&[("a", "ada")]).seen("b", known(true, false, None));
    assert_eq!(changes(&alone), (vec!["+ada".to_owned(), "-gone".to_owned()], bob));
}

#[test]
fn owner_of_a_token_and_protected_accounts_keep_the_right() {
    let protect = |policy: &mut Policy| {
        policy.protect = Protection::new(&["bob".to_owned()]).expect("valid");
    };
    assert_eq!(changes(&both().policy(protect)).0, ["+ada"]);
    let mut owner = both();
    owner.facts.token_owners.synapse = Some(Localpart::from("bob").on(&"example.org".into()));
    assert_eq!(changes(&owner).0, ["+ada"]);
}

#[test]
fn right_changes_only_if_the_second_look_agrees() {
    let still_in = both().seen("bob", known(true, true, None)).seen("b", known(true, true, None));
    assert_eq!(
        (changes(&still_in).0, still_in.plan().contradictions),
        (vec!["+ada".to_owned()], 1)
    );
    let left = both().seen("a", known(true, false, None));
    assert_eq!(changes(&left).0, ["-bob"]);
    let disabled = both().seen("a", known(false, true, None));
    assert_eq!(changes(&disabled).0, ["-bob"]);
    let by_hand = both().detail("ada", |seen| seen.mas_admin = MasAdmin::Yes);
    assert_eq!(changes(&by_hand).0, ["-bob"]);
    let locked = both().detail("ada", |seen| seen.state = LOCKED);
    assert_eq!(changes(&locked).0, ["-bob"]);
}

#[test]
fn account_that_is_not_a_members_gets_no_right() {
    let scene = scene().admins(&[("a", "ada")]).user("ada").in_mas("ada", ACTIVE, MasAdmin::No);
    assert!(changes(&scene).0.iter().all(|change| !change.starts_with('+')));
    let mut disabled = scene.clone().listed_as("a", "ada", true, None);
    disabled.facts.accounts[0].state = DISABLED;
    assert!(changes(&disabled).0.iter().all(|change| !change.starts_with('+')));
}

#[test]
fn administrator_out_of_the_groups_keeps_the_right_while_in_those_of_administrators() {
    let scene = scene().admins(&[("a", "ada")]).user("ada").in_mas("ada", ACTIVE, MasAdmin::Yes);
    let scene = scene.rules(Revoke::Yes, 0);
    assert_eq!(changes(&scene), (vec![], kept_as("ada", KeptReason::Admin)));
}

#[test]
fn name_of_two_users_changes_no_right() {
    let scene = both().listed_as("b2", "Bob", true, None);
    assert_eq!(changes(&scene).0, ["+ada"]);
}

#[test]
fn link_decides_whose_right_it_is() {
    let linked = |id: &str| {
        let mut scene = both();
        scene.facts.accounts[1].links = [id.into()].into_iter().collect();
        changes(&scene).0
    };
    assert_eq!(linked("c"), ["+ada"]);
    assert_eq!(linked("b"), ["+ada", "-bob"]);
}

#[test]
fn changes_of_administrators_have_a_limit() {
    let limits = |max_admin_changes| Limits { max_admin_changes, ..OPEN };
    let plan = both().plan();
    assert_eq!(limits(2).refuse(&plan), []);
    let refused = Refusal::MaxAdminChanges { planned: 2, before: 0, max: 1 };
    assert_eq!(limits(1).refuse(&plan), [refused]);
}

#[test]
fn failed_second_look_is_skipped() {
    let plan = both().fails("bob").plan();
    assert_eq!(plan.to_apply().count(), 1);
    assert!(plan.is_in_doubt());
}
