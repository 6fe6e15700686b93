//! Finds members that the weak signs of an account point to. A sign ties nothing, and only
//! protects.

use std::collections::{BTreeMap, HashMap};

use crate::model::{
    AccountDetail, Fingerprint, KeycloakId, Member, Sign, UserId, unescape_localpart,
};

/// The members that the signs of each account point to.
pub type SignsOfAccounts = BTreeMap<UserId, Vec<(Sign, KeycloakId)>>;

/// What one account shows.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone, Copy)]
struct Shown {
    sign: Sign,
    fingerprint: Fingerprint,
}

/// Returns the members that the accounts' signs point to, including disabled ones: by the name as
/// Synapse once escaped it, by e-mail address, and by display name if only one member has that
/// first and last name.
///
/// There may be millions of members and dozens of such accounts, so one pass over the members
/// serves all accounts.
#[must_use]
pub fn members_with_signs<'a>(
    accounts: impl Iterator<Item = (&'a UserId, &'a AccountDetail)>,
    members: &[Member],
) -> SignsOfAccounts {
    let mut wanted: HashMap<Shown, Vec<UserId>> = HashMap::new();
    for (user_id, detail) in accounts {
        for shown in shown_by(user_id, detail) {
            wanted.entry(shown).or_default().push(user_id.clone());
        }
    }
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let mut found: HashMap<Shown, Vec<&Member>> = HashMap::new();
    for member in members {
        for shown in shows(member) {
            if wanted.contains_key(&shown) {
                found.entry(shown).or_default().push(member);
            }
        }
    }
    let mut signs = SignsOfAccounts::new();
    for (shown, members) in found {
        // If two members have the name, it may belong to others too.
        if shown.sign == Sign::DisplayName && members.len() > 1 {
            continue;
        }
        for member in members {
            for user_id in &wanted[&shown] {
                signs.entry(user_id.clone()).or_default().push((shown.sign, member.id.clone()));
            }
        }
    }
    for of_account in signs.values_mut() {
        of_account.sort();
    }
    signs
}

fn shown_by(user_id: &UserId, detail: &AccountDetail) -> Vec<Shown> {
    let unescaped = unescape_localpart(user_id.localpart().as_str());
    let escaped = unescaped.map(|name| (Sign::EscapedName, name));
    let emails = detail.emails.iter().map(|email| (Sign::Email, email.raw().to_owned()));
    let display_name =
        detail.display_name.as_ref().map(|name| (Sign::DisplayName, name.raw().to_owned()));
    let all = escaped.into_iter().chain(emails).chain(display_name);
    all.filter_map(|(sign, text)| Some(Shown { sign, fingerprint: Fingerprint::new(&text)? }))
        .collect()
}

fn shows(member: &Member) -> impl Iterator<Item = Shown> + use<> {
    let all = [
        (Sign::EscapedName, member.signs.username),
        (Sign::Email, member.signs.email),
        (Sign::DisplayName, member.signs.full_name),
    ];
    all.into_iter().filter_map(|(sign, print)| Some(Shown { sign, fingerprint: print? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signs;

    fn member(id: &str, email: &str) -> Member {
        Member {
            id: id.into(),
            localpart: None,
            enabled: true,
            federation_link: None,
            signs: Signs::new(id, Some(email), Some("Kim"), Some("Lee")),
        }
    }

    #[test]
    fn display_name_is_a_sign_only_if_one_member_has_it() {
        let user_id = UserId::try_from(Box::from("@kl:example.org")).expect("a user ID");
        let detail = AccountDetail {
            display_name: Some("kim lee".into()),
            emails: vec!["kim@example.org".into()],
            ..AccountDetail::new(user_id.clone())
        };
        let found = |members: &[Member]| {
            let signs = members_with_signs([(&user_id, &detail)].into_iter(), members);
            signs.into_values().flatten().collect::<Vec<_>>()
        };
        let [one, other] = ["a", "b"].map(|id| member(id, "kim@example.org"));
        assert_eq!(
            found(std::slice::from_ref(&one)),
            [(Sign::Email, "a".into()), (Sign::DisplayName, "a".into())]
        );
        assert_eq!(found(&[one, other]), [(Sign::Email, "a".into()), (Sign::Email, "b".into())]);
    }
}
