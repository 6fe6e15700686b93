//! Decides about each account with the second look.

use std::collections::HashSet;

use super::Draft;
use crate::model::{Account, KeycloakId, Recheck};
use crate::plan::{KeptReason, NotRechecked, Reason};
use crate::planner::creation::{Candidate, Creation, DirectoryInDoubt};
use crate::planner::decision_table::Opinion;
use crate::planner::directory::Directories;
use crate::planner::identity::Holder;
use crate::planner::mapping::{Mapped, SecondLookFindings};
use crate::planner::policy::Federation;
use crate::planner::second_look::SecondLook;
use crate::planner::{Rechecks, Verdict};

/// The decisions about accounts that are not simply as they should be, in order of localpart.
#[derive(Debug)]
pub struct Verdicts<'f> {
    /// The accounts that the rule would act on, with its decision.
    pub of_accounts: Vec<(&'f Account, Verdict)>,
    /// How often the list and the second look disagreed.
    pub contradictions: usize,
    /// The decisions about members that may get an account.
    pub(in crate::planner) creations: Vec<(Candidate<'f>, Creation)>,
    /// The unverified storage providers, if that matters.
    pub(super) doubtful: Vec<Box<str>>,
    /// How members and accounts match.
    pub(super) mapped: Mapped<'f>,
}

impl Verdicts<'_> {
    /// Returns whether users may be missing because their directory is down.
    pub(in crate::planner) fn is_a_directory_in_doubt(&self) -> bool {
        !self.doubtful.is_empty()
    }
}

impl<'f> Draft<'f> {
    /// Returns the decision about one account, changed or not.
    #[must_use]
    pub fn verdict(&self, account: &'f Account, verdicts: &Verdicts<'f>) -> Verdict {
        self.verdict_among(account, &verdicts.of_accounts)
    }

