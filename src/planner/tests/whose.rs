//! Tests who owns an account, one row per situation: for each way to read and write, every value of
//! `accounts.match`, with the state file and without it.

use super::*;
use crate::model::{Owner, Tie, Word as _};
use crate::plan::WriterKind;

/// What of the evidence there is, and what may act.
#[derive(Debug, Clone, Copy)]
struct Setting {
    writer: WriterKind,
    /// Whether MAS's Admin API is configured, so that links are read.
    links: bool,
    memory: bool,
    matching: Matching,
}

/// How far the ties of a row decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ties {
    Decide,
    OnlyProtect,
    Unknown,
}

impl Setting {
    fn every() -> Vec<Self> {
        let mut all = Vec::new();
        // mas-cli with Synapse, mas-cli also with the Admin API, and the Admin API with either
        // source.
        for (writer, links) in
            [(WriterKind::MasCli, false), (WriterKind::MasCli, true), (WriterKind::MasApi, true)]
        {
            for memory in [false, true] {
                for matching in [Matching::Auto, Matching::Localpart, Matching::UpstreamLink] {
                    all.push(Self { writer, links, memory, matching });
                }
            }
        }
        all
    }

    fn ties(self) -> Ties {
        match self.matching {
            _ if !self.links && !self.memory => Ties::Unknown,
            Matching::Auto => Ties::Decide,
            Matching::UpstreamLink if self.links => Ties::Decide,
            Matching::UpstreamLink | Matching::Localpart => Ties::OnlyProtect,
        }
    }

    /// An empty world with one member whose account is tied, as in any real one.
    fn scene(self) -> Scene {
        let scene = scene().policy(|policy| {
            policy.matching = self.matching;
            policy.writer = self.writer;
        });
        scene.member_with_id("usual", "usual-id").tied(self, "usual", "usual-id", ACTIVE)
    }
}

impl Scene {
    /// An account that MAS links to this user, and that a run before this one has seen so.
    fn tied(self, setting: Setting, name: &str, id: &str, state: AccountState) -> Self {
        self.account_with(name, state, |account| {
            if setting.links {
                account.mas = InMas::Known("01J44QC8BCY7FCFM7WGHQGKMTJ".into());
                account.links = [KeycloakId::from(id)].into_iter().collect();
            }
            if setting.memory {
                account.remember(Owner { id: id.into(), tie: Tie::Link });
            }
        })
    }
}

/// What becomes of an account, in a few words; `approve` is a disable that needs an approval.
pub(super) fn outcome(scene: &Scene, name: &str) -> String {
    let plan = scene.plan();
    if let Some(action) = plan.actions.iter().find(|action| action.localpart().as_str() == name) {
        let verb = match action.approval {
            Some(_) => "approve",
            None => action.kind.word(),
        };
        return format!("{verb} {}", action.reason.word());
    }
    let kept = plan.kept.iter().find(|kept| kept.localpart.as_str() == name);
    kept.map_or_else(|| "unchanged".to_owned(), |kept| format!("kept {}", kept.reason.word()))
}

/// Checks one account in every setting: what becomes of it if its ties decide, if they only
/// protect, and if there are none.
#[track_caller]
fn whose(name: &str, world: impl Fn(Setting) -> Scene, [decide, protect, unknown]: [&str; 3]) {
    for setting in Setting::every() {
        let expected = match setting.ties() {
            Ties::Decide => decide,
            Ties::OnlyProtect => protect,
            Ties::Unknown => unknown,
        };
        assert_eq!(outcome(&world(setting), name), expected, "{name}: {setting:?}");
    }
}

#[track_caller]
fn always(name: &str, world: impl Fn(Setting) -> Scene, expected: &str) {
    whose(name, world, [expected; 3]);
}

#[test]
fn renamed_member_keeps_the_account() {
    whose(
        "alice",
        |setting| {
            setting.scene().member_with_id("alice.new", "a").tied(setting, "alice", "a", ACTIVE)
        },
        ["unchanged", "kept may_be_member", "approve not_in_keycloak"],
    );
}

#[test]
fn renamed_member_is_let_in_again_by_ties_alone() {
    whose(
        "alice",
        |setting| {
            setting.scene().member_with_id("alice.new", "a").tied(setting, "alice", "a", DISABLED)
        },
        ["activate in_group", "unchanged", "unchanged"],
    );
}

