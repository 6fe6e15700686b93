//! Starts the program. Everything else is in the library, so that tests can reach it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    matrix_keycloak_sync::app::main(std::env::args_os()).await
}