    /// Returns the decision about one account, if these are the decisions about those that are not
    /// simply as they should be.
    pub(in crate::planner) fn verdict_among(
        &self,
        account: &'f Account,
        of_accounts: &[(&'f Account, Verdict)],
    ) -> Verdict {
        match of_accounts.binary_search_by_key(&&account.user_id, |(other, _)| &other.user_id) {
            Ok(at) => of_accounts[at].1.clone(),
            Err(_) => match self.opinion(account) {
                Opinion::Settled(verdict) => verdict,
                Opinion::WouldDisable(_)
                | Opinion::WouldDeactivate { .. }
                | Opinion::WouldActivate { .. }
                | Opinion::WouldClose(_)
                | Opinion::WouldReopen(_) => {
                    unreachable!("an account that would be changed is notable")
                }
            },
        }
    }

    pub(in crate::planner) fn opinion(&self, account: &'f Account) -> Opinion<'f> {
        self.table.opinion(account, self.identity.holder(account), &self.identity)
    }

    /// Returns the decision about each account, and how often list and look disagreed.
    #[must_use]
    pub fn verdicts(&self, rechecks: &Rechecks) -> Verdicts<'f> {
        let second = SecondLook::new(&self.table, &self.identity, rechecks);
        let directories = self.directories(rechecks, &second);
        let mut contradictions = 0;
        let mut of_accounts = Vec::with_capacity(self.notable.len());
        for (account, opinion) in &self.notable {
            let verdict = match opinion {
                Opinion::Settled(verdict) => verdict.clone(),
                Opinion::WouldDisable(holder) | Opinion::WouldClose(holder) => {
                    match rechecks.recheck(&account.user_id) {
                        Some(Ok(seen)) => {
                            contradictions +=
                                usize::from(second.contradicts(account, holder, seen));
                            if matches!(opinion, Opinion::WouldClose(_)) {
                                second.on_close(account, holder, seen, &directories)
                            } else {
                                second.on_disable(account, holder, seen, &directories)
                            }
                        }
                        failed => {
                            Verdict::DisableSkipped(by_the_list(holder), why_not(failed, rechecks))
                        }
                    }
                }
                Opinion::WouldDeactivate { holder, since } => {
                    match rechecks.recheck(&account.user_id) {
                        Some(Ok(seen)) => {
                            contradictions +=
                                usize::from(second.contradicts(account, holder, seen));
                            second.on_deactivate(account, holder, *since, seen, &directories)
                        }
                        failed => Verdict::DeactivateSkipped(*since, why_not(failed, rechecks)),
                    }
                }
                Opinion::WouldActivate { member, by } => match rechecks.recheck(&account.user_id) {
                    Some(Ok(seen)) => second.on_activate(account, member, *by, seen),
                    failed => Verdict::ActivateSkipped(Reason::InGroup, why_not(failed, rechecks)),
                },
                Opinion::WouldReopen(_) => match rechecks.recheck(&account.user_id) {
                    Some(Ok(seen)) => second.on_reopen(account, seen),
                    failed => Verdict::ActivateSkipped(Reason::Undone, why_not(failed, rechecks)),
                },
            };
            contradictions += usize::from(verdict == Verdict::ActivationNotConfirmed);
            of_accounts.push((*account, verdict));
        }
        self.keep_what_mas_may_mix_up(&mut of_accounts);
        let mapped = self.mapped(&of_accounts, &second, rechecks);
        let verifies = self.table.policy.federation == Federation::Verify;
        let doubtful: Vec<_> = directories.in_doubt().filter(|_| verifies).map(Box::from).collect();
        let in_doubt =
            if doubtful.is_empty() { DirectoryInDoubt::No } else { DirectoryInDoubt::Yes };
        let found = may_have_accounts(&of_accounts, &mapped);
        let creations = self.creations(rechecks, in_doubt, &found);
        contradictions +=
            creations.iter().filter(|(_, creation)| *creation == Creation::NotConfirmed).count();
        Verdicts { of_accounts, contradictions, creations, doubtful, mapped }
    }

    /// Keeps accounts whose names differ only in case, unless the change is right for both: mas-cli
    /// finds users without regard to case, and may change the other one.
    fn keep_what_mas_may_mix_up(&self, of_accounts: &mut [(&'f Account, Verdict)]) {
        let policy = self.table.policy;
        let becomes_disabled = |other: &'f Account| {
            let at =
                of_accounts.binary_search_by_key(&&other.user_id, |(account, _)| &account.user_id);
            match at.ok().map(|at| &of_accounts[at].1) {
                Some(Verdict::Disable(_) | Verdict::NeedsApproval(..)) => Some(true),
                // Without a yes it stays active.
                Some(Verdict::Activate(_) | Verdict::DisableMember) => Some(false),
                _ if policy.counts_as_disabled(other.state) => Some(true),
                _ => other.can_log_in().then_some(false),
            }
        };
        let mixed_up = of_accounts.iter().enumerate().filter(|(_, (account, verdict))| {
            let disables = match verdict {
                Verdict::Disable(_) | Verdict::NeedsApproval(..) | Verdict::DisableMember => true,
                Verdict::Activate(_) => false,
                Verdict::Deactivate(_) => return self.may_deactivate_another(account),
                _ => return false,
            };
            // Only a yes decides whether it is disabled together with another one.
            let has_to_be_alone = *verdict == Verdict::DisableMember;
            let others = self.identity.same_name(account).into_iter();
            let mut others = others.filter(|other| account.mas.may_be(&other.mas));
            others.any(|other| {
                becomes_disabled(other) != Some(disables)
                    || (has_to_be_alone && !policy.counts_as_disabled(other.state))
            })
        });
        let mixed_up: Vec<_> = mixed_up.map(|(at, _)| at).collect();
        for at in mixed_up {
            of_accounts[at].1 = Verdict::Kept(KeptReason::Ambiguous);
        }
    }

    /// Returns whether MAS may deactivate an account of the same name instead.
    fn may_deactivate_another(&self, account: &'f Account) -> bool {
        let others = self.identity.same_name(account).into_iter();
        let mut others = others.filter(|other| account.mas.may_be(&other.mas));
        others.any(|other| !other.seen().is_deactivated())
    }

    fn directories<'l>(
        &'l self,
        rechecks: &'l Rechecks,
        second: &SecondLook<'l, 'f>,
    ) -> Directories<'l> {
        let held = self
            .notable
            .iter()
            .filter_map(|(account, opinion)| opinion.holder().map(|holder| (*account, holder)));
        let mut directories = second.directories(rechecks, [&[]; 2], held);
        if self.scope.is_some() {
            directories.and_before(self.table.facts.doubtful.iter().map(|provider| &**provider));
        }
        directories
    }

    fn mapped(
        &self,
        verdicts: &[(&'f Account, Verdict)],
        second: &SecondLook<'_, 'f>,
        rechecks: &Rechecks,
    ) -> Mapped<'f> {
        let mut found = SecondLookFindings::default();
        for (account, opinion) in &self.notable {
            if let (Opinion::WouldDisable(holder) | Opinion::WouldClose(holder), Some(seen)) =
                (opinion, rechecks.evidence(&account.user_id))
            {
                let by_external_id = seen.by_external_id().next().is_some();
                let members = second.members_found(account, holder, seen);
                found.by_external_id += usize::from(by_external_id && !members.is_empty());
                found.members.extend(members);
            }
        }
        self.mapping.finish(&self.identity, &self.table, verdicts, &found)
    }
}

/// Returns the members that have an account by the second look, or may have one by a sign.
fn may_have_accounts<'v>(
    of_accounts: &'v [(&Account, Verdict)],
    mapped: &'v Mapped<'_>,
) -> HashSet<&'v KeycloakId> {
    let signs = of_accounts.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::MayBeMember(signs) => Some(signs.iter().map(|seen| &seen.user.id)),
        _ => None,
    });
    signs.flatten().chain(mapped.found()).collect()
}

/// Returns the reason by the lists alone.
pub(in crate::planner) fn by_the_list(holder: &Holder<'_>) -> Reason {
    match holder {
        Holder::Named(_) | Holder::Tied { member: Some(_), .. } => Reason::DisabledInKeycloak,
        Holder::Tied { .. } | Holder::Contested { .. } | Holder::Unclaimed => Reason::NotInGroup,
    }
}

/// Returns why an account has no second look.
pub(in crate::planner) fn why_not(recheck: Option<&Recheck>, rechecks: &Rechecks) -> NotRechecked {
    match (recheck, rechecks) {
        (Some(Err(error)), _) => NotRechecked::Failed(error.clone()),
        (_, Rechecks::TooMany { .. }) => NotRechecked::TooMany,
        (_, Rechecks::Taken { .. }) => NotRechecked::ServerGivenUp,
    }
}
