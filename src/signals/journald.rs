//! Logs to systemd's journal if stderr leads there: levels become priorities, and fields are
//! searchable.

use std::io;

use tracing_journald::{Layer, Priority, PriorityMappings};

use crate::environment::Environment;

/// Returns a log to the journal with levels and fields, if stderr leads there and it can be
/// reached.
#[must_use]
pub fn journald_layer(env: &Environment) -> Option<Layer> {
    if !is_stderr(&env("JOURNAL_STREAM")?) {
        return None;
    }
    let layer = Layer::new().ok()?;
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    };
    Some(
        layer
            .with_field_prefix(None)
            .with_priority_mappings(priorities)
            .with_syslog_identifier(env!("CARGO_PKG_NAME").to_owned()),
    )
}

/// Returns whether stderr is `JOURNAL_STREAM`, a device and an inode. A program inherits the
/// variable even if it is started with another stderr.
fn is_stderr(stream: &str) -> bool {
    match (stream.split_once(':'), rustix::fs::fstat(io::stderr())) {
        (Some((device, inode)), Ok(stderr)) => {
            (device.parse(), inode.parse()) == (Ok(stderr.st_dev), Ok(stderr.st_ino))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stderr_than_the_journals_is_no_way_to_it() {
        for stream in [None, Some(""), Some("8"), Some("8:x"), Some("0:0"), Some("-1:1")] {
            assert!(journald_layer(&move |_| stream.map(str::to_owned)).is_none(), "{stream:?}");
        }
    }

    #[test]
    fn the_stream_is_known_by_device_and_inode() {
        let stderr = rustix::fs::fstat(io::stderr()).expect("it is open");
        assert!(is_stderr(&format!("{}:{}", stderr.st_dev, stderr.st_ino)));
        assert!(!is_stderr(&format!("{}:{}", stderr.st_dev, stderr.st_ino + 1)));
    }
}
