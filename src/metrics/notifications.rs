//! Who is notified, and whether that works.

use strum::{IntoStaticStr, VariantArray};

use crate::model::serde_with_words;

/// Who is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Receiver {
    /// The command of `notify.on_done`.
    OnDone,
    /// The command of `watch.on_refused`.
    OnRefused,
    /// The room of `notify.room`.
    Room,
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Delivery {
    Sent,
    Failed,
    /// Counted for the next message, because the last one is not an interval ago.
    LeftOut,
}

serde_with_words!(Receiver, Delivery);
