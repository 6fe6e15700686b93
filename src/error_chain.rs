//! The text of an error together with its causes.

use std::error::Error;
use std::sync::Arc;

use crate::model::printable;

/// Returns an error and its causes in one line, for lists.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    causes(error).iter().fold(error.to_string(), |line, cause| line + ": " + cause)
}

/// Returns the causes of an error, without those whose text the one above already contains.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    let mut told = error.to_string();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        // The HTTP client wraps an error in layers of its own; only the innermost says what
        // happened.
        let is_http = cause.is::<reqwest::Error>() || cause.is::<Arc<reqwest::Error>>();
        let cause = if is_http { root(cause) } else { cause };
        let mut text = cause.to_string();
        // These libraries may quote text from a server or a file.
        if is_http || cause.is::<serde_json::Error>() {
            text = printable(&text).into_owned();
        }
        if !told.contains(&text) {
            causes.push(text.clone());
            told = text;
        }
        next = cause.source();
    }
    causes
}

fn root<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    error.source().map_or(error, root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpErrorKind;

    #[tokio::test]
    async fn layers_of_the_http_client_are_not_told() {
        // Port 9 of this machine has no listener.
        let client = reqwest::Client::builder().no_proxy().build().expect("no certificate");
        let request = client.get("http://127.0.0.1:9/").send();
        let refused = Arc::new(request.await.expect_err("no listener"));
        let shared = HttpErrorKind::Connect(refused);
        assert_eq!(causes(&shared), ["Connection refused (os error 111)"]);
    }
}
