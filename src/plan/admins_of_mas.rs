//! What a run knows of the administrators of MAS.

/// Whether every administrator of MAS can be recognised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AdminsOfMas {
    #[default]
    Known,
    Unknown,
}

impl AdminsOfMas {
    /// Combines this with another answer: one list that is missing is enough.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::Known { other } else { self }
    }
}
