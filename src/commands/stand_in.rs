//! The hidden commands: one stand-in as a process of its own.

use std::io;

use secrecy::SecretString;

use crate::cli::StandIn;
use crate::exit::Exit;
use crate::report::Failure;
use crate::standins::mas;

/// Runs a stand-in.
pub async fn stand_in(stand_in: StandIn) -> Result<Exit, Failure> {
    match stand_in {
        StandIn::Mas { listen, synapse, secret_file, admin_listen } => {
            let secret = std::fs::read_to_string(&secret_file)
                .map_err(|source| Failure::Local { what: format!("read {}", secret_file.display()), source })?;
            let secret = SecretString::from(secret.trim_end());
            mas::run(mas::Options {
                listen,
                synapse_url: synapse.to_string(),
                shared_secret: secret,
                database_password: None,
                admin_listen,
            })
            .await
            .map_err(|error| Failure::Local {
                what: "run the MAS stand-in".to_owned(),
                source: io::Error::other(error),
            })?;
            Ok(Exit::InStep)
        }
    }
}
