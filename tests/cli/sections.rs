//! Sections of a configuration that many tests share.

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::mas_cli;

/// Without Synapse, nothing else shows that the bot is one.
pub(crate) const PROTECT: &str = "[policy]\nprotect = [\"matrix-sync-bot\"]\n";

/// A state file in the world's directory; it comes before every section.
pub(crate) fn state_file(world: &RunningWorld) -> String {
    format!("state_file = {:?}\n", world.directory().join("state.db").to_string_lossy())
}

/// A mas-cli that reports this release, and is the stand-in otherwise.
pub(crate) fn mas_cli_of(world: &RunningWorld, release: &str) -> String {
    mas_cli(world, &format!("case \"$*\" in *--version) echo 'mas-cli {release}'; exit 0;; esac"))
}
