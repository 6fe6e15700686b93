//! The program's entry; everything else is in the library, where tests can reach it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    matrix_keycloak_sync::app::main(std::env::args_os()).await
}
