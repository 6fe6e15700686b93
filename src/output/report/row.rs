//! Makes the row of one account.

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::model::{
    Account, Evidence, KeycloakId, KeycloakUser, Localpart, Question, ServerText, Timestamp,
    UserId, UserNames, Word as _, serde_with_words,
};
use crate::phrases::{counted, joined};
use crate::plan::{ActionKind, OutcomeKind, Reason};
use crate::planner::{Grounds, Remark, Reviewed, RightNext, Standing};
use crate::readers::Outsiders;
use crate::state::{LastAction, RecordedOutcome, RunId};

/// The state of an account in one word, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum State {
    Erased,
    Deactivated,
    Locked,
    Active,
}

serde_with_words!(State);

/// One account of a report, as JSON has it.
#[derive(Debug, Serialize)]
pub struct ReportRow<'r> {
    pub(super) localpart: &'r Localpart,
    pub(super) user_id: &'r UserId,
    pub(super) state: State,
    pub(super) administrator: bool,
    pub(super) verdict: Standing,
    #[serde(serialize_with = "word_of")]
    pub(super) reason: Grounds,
    /// What becomes of the right of an administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) right: Option<RightNext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keycloak: Option<RowUser>,
    /// Since when the account has been in its state, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_action: Option<LastActionCell>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_stage: Option<Timestamp>,
}

/// The user of an account, as far as Keycloak knows them.
#[derive(Debug, Clone, Serialize)]
pub struct RowUser {
    pub(super) id: KeycloakId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<ServerText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<ServerText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<ServerText>,
}

/// The last action of this program on an account.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LastActionCell {
    pub(super) action: ActionKind,
    pub(super) outcome: RecordedOutcome,
    pub(super) at: Timestamp,
    pub(super) run: RunId,
}

/// What users are known by.
#[derive(Debug, Clone, Copy)]
pub struct KnownUsers<'k> {
    pub members: &'k UserNames,
    pub outsiders: &'k Outsiders,
}

impl KnownUsers<'_> {
    /// Returns a user: as the second look saw them, or as the lists show them.
    fn user(&self, id: &KeycloakId, seen: Option<&Evidence>) -> RowUser {
        let answers = seen.into_iter().flat_map(|seen| &seen.keycloak);
        let mut users = answers.filter_map(|answer| answer.user.user());
        let in_answers = users.find(|user| user.id == *id).cloned();
        let in_members = || self.members.get(id);
        let in_outsiders = || self.outsiders.names.get(id);
        match in_answers.or_else(in_members).or_else(in_outsiders) {
            Some(KeycloakUser { id, username, name, email }) => {
                RowUser { id, username: Some(username), name, email }
            }
            None => RowUser { id: id.clone(), username: None, name: None, email: None },
        }
    }

    /// Returns whether Keycloak has no user of this ID.
    fn is_gone(&self, id: &KeycloakId, seen: Option<&Evidence>) -> bool {
        let answers = seen.into_iter().flat_map(|seen| &seen.keycloak);
        let mut answers = answers.filter(|answer| match &answer.asked {
            Question::Id(asked) | Question::ExternalId(asked) => asked == id,
            Question::Name => false,
        });
        answers.any(|answer| answer.user.is_unknown()) || self.outsiders.gone.contains(id)
    }
}

impl<'r> ReportRow<'r> {
    /// Makes the row. `disabled_since` is when MAS or this program disabled the account, if either
    /// is known.
    #[must_use]
    pub fn new(
        reviewed: &Reviewed<'r>,
        users: KnownUsers<'_>,
        disabled_since: Option<Timestamp>,
        last: Option<LastAction>,
    ) -> Self {
        let Reviewed { account, standing, evidence, owners, .. } = reviewed;
        let known: Vec<_> = owners.iter().map(|id| users.user(id, *evidence)).collect();
        let is_gone = !owners.is_empty() && owners.iter().all(|id| users.is_gone(id, *evidence));
        let reason = match reviewed.grounds {
            Grounds::Reason(Reason::NotInGroup) if *standing == Standing::Outside && is_gone => {
                Grounds::Reason(Reason::NotInKeycloak)
            }
            grounds => grounds,
        };
        let is_active = account.can_log_in();
        let since = if is_active { last.and_then(active_since) } else { disabled_since };
        Self {
            localpart: account.localpart(),
            user_id: &account.user_id,
            state: state_of(account),
            administrator: account.admin || evidence.is_some_and(|seen| seen.account.admin),
            verdict: *standing,
            reason,
            right: reviewed.right,
            note: note(&reviewed.remarks, &known),
            keycloak: match known.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
            since,
            last_action: last.map(|LastAction { action, outcome, at, run }| LastActionCell {
                action,
                outcome,
                at,
                run,
            }),
            next_stage: reviewed.next_stage,
        }
    }
}

fn state_of(account: &Account) -> State {
    let seen = account.seen();
    if seen.state.erased {
        State::Erased
    } else if seen.is_deactivated() {
        State::Deactivated
    } else if seen.state.locked {
        State::Locked
    } else {
        State::Active
    }
}

/// Returns when this program made an account active, if that was its last action.
fn active_since(last: LastAction) -> Option<Timestamp> {
    let is_done =
        matches!(last.outcome, RecordedOutcome::Known(OutcomeKind::Done | OutcomeKind::Scheduled));
    let gives = matches!(last.action, ActionKind::Activate | ActionKind::Create);
    (is_done && gives).then_some(last.at)
}

fn note(remarks: &[Remark], users: &[RowUser]) -> Option<String> {
    let mut parts: Vec<String> = remarks.iter().map(remark).collect();
    if users.len() > 1 {
        let names = users.iter().map(|user| match &user.username {
            Some(username) => username.to_string(),
            None => user.id.to_string(),
        });
        let names = joined(&names.collect::<Vec<_>>(), ", ");
        parts.push(format!("may belong to {}: {names}", counted(users.len(), "user", "users")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn remark(remark: &Remark) -> String {
    match remark {
        Remark::LockedByHand => "locked by hand".to_owned(),
        Remark::NotConfirmed => "the second look does not confirm the activation".to_owned(),
        Remark::Waits => {
            "would be deactivated, but limits.max_disable or limits.max_look has no room".to_owned()
        }
        Remark::RightFirst => "the administrator's right is taken first".to_owned(),
        Remark::OnlyInSynapse => "only Synapse is known to have disabled it".to_owned(),
        Remark::NeedsApproval(approval) => format!("needs an approval: {}", approval.text()),
        Remark::Marked(mark) => mark.text().to_owned(),
        Remark::Skipped(why) => format!("skipped: {why}"),
        Remark::BeforeItsTime => {
            "locked by this program; the time to its deactivation starts with the next sync"
                .to_owned()
        }
        Remark::GraceUntil(until) => format!("in its grace period until {until}"),
        Remark::LockedSince(since) => format!("its time to be deactivated counts from {since}"),
        Remark::MayBelongTo(signs) => {
            let signs = signs.iter();
            let signs = signs.map(|seen| format!("{} of {}", seen.sign.text(), seen.user.username));
            joined(&signs.collect::<Vec<_>>(), ", ")
        }
    }
}

impl LastActionCell {
    /// Returns action and outcome in words.
    pub(super) fn text(&self) -> String {
        format!("{}, {}", self.action.word(), self.outcome.word())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn word_of<S: serde::Serializer>(grounds: &Grounds, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(grounds.word())
}
