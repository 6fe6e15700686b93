//! Defines what to remember of a complete reading.

use std::collections::BTreeSet;

use super::draft::{Draft, Verdicts};
use super::identity::{Holder, Namesakes};
use super::policy::Matching;
use super::{Facts, Rechecks, Verdict};
use crate::model::{
    Account, Evidence, KeycloakId, KeycloakPerson, Owner, Recalled, Tie, Timestamp, UserId,
};
use crate::plan::{KeptReason, Reason};

/// How much a reading covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Every member and every account.
    #[default]
    Everything,
    /// The users that a partial run of `watch` is about.
    Some,
}

/// What one complete reading shows about members, absent users and owners, without accounts that
/// are in doubt.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Presence<'f> {
    pub reach: Reach,
    /// Active accounts whose owners are out of the group.
    pub absent: Vec<&'f UserId>,
    /// Accounts whose owners are in the group, as far as they may have been outside before.
    pub present: Vec<&'f UserId>,
    /// Active accounts that this program has changed before.
    pub settled: Vec<&'f UserId>,
    /// Accounts that show what this program requested and could not confirm.
    pub shown: Vec<&'f UserId>,
    /// Accounts outside the group that this program has locked.
    pub locked: Vec<&'f UserId>,
    /// Accounts that were, and are no more.
    pub not_locked: Vec<&'f UserId>,
    /// The time on the latest of all clocks.
    pub latest: Timestamp,
    /// The storage providers with an enabled member.
    pub directories: Vec<&'f str>,
    /// Storage providers that were seen in any other way.
    pub directories_seen: Vec<&'f str>,
    pub bridges: Vec<&'f UserId>,
    /// The accounts whose owner the state file does not know yet.
    pub owners: Vec<(&'f UserId, Owner)>,
}

impl<'f> Presence<'f> {
    pub(super) fn new(draft: &Draft<'f>, verdicts: &Verdicts<'f>, rechecks: &'f Rechecks) -> Self {
        let mut presence = Self {
            reach: draft.reach(),
            present: draft.returned.clone(),
            settled: draft.settled.clone(),
            shown: draft.shown.clone(),
            locked: draft.locked.clone(),
            latest: draft.table.facts.clocks.latest(draft.table.facts.now),
            ..Self::default()
        };
        for (account, verdict) in &verdicts.of_accounts {
            match verdict {
                Verdict::Kept(KeptReason::Ambiguous)
                    if may_be_members(draft, account, rechecks) =>
                {
                    presence.present.push(&account.user_id);
                }
                verdict => presence.note(account, verdict),
            }
        }
        presence.note_locks(draft, verdicts, rechecks);
        presence.note_directories(draft, rechecks);
        let seen = rechecks.all_evidence().map(|seen| &seen.account);
        presence.bridges =
            seen.filter(|seen| seen.appservice.is_some()).map(|seen| &seen.user_id).collect();
        presence
    }

    fn note(&mut self, account: &'f Account, verdict: &Verdict) {
        match verdict {
            Verdict::Disable(
                Reason::NotInGroup | Reason::NotInKeycloak | Reason::DisabledInKeycloak,
            )
            | Verdict::NeedsApproval(..)
            | Verdict::InGrace(_) => self.absent.push(&account.user_id),
            Verdict::MemberActive
            | Verdict::Activate(_)
            | Verdict::MayBeMember(_)
            | Verdict::Kept(
                KeptReason::InGroupAtSecondLook
                | KeptReason::Erased
                | KeptReason::LockedByHand
                | KeptReason::NotOurs,
            ) => self.present.push(&account.user_id),
            _ => {}
        }
    }

    /// Adds the locks that the second look has confirmed, and those that are over. The time of an
    /// account that stays locked by its second look starts again, so that it takes no room from others:
    /// it was never tied to a user, or locked again by hand.
    fn note_locks(&mut self, draft: &Draft<'f>, verdicts: &Verdicts<'f>, rechecks: &Rechecks) {
        let Facts { memory, .. } = draft.table.facts;
        let still = verdicts.of_accounts.iter().filter(|(account, verdict)| {
            let stays = match verdict {
                Verdict::OutsideDisabled => rechecks.evidence(&account.user_id).is_none(),
                Verdict::Deactivate(_) | Verdict::DeactivateSkipped(..) => true,
                _ => false,
            };
            stays && draft.table.is_own_lock(account, account.seen(), None)
        });
        self.locked.extend(still.map(|(account, _)| &account.user_id));
        // Someone has locked them again since: they are not announced any more.
        let by_hand = verdicts.of_accounts.iter().filter(|(account, _)| {
            draft.table.is_own_lock(account, account.seen(), None)
                && rechecks.evidence(&account.user_id).is_some_and(
                    |Evidence { account: seen, .. }| {
                        seen.seen().is_only_locked()
                            && !draft.table.is_own_lock(account, seen.seen(), seen.last_disabled_at)
                    },
                )
        });
        self.settled.extend(by_hand.map(|(account, _)| &account.user_id));
        let locked: BTreeSet<_> = self.locked.iter().copied().collect();
        let before = memory.locked_since.keys();
        self.not_locked =
            before.filter(|user_id| draft.covers(user_id) && !locked.contains(user_id)).collect();
    }

