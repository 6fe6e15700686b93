//! Defines why an account is changed or kept: the words of the interface and their texts.

use strum::{IntoStaticStr, VariantArray};

use crate::model::serde_with_words;

/// Why an account is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// Activated: the user is a member of the group.
    InGroup,
    /// Disabled: the user is in Keycloak, but not in the group.
    NotInGroup,
    /// Disabled: Keycloak has no such user.
    NotInKeycloak,
    /// Disabled: the member is disabled in Keycloak.
    DisabledInKeycloak,
    /// Deactivated: locked by this program for `policy.deactivate_after`.
    LockedSince,
    /// Made an administrator: the user is in one of `[admins]`.
    InAdminGroup,
    /// No administrator any more: the user is in none of `[admins]`.
    NotInAdminGroup,
    /// Reversed by `undo`.
    Undone,
}

impl Reason {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::InGroup => "in the group",
            Self::NotInGroup => "not in the group",
            Self::NotInKeycloak => "not in Keycloak",
            Self::DisabledInKeycloak => "disabled in Keycloak",
            Self::LockedSince => "locked for long enough (policy.deactivate_after)",
            Self::InAdminGroup => "in a group or role of [admins]",
            Self::NotInAdminGroup => "in no group or role of [admins]",
            Self::Undone => "reversed by undo",
        }
    }
}

/// Why an administrator has to approve that an account is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum Approval {
    /// Nothing has ever tied it to a Keycloak user: it may be a local account.
    NeverTied,
    /// The user it is tied to was deleted, and a member has its name: it may be the same person,
    /// created again.
    NameOfMember,
    /// The user it is linked to was deleted, and the state file remembers it as a member's: the
    /// link may be an old one.
    MemoryOfMember,
}

impl Approval {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NeverTied => "no Keycloak user was ever seen to own it",
            Self::NameOfMember => "its Keycloak user was deleted, and a member has its name",
            Self::MemoryOfMember => {
                "its Keycloak user was deleted, and a member was seen to own it"
            }
        }
    }
}

/// A note for the administrator about an action that is done anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// An activation of an account that is deactivated and not locked. This program always locks as
    /// well, so an administrator or its owner did it (trap 70).
    DeactivatedByOthers,
}

impl Mark {
    /// Returns the mark in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::DeactivatedByOthers => "deactivated by someone else",
        }
    }
}

/// Why an account is kept although the rule would act on it, in the order in which reasons are
/// tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeptReason {
    /// The account belongs to another homeserver.
    OtherServer,
    /// Two accounts or two users share this name, and the rule would treat them differently.
    Ambiguous,
    /// The owner of the admin token that this program reads with.
    TokenOwner,
    /// Listed in `policy.protect`.
    Protected,
    /// An administrator of the homeserver (`policy.protect_admins`).
    Admin,
    /// `user_type` is `bot` or `support`.
    Bot,
    /// An application service, such as a bridge, owns it.
    Appservice,
    /// MAS, which would have to disable it, does not know it.
    NotInMas,
    /// Nothing ties the account to a user, and a weak sign points to a member.
    MayBeMember,
    /// A directory behind Keycloak is unverified: it may be down, or contradicts itself.
    FederationInDoubt,
    /// The member list omits the user, but the second look finds them in the group.
    InGroupAtSecondLook,
    /// Keycloak does not know the user (`policy.unknown_accounts = "keep"`).
    UnknownAccount,
    /// Out of the group for a shorter time than `policy.grace`.
    InGrace,
    /// Erased: activating would restore an empty account.
    Erased,
    /// A member has its name, but it is tied to another user, or the member to another account.
    AnotherPerson,
    /// A member's account that was locked by hand (`policy.locked_members = "keep"`).
    LockedByHand,
    /// This program did not disable it, or must not activate any account (`policy.reactivate`).
    NotOurs,
    /// An administrator in none of `[admins]`, and too few are left.
    LastAdmin,
}

