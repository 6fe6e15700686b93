//! Shows how members and accounts match as a whole, for the plan and `doctor`, and whether the
//! template is in doubt.

use std::collections::{BTreeSet, HashSet};

use super::decision_table::{DecisionTable, Opinion};
use super::identity::{Holder, Identity, TiedBy};
use super::policy::Matching;
use super::{Subjects, Verdict};
use crate::model::{Account, KeycloakId, Localpart, Member, Unnamed};
use crate::plan::{KeptReason, MappingDoubt, MappingSummary, Pair, Reason};

/// With fewer members, accounts or links, a mismatch means nothing.
const FEW: usize = 5;
/// Examples shown of each kind.
const EXAMPLES: usize = 5;

/// What the lists show about the mapping.
#[derive(Debug, Default)]
pub(super) struct Mapping<'f> {
    summary: MappingSummary,
    /// The members' accounts that come first by name, by evidence.
    examples: [Smallest<&'f Localpart>; 3],
    /// Accounts that are managed and stay as they are, and how many of them are members'.
    staying: usize,
    staying_of_members: usize,
}

/// The smallest few of many.
#[derive(Debug)]
struct Smallest<T>(BTreeSet<T>);

impl<T> Default for Smallest<T> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<T: Ord> Smallest<T> {
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    fn add(&mut self, item: T) {
        if self.0.len() == EXAMPLES && self.0.last().is_some_and(|last| *last <= item) {
            return;
        }
        self.0.insert(item);
        if self.0.len() > EXAMPLES {
            self.0.pop_last();
        }
    }
}

/// What the second look adds to the lists.
#[derive(Debug, Default)]
pub(super) struct SecondLookFindings<'f> {
    /// Members whose account it found.
    pub(super) members: BTreeSet<&'f KeycloakId>,
    /// Members' accounts that an external ID ties.
    pub(super) by_external_id: usize,
}

/// The mapping, once the second look is known.
#[derive(Debug)]
pub(super) struct Mapped<'f> {
    without_account: Vec<&'f Member>,
    /// Members whose account the second look has found.
    found: BTreeSet<&'f KeycloakId>,
    summary: MappingSummary,
}

impl<'f> Mapping<'f> {
    /// Adds the owner of an account by the lists, if that is an enabled member.
    pub(super) fn note_holder(&mut self, account: &'f Account, holder: &Holder<'f>) {
        let (count, examples) = match holder {
            Holder::Tied { member: Some(member), by: TiedBy::Memory(_), .. } if member.enabled => {
                (&mut self.summary.by_memory, 1)
            }
            Holder::Tied { member: Some(member), .. } if member.enabled => {
                (&mut self.summary.by_link, 0)
            }
            Holder::Named(named) if named.iter().any(|member| member.enabled) => {
                (&mut self.summary.by_name, 2)
            }
            Holder::Tied { .. }
            | Holder::Named(_)
            | Holder::Contested { .. }
            | Holder::Unclaimed => return,
        };
        *count += 1;
        self.examples[examples].add(account.localpart());
    }

    /// Adds the table's decision about an account.
    pub(super) fn note_opinion(&mut self, opinion: &Opinion<'f>, is_members: bool) {
        let stays = match opinion {
            Opinion::Settled(verdict) => !matches!(verdict, Verdict::Kept(_)),
            Opinion::WouldActivate { .. }
            | Opinion::WouldDeactivate { .. }
            | Opinion::WouldReopen(_) => true,
            Opinion::WouldDisable(_) | Opinion::WouldClose(_) => false,
        };
        self.staying += usize::from(stays);
        self.staying_of_members += usize::from(stays && is_members);
    }

    /// Returns the mapping after the second look.
    pub(super) fn finish(
        &self,
        identity: &Identity<'f>,
        table: &DecisionTable<'f>,
        verdicts: &[(&'f Account, Verdict)],
        found: &SecondLookFindings<'f>,
    ) -> Mapped<'f> {
        let (mut lost, mut not_theirs) = (BTreeSet::new(), BTreeSet::new());
        for (account, verdict) in verdicts {
            if *verdict == Verdict::Kept(KeptReason::AnotherPerson) {
                let named = identity.named(account);
                if matches!(identity.holder(account), Holder::Named(named) if named.iter().any(|member| member.enabled))
                {
                    not_theirs.insert(account.localpart());
                }
                let namesakes = named.iter().map(|member| &member.id);
                lost.extend(namesakes.filter(|id| !identity.is_tied_elsewhere(id, account)));
            }
        }
        let is_without = |member: &Member, has_account: bool| {
            (!has_account || lost.contains(&member.id)) && !found.members.contains(&member.id)
        };
        let members = table.facts.members.iter().zip(identity.have_account());
        let without = members
            .filter(|(member, has_account)| member.enabled && is_without(member, *has_account));
        let without_account: Vec<_> = without.map(|(member, _)| member).collect();
        let enabled = table.facts.members.iter().filter(|member| member.enabled).count();
        let mut summary = self.summary.clone();
        summary.by_external_id = found.by_external_id;
        summary.by_name -= not_theirs.len();
        summary.without_account = without_account.len();
        summary.members = enabled;
        let examples = |few: &Smallest<&'f Localpart>| {
            few.iter()
                .filter(|name| !not_theirs.contains(**name))
                .map(|name| (*name).clone())
                .collect()
        };
        summary.examples = self.examples.iter().map(examples).collect();
        let nobodys = verdicts.iter().filter(|(_, verdict)| belongs_to_nobody(verdict));
        let nobodys: Vec<_> = nobodys.map(|(account, _)| account.localpart()).collect();
        summary.of_nobody = nobodys.len();
        summary.of_nobody_examples =
            nobodys.iter().take(EXAMPLES).map(|name| (*name).clone()).collect();
        summary.doubt = self.doubt(table, &without_account, enabled, verdicts, &nobodys);
        Mapped { without_account, found: found.members.clone(), summary }
    }