    fn note_directories(&mut self, draft: &Draft<'f>, rechecks: &'f Rechecks) {
        let facts = draft.table.facts;
        let mut alive = BTreeSet::new();
        let mut seen: BTreeSet<&str> =
            facts.providers.iter().flatten().map(|provider| &**provider).collect();
        for member in &facts.members {
            if let Some(link) = member.federation_link.as_deref() {
                let set = if member.enabled { &mut alive } else { &mut seen };
                set.insert(link);
            }
        }
        for evidence in rechecks.all_evidence() {
            for answer in &evidence.keycloak {
                match &answer.user {
                    KeycloakPerson::Known { federation_link: Some(link), .. } => {
                        seen.insert(link.raw());
                    }
                    KeycloakPerson::OnlyRemembered { federation_link, .. } => {
                        seen.insert(federation_link.raw());
                    }
                    KeycloakPerson::Known { .. } | KeycloakPerson::Unknown => {}
                }
            }
        }
        self.directories_seen = seen.difference(&alive).copied().collect();
        self.directories = alive.into_iter().collect();
    }

    /// Adds the owners of accounts.
    pub(super) fn note_owners(
        &mut self,
        draft: &Draft<'f>,
        verdicts: &Verdicts<'f>,
        rechecks: &'f Rechecks,
    ) {
        for account in draft.in_scope() {
            let seen = rechecks.evidence(&account.user_id);
            if seen.is_none() && is_known(draft, account) {
                continue;
            }
            let verdict = draft.verdict(account, verdicts);
            if let Some(owner) = owner(draft, account, &verdict, rechecks)
                && is_news(draft, account, &owner)
                && !(account.remembered_owner().is_some()
                    && is_in_doubt(&verdict)
                    && !protects(draft, &owner))
                && !replaces_member(draft, account, &owner)
                && !(verdicts.is_a_directory_in_doubt()
                    && replaces_missing_user(draft, account, &owner))
            {
                self.owners.push((&account.user_id, owner));
            }
        }
    }
}

/// Returns whether one of several possible owners of an account is a member who may use Matrix.
fn may_be_members<'f>(draft: &Draft<'f>, account: &'f Account, rechecks: &Rechecks) -> bool {
    let holder = draft.identity.holder(account);
    let by_name = matches!(&holder, Holder::Named(named) if named.iter().any(|member| draft.table.may_use(member)));
    let answers = rechecks.evidence(&account.user_id).into_iter().flat_map(|seen| &seen.keycloak);
    let mut users = answers.filter_map(|answer| answer.user.user());
    by_name || users.any(|user| is_member(draft, &user.id))
}

/// Returns whether the state file already knows everything that the lists show about an account's
/// owner.
fn is_known(draft: &Draft<'_>, account: &Account) -> bool {
    match account.remembered.what() {
        None => false,
        Some(Recalled::SameAsLink) => draft.identity.subjects_count(),
        Some(Recalled::Owner(owner)) => account.links.is_empty() && owner.tie != Tie::Restored,
    }
}

/// Returns the owner that this reading has found, if it is one user.
fn owner<'f>(
    draft: &Draft<'f>,
    account: &'f Account,
    verdict: &Verdict,
    rechecks: &Rechecks,
) -> Option<Owner> {
    let seen = rechecks.evidence(&account.user_id);
    if !account.is_on(&draft.table.facts.server_name) {
        return None;
    }
    // Subjects that are not IDs would name no user later.
    if let Some(subject) = account.links.newest().filter(|_| draft.identity.subjects_count()) {
        return Some(Owner { id: subject.clone(), tie: Tie::Link });
    }
    if let Some(id) = seen.and_then(external_id) {
        return Some(Owner { id, tie: Tie::ExternalId });
    }
    // Only the second look shows that the template names nearly all accounts wrong.
    let was_looked = !matches!(rechecks, Rechecks::TooMany { .. });
    let id = owner_by_name(draft, account, verdict, seen).filter(|_| was_looked)?;
    Some(Owner { id, tie: Tie::Name })
}

