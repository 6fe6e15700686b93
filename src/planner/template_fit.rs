//! Compares the names of linked accounts with those by the template.

use super::draft::Draft;
use crate::plan::Pair;

/// The comparison of a few linked accounts with their members' names by the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateFit {
    pub compared: usize,
    /// The accounts that have another name, with the member's name by the template.
    pub differing: Vec<Pair>,
}

impl Draft<'_> {
    /// Compares at most this many accounts, spread over the list. Users may choose names, so a few
    /// differences mean nothing.
    #[must_use]
    pub fn template_fit(&self, most: usize) -> TemplateFit {
        let facts = self.table.facts;
        let accounts = facts.accounts.iter().filter(|account| account.is_on(&facts.server_name));
        let linked = accounts.filter_map(|account| {
            let member = self.identity.member(account.links.newest()?)?;
            Some((member.localpart.as_ref()?, account.localpart()))
        });
        let linked: Vec<_> = linked.collect();
        let sample = linked.iter().step_by(linked.len().div_ceil(most.max(1)).max(1));
        let mut fit = TemplateFit::default();
        for (name, localpart) in sample {
            fit.compared += 1;
            if name.key() != localpart.key() {
                let (member, account) = (name.to_string(), localpart.to_string());
                fit.differing.push(Pair { member, account });
            }
        }
        fit
    }
}
