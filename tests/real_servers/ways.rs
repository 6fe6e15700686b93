//! Who writes, who lists the accounts, and whether the program knows the homeserver: the same has to come of it.

/// `writer.type`, `accounts.source`, and whether there is a section `[synapse]`, which a list of MAS can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) writer: &'static str,
    pub(crate) source: &'static str,
    pub(crate) synapse: bool,
}

/// As the nine variables have it.
pub(crate) const BY_DEFAULT: Way = Way { writer: "mas-cli", source: "synapse", synapse: true };
/// By the Admin API alone: no mas-cli and no Synapse.
pub(crate) const BY_MAS: Way = Way { writer: "mas-api", source: "mas", synapse: false };
/// Every way there is.
pub(crate) const EVERY_WAY: [Way; 6] = [
    BY_DEFAULT,
    Way { writer: "mas-cli", source: "mas", synapse: true },
    Way { writer: "mas-cli", source: "mas", synapse: false },
    Way { writer: "mas-api", source: "synapse", synapse: true },
    Way { writer: "mas-api", source: "mas", synapse: true },
    BY_MAS,
];

impl Way {
    /// What is told of the bot whose token reads Synapse: without Synapse it is nobody special, and has to be protected.
    pub(crate) fn keeps_bot(self) -> &'static str {
        if self.synapse { "keep bot, token_owner" } else { "keep bot, protected" }
    }

    /// These lines and that of the bot.
    pub(crate) fn with_bot<'a>(self, told: &[&'a str]) -> Vec<&'a str> {
        [told, &[self.keeps_bot()]].concat()
    }
}
