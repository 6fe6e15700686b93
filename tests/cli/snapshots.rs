//! Whole outputs, compared with the files in `snapshots/`.
//!
//! `INSTA_UPDATE=always cargo test --test cli` writes them; read the difference before you
//! commit it.

use insta::Settings;
use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::Run;

/// What differs between two runs of the same command.
const VARIABLE: [(&str, &str); 10] = [
    (r"(https?)://(127\.0\.0\.1|localhost):\d+", "$1://SERVER"),
    (r"/[^\s:]*/\.tmp\w{6}", "/world"),
    (r"[\d.]+ [KMGTP]?i?B\s+free\b", "SIZE free"),
    // Another test may listen there at this moment.
    (
        r"(`watch`\s+can\s+listen\s+on\s+127\.0\.0\.1:9464|something\s+listens\s+on\s+127\.0\.0\.1:9464\s+already,\s+such\s+as\s+a\s+running\s+`watch`)",
        "LISTEN",
    ),
    (r"sha256:[0-9a-f]{8,64}", "sha256:DIGEST"),
    (r"(--approve |\(digest |this plan is )[0-9a-f]{8,64}\b", "${1}DIGEST"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"(\buser |users/|user%5D=)01[0-9A-Z]{24}\b", "${1}ULID"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "2000-01-01T00:00:00Z"),
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b", "2000-01-01 00:00:00"),
];

/// Checks that a text is in `snapshots/NAME.snap`.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let mut settings = Settings::new();
    settings.set_filters(VARIABLE);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

impl Run {
    /// Returns the run if all it printed is in `snapshots/NAME.snap`.
    pub(crate) fn matches(self, world: &RunningWorld, name: &str) -> Self {
        assert_snapshot(name, &self.printed(world));
        self
    }

    /// Returns the run if its stderr is in `snapshots/NAME.snap`.
    pub(crate) fn logs(self, world: &RunningWorld, name: &str) -> Self {
        assert_snapshot(name, &named(world, &self.stderr));
        self
    }

    /// Returns all it printed, with a name for each server of the world.
    pub(crate) fn printed(&self, world: &RunningWorld) -> String {
        let Self { stdout, stderr, .. } = self;
        let printed = if stderr.is_empty() {
            stdout.clone()
        } else {
            format!("{stdout}--- stderr\n{stderr}")
        };
        named(world, &printed)
    }
}

/// Returns a text with a name for each server of the world.
fn named(world: &RunningWorld, text: &str) -> String {
    let own = [
        (world.keycloak.url(), "http://keycloak"),
        (world.synapse.url(), "http://synapse"),
        (world.mas_admin_url(), "http://mas-admin"),
        (world.mas_issuer(), "http://mas/"),
        (world.directory().display().to_string(), "/world"),
    ];
    own.iter().fold(text.to_owned(), |text, (address, name)| text.replace(address, name))
}
