//! Reads what users outside the groups are known by, for a report.

use super::person::{joined_name, to_user};
use super::{KeycloakReader, Unread, UserRow};
use crate::http::HttpError;
use crate::model::{KeycloakId, KeycloakUser, UserNames};
use crate::readers::json_text::JsonText;
use crate::readers::{ReadError, Tally};

impl KeycloakReader {
    /// Returns the user of an ID, or `None` if the realm has none.
    ///
    /// Source: `GET …/users/{id}`.
    pub async fn user(&self, id: &KeycloakId) -> Result<Option<KeycloakUser>, HttpError> {
        if !id.can_be_asked_for() {
            return Ok(None);
        }
        Ok(self.user_of_id(id).await?.as_ref().map(to_user))
    }

    /// Adds the wanted users that the list of the realm's users contains. `wanted` is sorted.
    ///
    /// Source: `GET …/users`, in pages.
    pub async fn names_of(
        &self,
        wanted: &[KeycloakId],
        mut names: UserNames,
        tally: &Tally,
    ) -> Result<UserNames, ReadError> {
        let cell = std::cell::RefCell::new(&mut names);
        let note = |row: UserRow<JsonText<'_>, Unread>| {
            let id = KeycloakId::from(&*row.id);
            if wanted.binary_search(&id).is_ok() {
                let name = joined_name(row.first_name.as_deref(), row.last_name.as_deref());
                let email = row.email.as_deref();
                cell.borrow_mut().put(&id, &row.username, name.as_deref(), email);
            }
            id
        };
        let list = "the users of the realm";
        self.whole_list(&["users"], list, tally, note, |id| id).await?;
        Ok(names)
    }
}
