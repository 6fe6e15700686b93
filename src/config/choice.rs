//! Gives every choice its words.

use super::AccountSource;
use crate::plan::{DisableMode, WriterKind};
use crate::planner::{DisabledMembers, Federation, LockedMembers, Matching, Reactivate, UnknownAccounts};

/// A setting with a few values, each with a word.
pub(super) trait Choice: Copy + 'static {
    /// The values, in the order of the documentation.
    const VARIANTS: &'static [Self];

    /// Returns the word.
    fn word(self) -> &'static str;

    /// Returns the value with this word, if there is one.
    fn from_word(word: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|variant| variant.word() == word)
    }
}

/// Returns the words of a choice.
pub(super) fn words<C: Choice>() -> Vec<&'static str> {
    C::VARIANTS.iter().map(|variant| variant.word()).collect()
}

macro_rules! choices {
    ($($name:ident { $($variant:ident = $word:literal),+ })+) => {$(
        impl Choice for $name {
            const VARIANTS: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    )+};
}

choices! {
    DisabledMembers { Disable = "disable", Keep = "keep" }
    Federation { Verify = "verify", Trust = "trust" }
    AccountSource { Synapse = "synapse", Mas = "mas" }
    Matching { Auto = "auto", Localpart = "localpart", UpstreamLink = "upstream-link" }
    Reactivate { Any = "any", Own = "own", None = "none" }
    UnknownAccounts { Disable = "disable", Keep = "keep" }
    LockedMembers { Keep = "keep", Activate = "activate" }
}

impl Choice for DisableMode {
    const VARIANTS: &'static [Self] = &[Self::Deactivate, Self::Lock];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Choice for WriterKind {
    const VARIANTS: &'static [Self] = &[Self::MasCli, Self::MasApi];

    fn word(self) -> &'static str {
        self.as_str()
    }
}
