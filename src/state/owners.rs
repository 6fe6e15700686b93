//! Remembers which Keycloak user each account belongs to, as complete readings have shown it.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params};

use super::columns::{text, word};
use super::error::StateProblem;
use super::readings::Age;
use super::{Namespace, State, StateError};
use crate::model::{KeycloakId, Localpart, Owner, Tie, Timestamp, UserId, Word as _};

/// With more new rows than this, rebuilding the index is faster than updating it.
const MANY: usize = 50_000;

const INDEX: &str =
    "CREATE INDEX owners_by_keycloak_id ON owners (realm, server_name, keycloak_id)";

impl State {
    /// Passes every account that was ever tied to a Keycloak user to `take`, by localpart as the
    /// server spells it.
    pub fn owners(&self, mut take: impl FnMut(&str, Owner)) -> Result<(), StateError> {
        let connection = self.lock();
        let Namespace { realm, server_name } = &self.namespace;
        let mut read = || {
            let mut statement = connection
                .prepare("SELECT localpart, keycloak_id, tie FROM owners WHERE realm = ?1 AND server_name = ?2")?;
            let mut rows = statement.query(params![realm, server_name.as_str()])?;
            while let Some(row) = rows.next()? {
                take(text(row, 0)?, self.owner(row)?);
            }
            Ok(())
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Returns the remembered accounts that have one of these names, spelled like this, or belong
    /// to one of these users; by localpart, each once.
    pub fn owners_of(
        &self,
        localparts: &[Localpart],
        ids: &[KeycloakId],
    ) -> Result<Vec<(Localpart, Owner)>, StateError> {
        let connection = self.lock();
        let Namespace { realm, server_name } = &self.namespace;
        let read = || {
            let mut found = BTreeMap::new();
            let mut find = |from: &str, keys: &mut dyn Iterator<Item = String>| {
                let mut statement = connection.prepare(&format!(
                    "SELECT localpart, keycloak_id, tie FROM owners {from} = ?3 AND realm = ?1 AND server_name = ?2"
                ))?;
                for key in keys {
                    let mut rows = statement.query(params![realm, server_name.as_str(), key])?;
                    while let Some(row) = rows.next()? {
                        found.insert(Localpart::from(text(row, 0)?), self.owner(row)?);
                    }
                }
                Ok::<_, StateProblem>(())
            };
            find("WHERE localpart", &mut localparts.iter().map(|name| name.as_str().to_owned()))?;
            // SQLite would otherwise read the whole table, which saves it the step from index to
            // row.
            let by_user = "INDEXED BY owners_by_keycloak_id WHERE keycloak_id";
            find(by_user, &mut ids.iter().map(|id| id.text().into_owned()))?;
            Ok(found.into_iter().collect())
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Lets all remembered owners only protect from now on, because the file is older than the last
    /// run.
    pub(super) fn doubt_owners(&self, transaction: &Transaction<'_>) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        transaction.execute(
            "UPDATE owners SET tie = ?3 WHERE realm = ?1 AND server_name = ?2",
            params![realm, server_name.as_str(), Tie::Restored.word()],
        )?;
        Ok(())
    }

    fn owner(&self, row: &Row<'_>) -> Result<Owner, StateProblem> {
        let owner = Owner { id: text(row, 1)?.into(), tie: word(row, 2)? };
        Ok(match self.age {
            Age::AsExpected => owner,
            Age::Older => Owner { tie: Tie::Restored, ..owner },
        })
    }

    /// Records the owners of accounts of this homeserver, and replaces those recorded before.
    pub(super) fn record_owners(
        &self,
        transaction: &Transaction<'_>,
        owners: &[(&UserId, Owner)],
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        let is_many = owners.len() >= MANY;
        if is_many {
            transaction.execute("DROP INDEX owners_by_keycloak_id", [])?;
        }
        let mut insert = transaction.prepare(
            "INSERT INTO owners (realm, server_name, localpart, keycloak_id, tie, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET
                since = iif(keycloak_id = excluded.keycloak_id, since, excluded.since),
                keycloak_id = excluded.keycloak_id,
                tie = excluded.tie",
        )?;
        for (user_id, owner) in
            owners.iter().filter(|(user_id, _)| user_id.server_name() == server_name)
        {
            insert.execute(params![
                realm,
                server_name.as_str(),
                user_id.localpart().as_str(),
                owner.id.text(),
                owner.tie.word(),
                now.as_millis(),
            ])?;
        }
        if is_many {
            transaction.execute(INDEX, [])?;
        }
        Ok(())
    }
}
