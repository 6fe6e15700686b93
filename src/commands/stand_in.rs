//! Runs one stand-in as a process of its own (the hidden commands).

use std::io;
use std::path::Path;

use secrecy::SecretString;

use crate::cli::StandIn;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::standins::mas;

/// Runs a stand-in.
pub async fn stand_in(stand_in: StandIn) -> Result<Exit, Failure> {
    match stand_in {
        StandIn::Mas {
            listen,
            synapse,
            secret_file,
            admin_listen,
            client_id,
            client_secret_file,
            server_name,
        } => {
            let client_secret = client_secret_file.as_deref().map(secret).transpose()?;
            mas::run(mas::Options {
                listen,
                synapse_url: synapse.to_string(),
                shared_secret: secret(&secret_file)?,
                database_password: None,
                admin_listen,
                client: client_id.zip(client_secret),
                server_name,
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

fn secret(file: &Path) -> Result<SecretString, Failure> {
    let secret = std::fs::read_to_string(file)
        .map_err(|source| Failure::Local { what: format!("read {}", file.display()), source })?;
    Ok(secret.trim_end().into())
}
