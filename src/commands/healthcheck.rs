//! Asks a running `watch` whether it is alive (`healthcheck`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::cli::Global;
use crate::config;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::print;

/// Less than what a container's health check waits by default.
const LONGEST: Duration = Duration::from_secs(10);

/// Asks `/healthz` at `watch.listen`, and prints the answer.
pub async fn healthcheck(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref(), &*surroundings.env)?.config;
    let Some(listen) = config.watch.listen else { return Err(Failure::NoListener) };
    let address = reachable(listen);
    let (is_alive, said) =
        ask(address).await.map_err(|source| Failure::NoWatch { address, source })?;
    print(&said)?;
    Ok(if is_alive { Exit::InStep } else { Exit::Error })
}

async fn ask(address: SocketAddr) -> Result<(bool, String), reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().timeout(LONGEST).build()?;
    let answer = client.get(format!("http://{address}/healthz")).send().await?;
    Ok((answer.status().is_success(), answer.text().await?))
}

/// Returns where to ask a listener: one on all addresses of this host answers on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, asked) in
            [("0.0.0.0:9", "127.0.0.1:9"), ("[::]:9", "[::1]:9"), ("10.0.0.1:9", "10.0.0.1:9")]
        {
            let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
            assert_eq!(reachable(parse(listen)), parse(asked));
        }
    }
}
