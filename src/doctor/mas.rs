//! MAS's Admin API: can it be reached and only from where it should be, does it let us in, is it new enough.

use secrecy::SecretString;
use semver::Version;

use super::{Area, Check, Checks, Patient};
use crate::config::{AccountSource, MasApiAuth, SynapseConfig};
use crate::http::{self, Timeouts, Tls};
use crate::mas_api::MasApi;
use crate::plan::{DisableMode, WriterKind};
use crate::planner::Matching;
use crate::readers::{MasReader, SynapseReader};

/// The listeners that MAS should have, for the one who has to write them.
const LISTENERS: &str =
    "in MAS's configuration, give the Admin API a listener of its own and take it off the public one:
http:
  listeners:
    - name: web            # the public one: without adminapi
      resources: [{name: discovery}, {name: human}, {name: oauth}, {name: compat}, …]
    - name: admin
      resources: [{name: adminapi}]
      binds: [{host: 127.0.0.1, port: 8082}]
then set writer.mas_api.url to that listener (docs/mas-api.md)";

pub(super) async fn examine(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Checks::new(Area::Mas);
    if let (Some(mas), Some(reader)) = (patient.mas, &patient.readers.mas) {
        look(&mut checks, mas, reader, patient).await;
    }
    checks.checks
}

async fn look(checks: &mut Checks, mas: &MasApi, reader: &MasReader, patient: &Patient<'_>) {
    let reached = checks.reach(mas.api()).await;
    let token = checks.read("token", mas.api().token().await);
    match (&mas.config().auth, &token) {
        (_, None) => {}
        (MasApiAuth::Token(_), Some(_)) => checks.ok("token", "a personal access token, which does not end by itself"),
        (MasApiAuth::Client { client_id, .. }, Some(_)) => {
            checks.ok("token", format!("MAS gives a token with the scope urn:mas:admin to the client {client_id}"));
        }
    }
    if !reached || token.is_none() {
        let why = if reached { "there is no token" } else { "MAS does not answer" };
        return checks.skipped(&["version", "server_name", "exposure"], why);
    }
    let Some(version) = checks.read("version", mas.version().await) else {
        return checks.skipped(&["server_name", "exposure"], "the Admin API does not answer");
    };
    judge_version(checks, version.as_deref(), patient);
    server_name(checks, mas, patient).await;
    exposure(checks, mas, patient).await;
    if patient.config.policy.matching == Matching::UpstreamLink
        && let Some(provider) = checks.read("provider", reader.link_provider(&patient.readers.keycloak).await)
    {
        checks.ok("provider", format!("members and accounts meet by the links of the upstream provider {provider}"));
    }
}

fn judge_version(checks: &mut Checks, version: Option<&str>, patient: &Patient<'_>) {
    let writes = patient.config.policy.writer == WriterKind::MasApi;
    let Some(version) = version else {
        let found =
            "MAS is older than 1.4: its Admin API cannot end sessions, and before 0.20 it erases whom it deactivates";
        let fix = "update MAS, or use writer.type = \"mas-cli\"";
        return if writes { checks.problem("version", found, fix) } else { checks.warning("version", found, fix) };
    };
    let parsed = Version::parse(version.trim_start_matches('v'));
    let is_before = |major, minor| parsed.as_ref().is_ok_and(|found| (found.major, found.minor) < (major, minor));
    if !is_before(1, 14) {
        return checks.ok("version", format!("MAS {version}"));
    }
    let found = format!("MAS {version}: before 1.14 a lock does not reach Synapse");
    match (patient.config.policy.disable, patient.config.synapse.is_some()) {
        (DisableMode::Lock, true) => checks.problem(
            "version",
            format!("{found}, so that no run with policy.disable = \"lock\" is ever confirmed (exit code 4)"),
            "update MAS, or set policy.disable = \"deactivate\"",
        ),
        _ => checks.warning("version", found, "update MAS when you can"),
    }
}

async fn server_name(checks: &mut Checks, mas: &MasApi, patient: &Patient<'_>) {
    let configured = &patient.config.server_name;
    match checks.read("server_name", mas.server_name().await) {
        Some(Some(actual)) if actual == *configured => checks.ok("server_name", format!("MAS serves {actual}")),
        Some(Some(actual)) => checks.problem(
            "server_name",
            format!("MAS serves {actual}, and server_name is {configured}"),
            format!("set server_name (MATRIX_SERVER_NAME) to {actual}, or check writer.mas_api.url"),
        ),
        Some(None) => checks.skipped(&["server_name"], "this MAS does not tell which homeserver it serves"),
        None => {}
    }
}

async fn exposure(checks: &mut Checks, mas: &MasApi, patient: &Patient<'_>) {
    let exposure = mas.exposure().await;
    if let Some(address) = &exposure.public {
        checks.warning("exposure", format!("the Admin API also answers at MAS's public address, {address}"), LISTENERS);
    } else if mas.config().issuer.is_none() {
        checks.skipped(&["exposure"], "without writer.mas_api.issuer nobody knows MAS's public address");
    } else {
        checks.ok("exposure", "the Admin API does not answer at MAS's public address");
    }
    if !exposure.client.is_empty() {
        checks.warning(
            "client",
            format!("the client may do more than it needs: {}", exposure.client.join(", ")),
            "give this program a client of its own under clients in MAS's configuration, without redirect_uris",
        );
    }
    if let MasApiAuth::Token(token) = &mas.config().auth
        && opens_synapse(token, patient).await
    {
        let lists = patient.config.accounts.source == AccountSource::Synapse;
        let fix =
            if lists { "use it as synapse.admin_token too" } else { "make one with the scope urn:mas:admin alone" };
        checks.warning("client", "the personal access token opens Synapse too, which has another one", fix);
    }
}

/// Whether a token of MAS opens Synapse, which is configured with another one.
async fn opens_synapse(token: &SecretString, patient: &Patient<'_>) -> bool {
    use secrecy::ExposeSecret as _;
    let Some(synapse) = &patient.config.synapse else { return false };
    if synapse.admin_token.expose_secret() == token.expose_secret() {
        return false;
    }
    let Ok(client) = http::client(Timeouts::default(), &synapse.url, &Tls::default()) else { return false };
    let config = SynapseConfig { url: synapse.url.clone(), admin_token: token.clone() };
    SynapseReader::new(&config, client).token_owner().await.is_ok()
}