/// Returns the only user that has the account's name. For accounts that are not active, the second
/// look has to confirm it.
fn owner_by_name<'f>(
    draft: &Draft<'f>,
    account: &'f Account,
    verdict: &Verdict,
    seen: Option<&Evidence>,
) -> Option<KeycloakId> {
    let is_settled = matches!(
        verdict,
        Verdict::MemberActive
            | Verdict::Activate(_)
            | Verdict::Disable(_)
            | Verdict::NeedsApproval(..)
            | Verdict::InGrace(_)
    );
    // A name alone does not replace what links or other names have shown before.
    let remembered = draft.identity.remembered(account).filter(|(_, tie)| *tie != Tie::Restored);
    let is_settled_before = draft.table.policy.matching != Matching::Auto && remembered.is_some();
    if !is_settled || is_settled_before || draft.identity.is_twin(account) {
        return None;
    }
    let listed = match draft.identity.holder(account) {
        Holder::Named(named) | Holder::Contested { named, .. }
            if *verdict == Verdict::MemberActive =>
        {
            named
        }
        Holder::Named(named) => named,
        Holder::Tied { .. } | Holder::Contested { .. } => return None,
        Holder::Unclaimed => Namesakes::default(),
    };
    let mut ids: BTreeSet<_> = listed.iter().map(|member| &member.id).collect();
    let named = seen.into_iter().flat_map(Evidence::by_name);
    ids.extend(named.filter_map(|person| Some(&person.user()?.id)));
    let mut ids = ids.into_iter();
    let only = ids.next().filter(|_| ids.next().is_none())?;
    // A user tied to another account has this one only by its name, while it is active.
    (!draft.identity.is_tied_elsewhere(only, account)).then(|| only.clone())
}

fn external_id(seen: &Evidence) -> Option<KeycloakId> {
    let mut ids = seen.by_external_id().map(|(id, _)| id);
    let only = ids.next()?;
    ids.next().is_none().then(|| only.clone())
}

/// Returns whether to change the state file: a name never replaces stronger evidence.
fn is_news<'f>(draft: &Draft<'f>, account: &'f Account, owner: &Owner) -> bool {
    if account.remembered.what() == Some(&Recalled::SameAsLink) && owner.tie == Tie::Link {
        return false;
    }
    match draft.identity.remembered(account) {
        None => true,
        Some((id, tie)) if *id == owner.id => owner.tie < tie,
        Some((_, tie)) => owner.tie <= tie,
    }
}

/// Returns whether the memory may be the only protection of the account.
fn is_in_doubt(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::MayBeMember(_)
            | Verdict::Kept(KeptReason::FederationInDoubt | KeptReason::InGroupAtSecondLook)
            | Verdict::DisableSkipped(..)
            | Verdict::ActivateSkipped(..)
    )
}

fn is_member(draft: &Draft<'_>, id: &KeycloakId) -> bool {
    draft.identity.member(id).is_some_and(|member| draft.table.may_use(member))
}

/// Returns whether an owner protects the account at least as well as a remembered name.
fn protects(draft: &Draft<'_>, owner: &Owner) -> bool {
    owner.tie < Tie::Name && is_member(draft, &owner.id)
}

/// Returns whether the state file would replace a member by a user who is not one. Its memory is
/// then the only protection of the account.
fn replaces_member(draft: &Draft<'_>, account: &Account, owner: &Owner) -> bool {
    account.remembered_owner().is_some_and(|(id, tie)| {
        let may_be_theirs = tie == Tie::Restored && owner.tie == Tie::Name && *id != owner.id;
        is_member(draft, id) && (!is_member(draft, &owner.id) || may_be_theirs)
    })
}

/// Returns whether the state file would replace a user who is not listed, perhaps because their
/// directory is down.
fn replaces_missing_user(draft: &Draft<'_>, account: &Account, owner: &Owner) -> bool {
    let mut remembered = account.remembered_owner().into_iter();
    remembered.any(|(id, _)| {
        *id != owner.id && owner.tie == Tie::Name && draft.identity.member(id).is_none()
    })
}
