//! Asks a running `watch` whether it is alive (`healthcheck`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::cli::Global;
use crate::config;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::http::LoggedRequest;
use crate::session::print;

/// Less than what a container's health check waits by default.
const LONGEST: Duration = Duration::from_secs(10);

/// The answer of a listener.
pub(super) struct ListenerAnswer {
    pub(super) address: SocketAddr,
    pub(super) is_success: bool,
    pub(super) text: String,
}

/// Asks `/healthz` at `watch.listen`, and prints the answer.
pub async fn healthcheck(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let answer = ask(global, surroundings, "healthz").await?;
    print(&answer.text)?;
    Ok(if answer.is_success { Exit::InStep } else { Exit::Error })
}

/// Asks for this path at `watch.listen`.
pub(super) async fn ask(
    global: &Global,
    surroundings: &Surroundings,
    path: &str,
) -> Result<ListenerAnswer, Failure> {
    let config = config::load(global.config.as_deref(), &*surroundings.env)?.config;
    let Some(listen) = config.watch.listen else { return Err(Failure::NoListener) };
    let address = reachable(listen);
    let url = format!("http://{address}/{path}");
    let request = LoggedRequest::new("watch", format!("GET {url}"));
    let asked = async {
        let client = reqwest::Client::builder().no_proxy().timeout(LONGEST).build()?;
        let answer = client.get(url).send().await?;
        request.ended(answer.status().as_str());
        let is_success = answer.status().is_success();
        Ok(ListenerAnswer { address, is_success, text: answer.text().await? })
    };
    asked.await.map_err(|source| Failure::NoWatch { address, source })
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
