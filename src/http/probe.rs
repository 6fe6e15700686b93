//! How a server is before anything is asked of it: whether it answers, and what time it thinks it is.

use std::time::SystemTime;

use reqwest::header::DATE;

use super::client::{Api, Patience, from_reqwest, persistently, status_error};
use super::counted::counted;
use super::error::{HttpError, Purpose};

/// An answer, whatever it says.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// The server's clock (`Date`), where it tells.
    pub date: Option<SystemTime>,
    /// Our own clock when the answer came.
    pub received: SystemTime,
}

impl Api {
    /// `GET base/path…` without the token. A refusal is an answer too; a redirect leads elsewhere, and an error of the
    /// server is one of whatever stands in front of it as often as not.
    pub async fn probe(&self, path: &[&str]) -> Result<Probe, HttpError> {
        let url = self.url(path, &[]);
        persistently(Patience::Reading, || async {
            let answered = async {
                let response = self.client.get(url.clone()).send().await.map_err(from_reqwest)?;
                let status = response.status();
                if !status.is_success() && !status.is_client_error() {
                    return Err(status_error(response).await);
                }
                let date =
                    response.headers().get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
                Ok((status, Probe { date, received: SystemTime::now() }))
            };
            let error = |kind| HttpError::new(self.server, Purpose::Data, "GET", &url, kind);
            counted(self.server, answered).await.map_err(error)
        })
        .await
    }
}
