//! Takes `ca_file` of any server.

use crate::config::fields::{Fields, PemFile};
use crate::config::keys::ConfigKey;
use crate::error_chain::in_one_line;
use crate::http::Tls;

/// Takes the certificates of an own authority, and tries them out, so that an error names the key
/// of the file.
pub(super) fn authorities(fields: &mut Fields, key: &ConfigKey) -> Option<Tls> {
    let mut tls = Tls::default();
    if let PemFile::Read { path, content } = fields.pem_file(key)
        && let Err(error) = tls.trust(&content)
    {
        let why = format!("expected certificates in PEM form: {}", in_one_line(&error));
        fields.wrong(key, Some(&path), why);
        return None;
    }
    Some(tls)
}
