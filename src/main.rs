//! The program's entry; everything else is in the library, where tests can reach it.

use matrix_keycloak_sync::{app, exit::Exit};

#[tokio::main]
async fn main() -> Exit {
    app::main(std::env::args_os()).await
}