#[test]
fn renamed_member_keeps_the_account_if_another_takes_the_old_name() {
    let world = |setting: Setting| {
        let scene = setting.scene().member_with_id("alice.new", "a").member_with_id("alice", "b");
        scene.tied(setting, "alice", "a", ACTIVE)
    };
    always("alice", world, "unchanged");
}

#[test]
fn leaver_is_not_shielded_by_a_namesake() {
    let world = |setting: Setting| {
        let scene =
            setting.scene().member_with_id("jsmith", "jane").seen("john", known(true, false, None));
        scene.tied(setting, "jsmith", "john", ACTIVE)
    };
    whose("jsmith", world, ["disable not_in_group", "unchanged", "unchanged"]);
}

#[test]
fn account_of_a_deleted_user_is_not_disabled_unseen_if_a_member_has_its_name() {
    let world = |setting: Setting| {
        setting.scene().member_with_id("carol", "new").tied(setting, "carol", "old", ACTIVE)
    };
    whose("carol", world, ["approve not_in_keycloak", "unchanged", "unchanged"]);
}

#[test]
fn account_of_another_user_is_not_opened_for_a_namesake() {
    let world = |setting: Setting| {
        setting.scene().member_with_id("carol", "new").tied(setting, "carol", "old", DISABLED)
    };
    whose("carol", world, ["kept another_person", "kept another_person", "activate in_group"]);
}

#[test]
fn name_chosen_at_the_first_login_is_known_by_ties() {
    let world = |setting: Setting| {
        setting.scene().member_with_id("charlie", "c").tied(setting, "cool.cat", "c", ACTIVE)
    };
    whose("cool.cat", world, ["unchanged", "kept may_be_member", "approve not_in_keycloak"]);
}

#[test]
fn leaver_is_disabled_by_ties_and_by_name() {
    let world = |setting: Setting| {
        let scene = setting.scene().seen("d", known(true, false, None)).user("dave");
        scene.tied(setting, "dave", "d", ACTIVE)
    };
    always("dave", world, "disable not_in_group");
}

#[test]
fn account_of_a_deleted_user_needs_no_approval() {
    let world = |setting: Setting| setting.scene().tied(setting, "gone", "deleted", ACTIVE);
    let tied = "disable not_in_keycloak";
    whose("gone", world, [tied, tied, "approve not_in_keycloak"]);
}

#[test]
fn account_that_was_never_tied_needs_an_approval() {
    always(
        "grandma",
        |setting| setting.scene().account("grandma", ACTIVE),
        "approve not_in_keycloak",
    );
}

#[test]
fn member_with_another_account_gets_none_by_name() {
    let world = |setting: Setting| {
        let scene =
            setting.scene().member_with_id("bob", "b").tied(setting, "bob.old", "b", ACTIVE);
        scene.account("bob", DISABLED)
    };
    whose("bob", world, ["kept another_person", "kept another_person", "activate in_group"]);
}

#[test]
fn names_are_compared_without_regard_to_case_on_both_sides() {
    always(
        "alice",
        |setting| setting.scene().member("Alice").account("alice", ACTIVE),
        "unchanged",
    );
    always(
        "Alice",
        |setting| setting.scene().member("alice").account("Alice", DISABLED),
        "activate in_group",
    );
}

#[test]
fn two_users_with_one_localpart_are_ambiguous_only_if_it_matters() {
    let both_in =
        |setting: Setting| setting.scene().member("sam").member("sam").account("sam", ACTIVE);
    always("sam", both_in, "unchanged");
    let one_in = |setting: Setting| {
        setting.scene().member("sam").disabled_member("sam").account("sam", ACTIVE)
    };
    always("sam", one_in, "kept ambiguous");
    let both_out = |setting: Setting| {
        let scene = setting.scene().disabled_member("sam").disabled_member("sam");
        scene.seen("sam", known(false, true, None)).account("sam", ACTIVE)
    };
    always("sam", both_out, "disable disabled_in_keycloak");
}

#[test]
fn remembered_name_gives_way_if_its_user_is_gone_but_opens_nothing() {
    let world = |state| {
        scene().member_with_id("carol", "new").account_with("carol", state, |account| {
            account.remember(Owner { id: "old".into(), tie: Tie::Name });
        })
    };
    assert_eq!(outcome(&world(ACTIVE), "carol"), "unchanged");
    assert_eq!(outcome(&world(DISABLED), "carol"), "kept another_person");
    let still_there = world(ACTIVE).seen("old", known(true, false, None));
    assert_eq!(outcome(&still_there, "carol"), "disable not_in_group");
}
