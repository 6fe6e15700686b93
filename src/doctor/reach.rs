//! Checks first whether a server answers at all, and how the connection is protected.

use url::Url;

use super::check::Section;
use super::clock;
use crate::http::{HttpError, Probe, is_loopback};

/// Checks that a server answers. If it does not, the error says why the rest is skipped.
pub(super) fn check(
    section: &mut Section,
    server: &str,
    url: &Url,
    probe: Result<Probe, HttpError>,
) -> Result<(), String> {
    match probe {
        Ok(probe) => {
            section.ok("reachable", format!("{server} answers, {}", protection(url)));
            clock::check(section, "clock", server, probe);
            Ok(())
        }
        Err(error) => {
            section.failed("reachable", &error);
            section.skip(&["clock"], &no_answer(server));
            Err(no_answer(server))
        }
    }
}

fn no_answer(server: &str) -> String {
    format!("{server} does not answer as it should")
}

/// Returns how the connection is protected.
fn protection(url: &Url) -> &'static str {
    match (url.scheme(), is_loopback(url)) {
        ("https", _) => "by https with a certificate that is trusted here",
        (_, true) => "by plain http on this machine",
        (_, false) => "by plain http",
    }
}
