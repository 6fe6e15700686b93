//! Shows in the plan how members and accounts match.

use indicatif::HumanCount;

use crate::model::Localpart;
use crate::phrases::counted;

/// How many members have an account, and by which evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingSummary {
    /// Enabled members.
    pub members: usize,
    /// Members' accounts by MAS's upstream link.
    pub by_link: usize,
    /// Members' accounts by an external ID in Synapse, seen in the second look.
    pub by_external_id: usize,
    /// Members' accounts by the state file's memory.
    pub by_memory: usize,
    pub by_name: usize,
    /// Enabled members without an account.
    pub without_account: usize,
    /// Accounts that would be changed and belong to no Keycloak user.
    pub of_nobody: usize,
    /// A few accounts by link, by memory and by name.
    pub examples: Vec<Vec<Localpart>>,
    /// A few of the accounts that belong to no Keycloak user.
    pub of_nobody_examples: Vec<Localpart>,
    pub doubt: Option<MappingDoubt>,
}

/// How many accounts of members one kind of evidence ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TieCount<'m> {
    pub count: usize,
    /// The evidence, in words.
    pub by: &'static str,
    pub examples: &'m [Localpart],
}

impl MappingSummary {
    /// Returns the accounts of members by evidence, the strongest first.
    #[must_use]
    pub fn ties(&self) -> [TieCount<'_>; 4] {
        let examples = |kind: usize| self.examples.get(kind).map_or(&[][..], Vec::as_slice);
        [
            TieCount { count: self.by_link, by: "by link", examples: examples(0) },
            TieCount { count: self.by_external_id, by: "by external ID", examples: &[] },
            TieCount { count: self.by_memory, by: "by memory", examples: examples(1) },
            TieCount { count: self.by_name, by: "by name", examples: examples(2) },
        ]
    }

    /// Returns what there is to show, with the accounts that belong to no Keycloak user.
    #[must_use]
    pub fn rows(&self) -> Vec<TieCount<'_>> {
        let of_nobody = TieCount {
            count: self.of_nobody,
            by: "of no Keycloak user",
            examples: &self.of_nobody_examples,
        };
        self.ties().into_iter().chain([of_nobody]).filter(|tie| tie.count > 0).collect()
    }

    /// Returns how many enabled members have an account, as a sentence, if there are any members or
    /// accounts to show.
    #[must_use]
    pub fn in_short(&self) -> Option<String> {
        let members = counted(self.members, "enabled member has", "enabled members have");
        let with_account = HumanCount((self.members - self.without_account) as u64);
        let is_shown = self.members > 0 || !self.rows().is_empty();
        is_shown.then(|| format!("{with_account} of {members} an account"))
    }

    /// Returns how many accounts are members'.
    #[must_use]
    pub fn with_account(&self) -> usize {
        self.ties().iter().map(|tie| tie.count).sum()
    }
}

/// Why members and accounts do not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappingDoubt {
    /// Most members have no account, and most accounts to be disabled have no user: the template is
    /// probably not MAS's.
    Names {
        /// `keycloak.localpart`.
        template: String,
        /// Enabled members without an account.
        without_account: usize,
        /// Enabled members.
        members: usize,
        /// Accounts to be disabled that belong to no Keycloak user.
        of_nobody: usize,
        /// Accounts to be disabled.
        leaving: usize,
        /// The names that members should have, next to accounts.
        pairs: Vec<Pair>,
    },
    /// None of the links' subjects is a user of the realm.
    Subjects {
        /// Subjects, next to the accounts they are linked to.
        pairs: Vec<Pair>,
    },
}

/// A member, or the subject of a link, next to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The member's localpart, or the subject.
    pub member: String,
    pub account: String,
}
