//! Whole outputs, compared with the files in `snapshots/`.
//!
//! `INSTA_UPDATE=always cargo test --test cli` writes them anew; read the difference before you
//! commit it.

use insta::Settings;
use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::Run;

/// What differs between two runs of the same command.
const VARIABLE: [(&str, &str); 3] = [
    (r"sha256:[0-9a-f]{8,64}", "sha256:DIGEST"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "2000-01-01T00:00:00Z"),
];

impl Run {
    /// Returns the run if all it printed is in `snapshots/NAME.snap`. Addresses and paths of the
    /// world are replaced, like everything else that differs from run to run.
    pub(crate) fn matches(self, world: &RunningWorld, name: &str) -> Self {
        let own = [
            (world.keycloak.url(), "http://keycloak"),
            (world.synapse.url(), "http://synapse"),
            (world.mas_admin_url(), "http://mas-admin"),
            (world.mas_issuer(), "http://mas/"),
            (world.directory().display().to_string(), "/world"),
        ];
        let Self { stdout, stderr, .. } = &self;
        let printed = if stderr.is_empty() { stdout.clone() } else { format!("{stdout}--- stderr\n{stderr}") };
        let printed = own.iter().fold(printed, |printed, (text, name)| printed.replace(text, name));
        let mut settings = Settings::new();
        settings.set_filters(VARIABLE);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, printed));
        self
    }
}
