//! Synapse: can it be reached, whose token is it, and does it open the list of accounts.

use super::{Area, Check, Checks, Patient};
use crate::output::counted;
use crate::readers::SynapseReader;

pub(super) async fn examine(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Checks::new(Area::Synapse);
    if let Some(reader) = &patient.readers.synapse {
        look(&mut checks, reader, patient).await;
    }
    checks.checks
}

async fn look(checks: &mut Checks, reader: &SynapseReader, patient: &Patient<'_>) {
    if !checks.reach(reader.api()).await {
        return checks.skipped(&["token", "version", "accounts"], "Synapse does not answer");
    }
    let Some(owner) = checks.read("token", reader.owner_on(&patient.config.server_name).await) else {
        return checks.skipped(&["version", "accounts"], "there is no token that opens it");
    };
    checks.ok("token", format!("it belongs to {owner}, who is never disabled"));
    if let Some(version) = checks.read("version", reader.version().await) {
        checks.ok("version", format!("Synapse {version}"));
    }
    if let Some(count) = checks.read("accounts", reader.count().await) {
        checks.ok("accounts", format!("the token opens the list of {}", counted(count, "account", "accounts")));
    }
}
