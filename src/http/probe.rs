//! Probes a server before its first use: whether it answers, and the time on its clock.

use std::time::SystemTime;

use reqwest::Client;
use url::Url;

use super::answer::{date_of, from_reqwest, status_error};
use super::client::Api;
use super::counted::{Asked, counted};
use super::error::{HttpError, Purpose};
use super::retry::{Patience, persistently};
use crate::model::Server;

/// Any answer.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// The server's clock (`Date`), if it sends it.
    pub date: Option<SystemTime>,
    /// Our own clock when the answer came.
    pub received: SystemTime,
}

impl Api {
    /// Sends `GET base/path…` without the token.
    pub async fn probe(&self, path: &[&str]) -> Result<Probe, HttpError> {
        probe(&self.client, self.server, self.url(path, &[])).await
    }
}

/// Sends `GET url` without a token. A refusal counts as an answer if it is the server's own, and so
/// does the page of MAS for a path that it does not have.
pub async fn probe(client: &Client, server: Server, url: Url) -> Result<Probe, HttpError> {
    let error = |kind| HttpError::new(server, Purpose::Data, "GET", &url, kind);
    persistently(Patience::Reading, || async {
        let answered = async {
            let response = client.get(url.clone()).send().await.map_err(from_reqwest)?;
            let status = response.status();
            let date = date_of(&response);
            if !status.is_success() {
                let (kind, _) = status_error((server, Purpose::Data), response).await;
                let refused = error(kind);
                let is_own = refused.status().is_some_and(|status| status.is_client_error());
                if !is_own && !refused.is_missing_in_mas() {
                    return Err(refused.kind);
                }
            }
            Ok((status, Probe { date, received: SystemTime::now() }))
        };
        let sent = Asked { server, method: "GET", url: url.as_str() };
        counted(sent, answered).await.map_err(error)
    })
    .await
}
