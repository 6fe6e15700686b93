//! Describes the keys of `[writer]`.

use super::Absent::Is;
use super::Expected::{Duration, OneOf};
use super::{key, keys};
use crate::model::Word as _;
use crate::plan::WriterKind;

keys![
    TYPE = key(
        "writer.type",
        OneOf(WriterKind::words),
        Is("\"mas-cli\""),
        "What changes accounts: the program `mas-cli`, or MAS's Admin API; [which is \
         right](choose.md#which-writer)."
    ),
    CONFIRM_TIMEOUT = key(
        "writer.confirm_timeout",
        Duration,
        Is("\"60s\""),
        "How long to wait, after the last action, until the homeserver shows every change. If it \
         does not show one in time, that is reported, and the exit code is 4."
    ),
];
