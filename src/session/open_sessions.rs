//! Warns about open sessions of disabled accounts. With MSC3861, Synapse notices their end late
//! (trap 71).

use tracing::warn;

use super::Session;
use crate::model::{SYNAPSE_WITHOUT_MSC3861, release_in};

/// How Synapse is connected to MAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joined {
    ByMsc3861,
    /// Perhaps by MSC3861: this Synapse still has it, and MAS's configuration cannot be read from
    /// here.
    PerhapsByMsc3861,
    /// By the stable integration that replaced it.
    Stably,
}

impl Session {
    /// Warns that open sessions may last a while after a run that disabled accounts.
    pub(crate) async fn warn_of_open_sessions(&self) {
        const LAST: &str = "open sessions of the disabled accounts may last up to two minutes";
        match self.joined().await {
            Joined::ByMsc3861 => warn!("{LAST}, because Synapse uses MAS through MSC3861"),
            Joined::PerhapsByMsc3861 => {
                warn!("{LAST} if Synapse uses MAS through MSC3861 (experimental_features.msc3861)");
            }
            Joined::Stably => {}
        }
    }

    async fn joined(&self) -> Joined {
        let server_name = &self.config.server_name;
        let mas_config = self
            .mas_cli
            .as_ref()
            .and_then(|mas_cli| mas_cli.read_config(server_name).ok().flatten());
        if let Some(mas_config) = mas_config {
            return if mas_config.is_msc3861 { Joined::ByMsc3861 } else { Joined::Stably };
        }
        let Some(synapse) = &self.readers.synapse else { return Joined::Stably };
        // Everything is done, so an unreadable version is no reason to fail.
        let release = synapse.version().await.ok().and_then(|said| release_in(said.raw()));
        let has_msc3861 = release.is_some_and(|release| release < SYNAPSE_WITHOUT_MSC3861);
        if has_msc3861 { Joined::PerhapsByMsc3861 } else { Joined::Stably }
    }
}
