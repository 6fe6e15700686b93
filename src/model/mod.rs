//! Defines the domain types: members, accounts, and what the servers say about them.
//!
//! The readers parse everything once; from there on it is plain data.

mod account;
mod ids;
mod links;
mod member;
mod member_list;
mod names;
mod person;
mod release;
mod room;
mod secrets;
mod server;
mod text;
mod tie;
mod timestamp;
mod token_owners;
mod user_names;
mod weak_signs;
mod word;

pub use account::{Account, AccountState, InMas, MasAdmin, SeenState};
pub use ids::{KeycloakId, MasUserId};
pub use links::Links;
pub use member::{Member, Unnamed};
pub use member_list::MemberList;
pub use names::{GroupId, Localpart, NotAUserId, ServerName, UserId};
pub use person::{
    AccountDetail, Answer, Evidence, Existence, KeycloakPerson, KeycloakUser, Question, Recheck,
    Sign, SignSeen,
};
pub use release::{MAS_SHARES_LOCKS, SYNAPSE_SHOWS_LOCKS, SYNAPSE_WITHOUT_MSC3861, release_in};
pub use room::Room;
pub(crate) use secrets::{mask_basic, mask_secret, mask_token};
pub use server::Server;
pub use text::ServerText;
pub(crate) use text::{is_hidden, printable, to_json, to_json_line};
pub use tie::{Owner, Recalled, Remembered, Tie};
pub use timestamp::{ServerClocks, Timestamp};
pub use token_owners::{TokenOwners, UnknownNotifier};
pub use user_names::UserNames;
pub use weak_signs::{Fingerprint, Signs, full_name, unescape_localpart};
pub use word::Word;
pub(crate) use word::{deserialize_word, serde_with_words};
