//! Finds the users of the realm that have a certain localpart by the template. The list of users
//! never contains service accounts, and lacks the users of a directory that is down.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{KeycloakReader, Representation, Unread, UserRow};
use crate::http::HttpError;
use crate::localpart::Attributes;
use crate::model::{KeycloakId, Localpart, Member};
use crate::readers::json_text::JsonText;
use crate::readers::{ReadError, Tally};

/// How many members that the list of users lacks are requested by ID; a list that lacks more is
/// incomplete.
const MOST_ASKED: usize = 100;
/// Members requested at the same time.
const AT_A_TIME: usize = 8;

/// The prefix of a client's user in Keycloak, which is its only mark.
const SERVICE_ACCOUNT: &str = "service-account-";

/// The users of the realm that have certain localparts by the template.
#[derive(Debug, Default)]
pub struct Owners {
    by_name: HashMap<String, Vec<KeycloakId>>,
    missing: Option<KeycloakId>,
}

impl Owners {
    /// Returns the users with this localpart, in order of their IDs. There are several if the
    /// template does not distinguish them.
    #[must_use]
    pub fn named(&self, localpart: &Localpart) -> &[KeycloakId] {
        self.by_name.get(&*localpart.key()).map_or(&[], Vec::as_slice)
    }

    /// Returns a member that is missing in the list of users without being a service account. Then
    /// the list is incomplete, and a localpart without a user proves nothing.
    #[must_use]
    pub fn missing(&self) -> Option<&KeycloakId> {
        self.missing.as_ref()
    }
}

/// Why a member is not in the list of users.
enum NotListed {
    /// A service account.
    Service,
    /// Deleted since the members were read.
    Deleted,
    /// A user that the list should contain, or that Keycloak cannot find at the moment.
    Missing,
}

/// A row of the list of users: the ID, and which of the wanted localparts the user has.
type ListedUser = (KeycloakId, Option<u32>);

impl KeycloakReader {
    /// Reads which users have the `wanted` localparts. Returns `None` if the template is the
    /// username alone, because then users can be requested by name.
    ///
    /// Source: `GET …/users`, in pages, and `GET …/users/{id}` for members who are missing there.
    pub async fn owners<'l>(
        &self,
        wanted: impl IntoIterator<Item = &'l Localpart>,
        members: &[Member],
    ) -> Result<Option<Owners>, ReadError> {
        if self.template.is_username() {
            return Ok(None);
        }
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for localpart in wanted {
            let next = u32::try_from(numbers.len()).expect("fewer names than any server has users");
            numbers.entry(localpart.key().into_owned()).or_insert(next);
        }
        let listed = if self.template.needs_attributes() {
            self.listed_users::<Attributes>(&numbers).await?
        } else {
            self.listed_users::<Unread>(&numbers).await?
        };
        let mut owners: Vec<Vec<KeycloakId>> = vec![Vec::new(); numbers.len()];
        for (id, number) in &listed {
            if let Some(number) = number {
                owners[*number as usize].push(id.clone());
            }
        }
        let (service_accounts, missing) = self.not_listed(members, &listed).await?;
        for member in service_accounts {
            let number =
                member.localpart.as_ref().and_then(|localpart| numbers.get(&*localpart.key()));
            if let Some(number) = number {
                owners[*number as usize].push(member.id.clone());
            }
        }
        let mut by_name = HashMap::with_capacity(numbers.len());
        for (name, number) in numbers {
            let mut ids = std::mem::take(&mut owners[number as usize]);
            ids.sort();
            by_name.insert(name, ids);
        }
        Ok(Some(Owners { by_name, missing }))
    }

    /// Returns every listed user in order of ID. Of a million users only the IDs are kept.
    async fn listed_users<A: Representation>(
        &self,
        numbers: &HashMap<String, u32>,
    ) -> Result<Vec<ListedUser>, ReadError> {
        let to_listed = |user: UserRow<JsonText<'_>, A>| {
            let localpart = self.localpart(&user).ok();
            let number = localpart.and_then(|localpart| numbers.get(&*localpart.key()).copied());
            (KeycloakId::from(&*user.id), number)
        };
        let tally = Tally::default();
        let users =
            self.whole_list(&["users"], "the users of the realm", &tally, to_listed, |(id, _)| id);
        let mut listed = users.await?;
        listed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(listed)
    }

    /// Returns the service accounts among the members that are not listed, and the first other
    /// member that should be.
    async fn not_listed<'m>(
        &self,
        members: &'m [Member],
        listed: &[ListedUser],
    ) -> Result<(Vec<&'m Member>, Option<KeycloakId>), ReadError> {
        let is_listed =
            |member: &Member| listed.binary_search_by(|(id, _)| id.cmp(&member.id)).is_ok();
        let not_listed: Vec<&Member> = members.iter().filter(|member| !is_listed(member)).collect();
        let unasked = not_listed.get(MOST_ASKED);
        let mut missing = unasked.map(|member| member.id.clone());
        let asked = not_listed.iter().take(MOST_ASKED);
        let answers: Vec<_> = stream::iter(asked)
            .map(|member| async move {
                Ok::<_, HttpError>((*member, self.not_listed_why(member).await?))
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        let mut service_accounts = Vec::new();
        for (member, why) in answers {
            match why {
                NotListed::Service => service_accounts.push(member),
                NotListed::Deleted => {}
                NotListed::Missing => {
                    missing.get_or_insert_with(|| member.id.clone());
                }
            }
        }
        Ok((service_accounts, missing))
    }

    async fn not_listed_why(&self, member: &Member) -> Result<NotListed, HttpError> {
        match self.user_of_id(&member.id).await {
            Ok(Some(user)) if user.username.starts_with(SERVICE_ACCOUNT) => Ok(NotListed::Service),
            // A directory that is down may also hide its users by ID.
            Ok(None) if member.federation_link.is_none() => Ok(NotListed::Deleted),
            Err(error) if error.is_silence() => Err(error),
            Ok(_) | Err(_) => Ok(NotListed::Missing),
        }
    }
}
