//! Asks the listener of a running `watch`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::redirect::Policy;

use crate::http::LoggedRequest;

/// Less than what a container's health check waits by default.
const LONGEST: Duration = Duration::from_secs(10);

/// What is read of an answer, in bytes. Something else may listen there.
const BIGGEST: usize = 1024 * 1024;

/// The answer of a listener.
#[derive(Debug)]
pub struct ListenerAnswer {
    pub is_success: bool,
    pub text: String,
}

/// Asks what listens there for this path.
pub async fn ask_listener(
    listen: SocketAddr,
    path: &str,
) -> Result<ListenerAnswer, reqwest::Error> {
    let url = format!("http://{}/{path}", reachable(listen));
    let request = LoggedRequest::new("watch", format!("GET {url}"));
    let client = reqwest::Client::builder().no_proxy().timeout(LONGEST).redirect(Policy::none());
    let mut answer = client.build()?.get(url).send().await?;
    request.ended(answer.status().as_str());
    let is_success = answer.status().is_success();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await?
        && bytes.len() < BIGGEST
    {
        bytes.extend_from_slice(&chunk);
    }
    Ok(ListenerAnswer { is_success, text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Returns where to ask a listener: one on all addresses of this host answers on loopback.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
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
