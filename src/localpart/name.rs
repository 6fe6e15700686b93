//! Checks which names MAS accepts for a new account.

/// The longest user ID that Matrix allows, `@` and server name included.
const LONGEST_USER_ID: usize = 255;

/// Why MAS would refuse a name for a new account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error("a name cannot be empty")]
    Empty,
    /// It contains other characters than `a-z`, `0-9` and `._=/+-`.
    #[error("{0:?} cannot be in a name: a-z, 0-9 and ._=/+- can")]
    Character(char),
    /// It begins with an underscore.
    #[error("a name cannot begin with _")]
    Underscore,
    /// It consists of digits, like the names of guests.
    #[error("a name cannot be a number")]
    Number,
    /// With the server name it is longer than a user ID may be.
    #[error("the user ID would have {0} characters: at most {LONGEST_USER_ID} are allowed")]
    Long(usize),
}

/// Checks that MAS and Synapse accept this name for a new account, if no one has it yet.
///
/// Source: `users/add.rs` and `register.rego` in MAS, `check_username` in Synapse.
pub fn check_name(name: &str, server_name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if let Some(wrong) = name.chars().find(|c| !is_allowed(*c)) {
        return Err(InvalidName::Character(wrong));
    }
    if name.starts_with('_') {
        return Err(InvalidName::Underscore);
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidName::Number);
    }
    let length = format!("@{name}:{server_name}").len();
    if length > LONGEST_USER_ID {
        return Err(InvalidName::Long(length));
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || "._=/+-".contains(c)
}
