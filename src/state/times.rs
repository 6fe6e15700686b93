//! Names the tables that hold since when something has been so in every complete reading.

/// A table of accounts, each with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Active accounts whose owners are out of the group.
    Absences,
    /// Accounts outside the group that this program has locked.
    Locks,
}

impl Times {
    pub(super) const ALL: [Self; 2] = [Self::Absences, Self::Locks];

    /// Returns the query for all of a scope: realm and server name.
    pub(super) fn select(self) -> &'static str {
        match self {
            Self::Absences => {
                "SELECT user_id, since FROM absences WHERE realm = ?1 AND server_name = ?2"
            }
            Self::Locks => "SELECT user_id, since FROM locks WHERE realm = ?1 AND server_name = ?2",
        }
    }

    /// Returns the statement that adds one, unless it is there: realm, server name, user, time.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Absences => {
                "INSERT OR IGNORE INTO absences (realm, server_name, user_id, since) VALUES (?1, ?2, ?3, ?4)"
            }
            Self::Locks => {
                "INSERT OR IGNORE INTO locks (realm, server_name, user_id, since) VALUES (?1, ?2, ?3, ?4)"
            }
        }
    }

    /// Returns the statement that removes one: realm, server name, user.
    pub(super) fn end(self) -> &'static str {
        match self {
            Self::Absences => {
                "DELETE FROM absences WHERE realm = ?1 AND server_name = ?2 AND user_id = ?3"
            }
            Self::Locks => {
                "DELETE FROM locks WHERE realm = ?1 AND server_name = ?2 AND user_id = ?3"
            }
        }
    }

    /// Returns the statement that removes all of a scope: realm and server name.
    pub(super) fn end_all(self) -> &'static str {
        match self {
            Self::Absences => "DELETE FROM absences WHERE realm = ?1 AND server_name = ?2",
            Self::Locks => "DELETE FROM locks WHERE realm = ?1 AND server_name = ?2",
        }
    }

    /// Returns the statement that corrects times of a clock that was wrong: realm, server name, now.
    pub(super) fn not_in_the_future(self) -> &'static str {
        match self {
            Self::Absences => {
                "UPDATE absences SET since = ?3 WHERE realm = ?1 AND server_name = ?2 AND since > ?3"
            }
            Self::Locks => {
                "UPDATE locks SET since = ?3 WHERE realm = ?1 AND server_name = ?2 AND since > ?3"
            }
        }
    }
}