    fn doubt(
        &self,
        table: &DecisionTable<'f>,
        without_account: &[&'f Member],
        enabled: usize,
        verdicts: &[(&'f Account, Verdict)],
        nobodys: &[&'f Localpart],
    ) -> Option<MappingDoubt> {
        if table.policy.matching != Matching::Localpart && table.facts.subjects == Subjects::NoUsers
        {
            return Some(MappingDoubt::Subjects { pairs: subjects(table) });
        }
        let leaving = verdicts.iter().filter(|(_, verdict)| leaves(verdict)).count();
        let is_much = |part: usize, whole: usize| part >= FEW && 2 * part >= whole;
        let others_fit = self.staying > 0 && 2 * self.staying_of_members >= self.staying;
        let is_in_doubt = is_much(without_account.len(), enabled)
            && is_much(nobodys.len(), leaving)
            && !others_fit;
        is_in_doubt.then(|| MappingDoubt::Names {
            template: table.policy.template.clone(),
            without_account: without_account.len(),
            members: enabled,
            of_nobody: nobodys.len(),
            leaving,
            pairs: pairs(without_account, verdicts),
        })
    }
}

impl Mapped<'_> {
    /// Returns the members whose account the second look has found.
    pub(super) fn found(&self) -> impl Iterator<Item = &KeycloakId> {
        self.found.iter().copied()
    }

    /// Returns the names of enabled members without an account, sorted, without members that have
    /// no valid name.
    pub(super) fn not_registered(&self, unnamed: &[Unnamed]) -> Vec<Localpart> {
        let unnamed: HashSet<_> = unnamed.iter().map(|one| &one.id).collect();
        let members = self.without_account.iter().filter(|member| !unnamed.contains(&member.id));
        let mut names: Vec<_> = members.filter_map(|member| member.localpart.clone()).collect();
        names.sort();
        names
    }

    /// Returns the enabled members without a valid name and without an account, in order of
    /// username.
    pub(super) fn unnamed(&self, unnamed: &[Unnamed]) -> Vec<Unnamed> {
        if unnamed.is_empty() {
            return Vec::new();
        }
        let without_account: HashSet<_> =
            self.without_account.iter().map(|member| &member.id).collect();
        let mut unnamed: Vec<_> =
            unnamed.iter().filter(|one| without_account.contains(&one.id)).cloned().collect();
        unnamed.sort_by(|one, other| (&one.username, &one.id).cmp(&(&other.username, &other.id)));
        unnamed
    }

    /// Returns whether names or links match so badly that they must not be remembered.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.summary.doubt.is_some()
    }

    pub(super) fn into_summary(self) -> MappingSummary {
        self.summary
    }
}

fn belongs_to_nobody(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Disable(Reason::NotInKeycloak)
            | Verdict::NeedsApproval(..)
            | Verdict::MayBeMember(_)
    )
}

fn leaves(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Disable(_) | Verdict::DisableSkipped(..))
        || belongs_to_nobody(verdict)
}

/// Returns members next to accounts that may be theirs, first those that a sign points to.
fn pairs(without_account: &[&Member], verdicts: &[(&Account, Verdict)]) -> Vec<Pair> {
    let name_of = |id: &KeycloakId| {
        let member = without_account.iter().find(|member| member.id == *id)?;
        member.localpart.as_ref().map(ToString::to_string)
    };
    let mut pairs = Vec::new();
    let mut others = Vec::new();
    for (account, verdict) in verdicts.iter().filter(|(_, verdict)| belongs_to_nobody(verdict)) {
        let by_sign = match verdict {
            Verdict::MayBeMember(signs) => signs.iter().find_map(|sign| name_of(&sign.user.id)),
            _ => None,
        };
        match by_sign {
            Some(member) => pairs.push(Pair { member, account: account.localpart().to_string() }),
            None => others.push(account.localpart().to_string()),
        }
    }
    let mut names: Vec<_> =
        without_account.iter().filter_map(|member| member.localpart.as_ref()).collect();
    names.sort();
    let names = names.into_iter().map(ToString::to_string);
    let names = names
        .filter(|name| !pairs.iter().any(|pair| pair.member == *name))
        .take(EXAMPLES)
        .collect::<Vec<_>>();
    pairs.extend(names.into_iter().zip(others).map(|(member, account)| Pair { member, account }));
    pairs.truncate(EXAMPLES);
    pairs
}

/// Returns a few subjects of links next to their accounts.
fn subjects(table: &DecisionTable<'_>) -> Vec<Pair> {
    let mut smallest = Smallest::default();
    for account in &table.facts.accounts {
        if let Some(subject) = account.links.newest() {
            smallest.add((account.localpart(), subject));
        }
    }
    let pairs = smallest.iter();
    pairs
        .map(|(account, subject)| Pair {
            member: subject.to_string(),
            account: account.to_string(),
        })
        .collect()
}