impl KeptReason {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::OtherServer => "an account of another homeserver",
            Self::Ambiguous => "the evidence fits two accounts or two users",
            Self::TokenOwner => "owns a token that this program uses",
            Self::Protected => "protected by policy.protect",
            Self::Admin => "an administrator of the homeserver",
            Self::Bot => "a bot or support account",
            Self::Appservice => "belongs to an application service, such as a bridge",
            Self::NotInMas => "unknown to MAS",
            Self::MayBeMember => "may be a member's, by a sign that decides nothing",
            Self::FederationInDoubt => "a directory behind Keycloak is unverified",
            Self::InGroupAtSecondLook => {
                "missing in the member list, but in the group at the second look"
            }
            Self::UnknownAccount => "unknown to Keycloak (policy.unknown_accounts = \"keep\")",
            Self::InGrace => "out of the group for a shorter time than policy.grace",
            Self::Erased => "a member whose account was erased",
            Self::AnotherPerson => "has the name of a member, but belongs to another user",
            Self::LockedByHand => "a member locked by hand (policy.locked_members = \"keep\")",
            Self::NotOurs => {
                "a member's account that this program did not disable (policy.reactivate)"
            }
            Self::LastAdmin => "an administrator, and too few would be left (admins.min_admins)",
        }
    }
}

serde_with_words!(Reason, KeptReason);

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::model::Word;

    const REASONS: [(Reason, &str); 8] = [
        (Reason::InGroup, "in_group"),
        (Reason::NotInGroup, "not_in_group"),
        (Reason::NotInKeycloak, "not_in_keycloak"),
        (Reason::DisabledInKeycloak, "disabled_in_keycloak"),
        (Reason::LockedSince, "locked_since"),
        (Reason::InAdminGroup, "in_admin_group"),
        (Reason::NotInAdminGroup, "not_in_admin_group"),
        (Reason::Undone, "undone"),
    ];

    const KEPT: [(KeptReason, &str); 18] = [
        (KeptReason::OtherServer, "other_server"),
        (KeptReason::Ambiguous, "ambiguous"),
        (KeptReason::TokenOwner, "token_owner"),
        (KeptReason::Protected, "protected"),
        (KeptReason::Admin, "admin"),
        (KeptReason::Bot, "bot"),
        (KeptReason::Appservice, "appservice"),
        (KeptReason::NotInMas, "not_in_mas"),
        (KeptReason::MayBeMember, "may_be_member"),
        (KeptReason::FederationInDoubt, "federation_in_doubt"),
        (KeptReason::InGroupAtSecondLook, "in_group_at_second_look"),
        (KeptReason::UnknownAccount, "unknown_account"),
        (KeptReason::InGrace, "in_grace"),
        (KeptReason::Erased, "erased"),
        (KeptReason::AnotherPerson, "another_person"),
        (KeptReason::LockedByHand, "locked_by_hand"),
        (KeptReason::NotOurs, "not_ours"),
        (KeptReason::LastAdmin, "last_admin"),
    ];

    /// Checks that the table has every variant in order, and that each word stands for its variant
    /// in text and JSON.
    #[track_caller]
    fn are_all<T: Word + PartialEq + Debug + Serialize + DeserializeOwned>(table: &[(T, &str)]) {
        let (variants, words): (Vec<_>, Vec<_>) = table.iter().copied().unzip();
        assert_eq!(variants, T::VARIANTS);
        for (variant, word) in variants.into_iter().zip(words) {
            assert_eq!(variant.word(), word);
            assert_eq!(serde_json::to_value(variant).expect("JSON"), word);
            assert_eq!(serde_json::from_value::<T>(word.into()).expect(word), variant);
        }
    }

    #[test]
    fn each_reason_is_one_word_in_text_and_json_in_both_directions() {
        are_all(&REASONS);
        are_all(&KEPT);
    }

    #[test]
    fn word_that_is_no_reason_is_an_error() {
        for word in ["", "In_Group", "protected", "in group"] {
            assert!(serde_json::from_value::<Reason>(word.into()).is_err(), "{word}");
        }
        for word in ["", "Admin", "in_group", "token owner"] {
            assert!(serde_json::from_value::<KeptReason>(word.into()).is_err(), "{word}");
        }
    }

    #[test]
    fn reasons_are_in_the_order_in_which_they_are_tried() {
        assert!(
            REASONS.is_sorted_by_key(|(reason, _)| reason)
                && KEPT.is_sorted_by_key(|(reason, _)| reason)
        );
    }
}
