//! Reports to others how it works: metrics, health, log, service manager, journal, hooks, a Matrix room.

mod ask;
mod health;
mod hook;
mod journald;
mod listener;
mod log_line;
mod message;
mod news;
mod notices;
mod notify;
mod room;
mod status;

pub(crate) use ask::reachable;
pub use ask::{ListenerAnswer, ask_listener};
pub use health::{Health, NotReady};
pub use hook::{Event, HookInput, run_hook};
pub use journald::journald_layer;
pub use listener::serve;
pub use log_line::{LineTime, LogLine};
pub use message::Message;
pub use news::{Coverage, NamedAccounts, News, NextStep, Question, has_changed};
pub use notices::{Due, Notice, Notices, Unsent};
pub use notify::ServiceManager;
pub use room::{Bot, Encryption, MaySend, NotifyRoom, fix, notify};
pub use status::{
    ChangeCounts, LastRun, PendingDecision, ReadCounts, Reader, Status, StatusBoard, StatusError,
    StatusFailure, WatchState,
};
