//! Which writer, which source of accounts, and whether Synapse is configured: the result has to be
//! the same.

/// `writer.type`, `accounts.source`, and whether there is a section `[synapse]`, which MAS's list
/// does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) writer: &'static str,
    pub(crate) source: &'static str,
    pub(crate) synapse: bool,
}

/// As in the nine variables.
pub(crate) const BY_DEFAULT: Way = Way { writer: "mas-cli", source: "synapse", synapse: true };
/// Only the Admin API: no mas-cli and no Synapse.
pub(crate) const BY_MAS: Way = Way { writer: "mas-api", source: "mas", synapse: false };
/// All ways.
pub(crate) const EVERY_WAY: [Way; 6] = [
    BY_DEFAULT,
    Way { writer: "mas-cli", source: "mas", synapse: true },
    Way { writer: "mas-cli", source: "mas", synapse: false },
    Way { writer: "mas-api", source: "synapse", synapse: true },
    Way { writer: "mas-api", source: "mas", synapse: true },
    BY_MAS,
];

impl Way {
    /// The line about the bot whose token reads Synapse: without Synapse it is an ordinary account,
    /// and has to be protected.
    pub(crate) fn keeps_bot(self) -> &'static str {
        if self.synapse { "keep bot, token_owner" } else { "keep bot, protected" }
    }

    /// These lines and the bot's.
    pub(crate) fn with_bot<'a>(self, lines: &[&'a str]) -> Vec<&'a str> {
        [lines, &[self.keeps_bot()]].concat()
    }
}
