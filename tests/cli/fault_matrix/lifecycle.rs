//! The whole way of a person in one run: an account is created, another one is deactivated after its
//! lock, one user becomes an administrator, and two lose the right.

use std::collections::BTreeSet;
use std::time::Duration;

use matrix_keycloak_sync::standins::RunningWorld;
use matrix_keycloak_sync::standins::mas::SessionKind;
use matrix_keycloak_sync::standins::world::AccountParts;

use super::scene::Scene;
use super::verdict::{Everyone, Members, Record, Report, in_place, is_active, is_locked};
use crate::harness::account;

/// The member without an account.
pub(super) const NEW: &str = "gina";
/// The account that is locked before the case, and deactivated in it.
pub(super) const LEAVER: &str = "stan";
/// The user who becomes an administrator, and those who are it before. The last one keeps the right
/// until the run in which the first one has it.
const GRANTED: &str = "ann";
pub(super) const REVOKED: &str = "ben";
pub(super) const LAST: &str = "cleo";
const ADMINS: &str = "/matrix-admins";
const EMAIL: &str = "gina@corp.test";
const ADMIN_SCOPE: &str = "urn:mas:admin";

/// Added to the configuration of these cases.
pub(super) const POLICY: &str = "disable = \"lock\"\ndeactivate_after = \"1s\"\n";
pub(super) const SECTIONS: &str = "[admins]\ngroups = [\"matrix-admins\"]\n";
/// Longer than `deactivate_after`.
const UNTIL_THE_SECOND_STAGE: Duration = Duration::from_millis(1200);

impl Scene {
    /// Locks one account in a run of its own, and sees it locked in the next; then the case has all
    /// its changes to make.
    pub(super) async fn prepare_lifecycle(&self) {
        let outsiders = ["xaver", "yves", "zoe"];
        for name in outsiders {
            self.world.join(name);
        }
        self.world.leave(NEW);
        for _ in 0..2 {
            let run = self.program().run("sync");
            assert_eq!(run.code, 0, "{}", run.stderr);
            assert!(self.world.settle().await, "MAS has jobs left");
        }
        assert_eq!(self.world.state_of(LEAVER), account(true, false));

        for name in outsiders {
            self.world.leave(name);
        }
        self.world.join(NEW);
        {
            let mut keycloak = self.world.keycloak.state();
            let realm = keycloak.realm("corp");
            realm.user_mut(NEW).expect("seeded").email = Some(EMAIL.to_owned());
            realm.join(GRANTED, ADMINS);
        }
        for name in [REVOKED, LAST] {
            self.world.mas.state().user_mut(name).expect("seeded").admin = true;
        }
        self.world.login_with_scope(REVOKED, ADMIN_SCOPE).expect("an active account");
        tokio::time::sleep(UNTIL_THE_SECOND_STAGE).await;
    }

    /// Returns whether an account is in the right state. Here accounts are locked first, and the next
    /// run may deactivate them.
    pub(super) fn is_in_place(
        &self,
        name: &str,
        before: &Everyone,
        now: &Everyone,
        members: &Members,
    ) -> bool {
        let is_locked_first = self.cell.moment.is_of_lifecycle()
            && ["xaver", "yves", "zoe"].contains(&name)
            && now.get(name).is_some_and(|state| is_locked(*state));
        // Who loses the right loses sessions, too.
        let loses_sessions =
            [REVOKED, LAST].contains(&name) && now.get(name).is_some_and(|state| is_active(*state));
        is_locked_first || loses_sessions || in_place(name, before, now, members)
    }
}

/// Who administers MAS, and what the new account has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct People {
    admins: BTreeSet<String>,
    /// The names of all users of MAS, without regard to case.
    names: Vec<String>,
    new: AccountParts,
    /// The Keycloak ID of the user of the new account.
    user: String,
    open_admin_sessions: usize,
}

impl People {
    pub(super) fn of(scene: &Scene) -> Self {
        let world: &RunningWorld = &scene.world;
        let (admins, names) = {
            let mas = world.mas.state();
            let admins = mas.users().filter(|user| user.admin && user.is_valid());
            (
                admins.map(|user| user.username.clone()).collect(),
                mas.users().map(|user| user.username.to_lowercase()).collect(),
            )
        };
        let user = world.keycloak.state().realm("corp").user(NEW).expect("seeded").id.clone();
        let sessions = world.sessions_of(REVOKED, SessionKind::OAuth2);
        let with_right = sessions.iter().filter(|session| session.scope.contains(ADMIN_SCOPE));
        Self {
            admins,
            names,
            new: world.parts_of(NEW),
            user,
            open_admin_sessions: with_right.count(),
        }
    }

    /// Reports what must not happen between these and those `after` the run.
    /// Only `may_lose` may be no administrators any more.
    pub(super) fn compare(
        &self,
        after: &Self,
        records: &[Record],
        may_lose: &[&str],
        report: &mut Report,
    ) {
        let begun = |name: &str, action: &str| {
            records
                .iter()
                .any(|record| record.localpart == name && record.action == action && record.begun)
        };
        let is_new = |name: &&String| !self.names.contains(name);
        for name in after.names.iter().filter(is_new) {
            if name != NEW {
                report.wrong_accounts.push(format!("{name} was made"));
            } else if !begun(NEW, "create") {
                report.lost_records.push(format!("{name} was made without a record"));
            }
        }
        if after.names.len() > self.names.len() + 1 {
            report.wrong_accounts.push(format!("made twice: {:?}", after.names));
        }
        if after.new.subjects.iter().any(|subject| *subject != self.user)
            || after.new.emails.iter().any(|email| email != EMAIL)
        {
            report.wrong_accounts.push(format!("of another user: {:?}", after.new));
        }
        for name in after.admins.difference(&self.admins) {
            if name != GRANTED {
                report.wrong_admins.push(format!("{name} got the right"));
            } else if !begun(name, "grant_admin") {
                report.lost_records.push(format!("{name} got the right without a record"));
            }
        }
        for name in self.admins.difference(&after.admins) {
            if !may_lose.contains(&name.as_str()) {
                report.wrong_admins.push(format!("{name} lost the right"));
            } else if !begun(name, "revoke_admin") {
                report.lost_records.push(format!("{name} lost the right without a record"));
            }
        }
        if !self.admins.is_empty() && after.admins.is_empty() {
            report.wrong_admins.push("no administrator is left".to_owned());
        }
    }

    /// Returns what is not as it should be in the end.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let mut unfinished = Vec::new();
        let whole = (&[self.user.clone()][..], &[EMAIL.to_owned()][..]);
        if (&*self.new.subjects, &*self.new.emails) != whole || self.new.displayname.is_none() {
            unfinished.push(format!("the new account: {:?}", self.new));
        }
        if !self.admins.contains(GRANTED) || self.admins.contains(REVOKED) {
            unfinished.push(format!("the administrators: {:?}", self.admins));
        }
        if self.open_admin_sessions > 0 {
            unfinished.push("a session with the right of an administrator".to_owned());
        }
        unfinished
    }
}
