//! Lists accounts outside the group that only Synapse is known to have shut out (trap 47).

use crate::model::{AccountState, Localpart};

/// Accounts outside the group that Synapse shows as locked or deactivated. If MAS does not, their
/// owners can still log in, and without the Admin API MAS's state is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unverified {
    /// The accounts with Synapse's state, sorted by localpart.
    pub accounts: Vec<(Localpart, AccountState)>,
    /// How mas-cli is run, for a shell.
    pub mas_cli: String,
}

impl Unverified {
    /// Returns the localparts.
    pub fn localparts(&self) -> impl Iterator<Item = &Localpart> {
        self.accounts.iter().map(|(localpart, _)| localpart)
    }

    /// Returns the commands that make MAS keep the owners out, too. They are harmless if it does
    /// already. Names with special characters have none, because a shell would interpret them.
    pub fn commands(&self) -> impl Iterator<Item = String> {
        let plain = self.accounts.iter().filter(|(localpart, _)| localpart.is_plain());
        plain.map(|(localpart, state)| {
            let deactivate = if state.deactivated { " --deactivate" } else { "" };
            format!("{} manage lock-user{deactivate} -- {}", self.mas_cli, localpart.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_does_to_mas_what_synapse_shows_and_names_only_plain_accounts() {
        let state = |deactivated| AccountState { deactivated, locked: true, erased: false };
        let accounts = vec![
            ("a;b".into(), state(true)),
            ("frank".into(), state(true)),
            ("lou".into(), state(false)),
        ];
        let unverified = Unverified { accounts, mas_cli: "mas-cli".to_owned() };
        assert_eq!(
            unverified.commands().collect::<Vec<_>>(),
            ["mas-cli manage lock-user --deactivate -- frank", "mas-cli manage lock-user -- lou"]
        );
    }
}
