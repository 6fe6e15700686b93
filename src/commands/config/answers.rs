//! The answers, as a configuration and as the file to write.

use std::fmt::Write as _;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use toml::Value;

use super::terminal::GivenSecret;
use crate::config::{self, Config};
use crate::failure::Failure;

/// The end of the file, the same for all answers.
const POLICY: &str = r#"[policy]
# Accounts of users who are not in the group are locked, which keeps rooms and e-mail addresses, and deactivated 30 days later,
# which is for good.
disable = "lock"
deactivate_after = "30d"
# Accounts that are never disabled: localparts, or /regular expressions/ such as "/bot-.*/".
protect = []

[limits]
# A plan that disables more is refused until you approve it.
max_disable = 25
max_disable_percent = 10
"#;

/// Everything that is asked. What is not answered yet has a value that leads nowhere.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) server_name: String,
    pub(super) keycloak: KeycloakAnswers,
    pub(super) synapse: SynapseAnswers,
    pub(super) writer: WriterAnswers,
}

#[derive(Debug)]
pub(super) struct KeycloakAnswers {
    pub(super) url: String,
    pub(super) realm: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<GivenSecret>,
    pub(super) group: String,
}

#[derive(Debug)]
pub(super) struct SynapseAnswers {
    pub(super) url: String,
    pub(super) admin_token: Option<GivenSecret>,
}

#[derive(Debug)]
pub(super) enum WriterAnswers {
    MasCli {
        command: Vec<String>,
        /// As the command sees it.
        config: Option<String>,
    },
    MasApi {
        url: String,
        issuer: String,
        client_id: String,
        client_secret: Option<GivenSecret>,
    },
}

impl Default for Answers {
    fn default() -> Self {
        let nowhere = || "https://nowhere.invalid".to_owned();
        Self {
            server_name: "nowhere.invalid".to_owned(),
            keycloak: KeycloakAnswers {
                url: nowhere(),
                realm: "realm".to_owned(),
                client_id: "client".to_owned(),
                client_secret: None,
                group: "group".to_owned(),
            },
            synapse: SynapseAnswers { url: nowhere(), admin_token: None },
            writer: WriterAnswers::MasCli { command: vec!["mas-cli".to_owned()], config: None },
        }
    }
}

/// A file for a secret that was typed.
pub(super) struct SecretFile {
    /// Its name, in the folder of the configuration.
    pub(super) name: &'static str,
    pub(super) secret: SecretString,
}

/// How secrets are written.
#[derive(Debug, Clone)]
pub(super) enum Secrets {
    /// As themselves, for a text that is never written.
    Inline,
    /// As files in this folder, with this at the end of their names.
    Files { folder: PathBuf, ending: String },
}

impl Answers {
    /// Loads the answers so far as a configuration, without the variables.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        Ok(config::parse("the answers", &self.text(&Secrets::Inline))?)
    }

    /// Returns the secrets that were typed.
    pub(super) fn secret_files(&self) -> Vec<SecretFile> {
        let mut given = vec![
            ("keycloak-client-secret", self.keycloak.client_secret.as_ref()),
            ("synapse-admin-token", self.synapse.admin_token.as_ref()),
        ];
        if let WriterAnswers::MasApi { client_secret, .. } = &self.writer {
            given.push(("mas-client-secret", client_secret.as_ref()));
        }
        let typed = |(name, secret): (&'static str, Option<&GivenSecret>)| match secret {
            Some(GivenSecret::Value(secret)) => Some(SecretFile { name, secret: secret.clone() }),
            _ => None,
        };
        given.into_iter().filter_map(typed).collect()
    }

    /// Returns the file.
    pub(super) fn text(&self, secrets: &Secrets) -> String {
        let Self { keycloak, synapse, .. } = self;
        let keycloak_secret = line_of(
            "client_secret",
            keycloak.client_secret.as_ref(),
            secrets,
            "keycloak-client-secret",
        );
        let token =
            line_of("admin_token", synapse.admin_token.as_ref(), secrets, "synapse-admin-token");
        let [server_name, url, realm, group, client_id, synapse_url] = [
            &self.server_name,
            &keycloak.url,
            &keycloak.realm,
            &keycloak.group,
            &keycloak.client_id,
            &synapse.url,
        ]
        .map(|text| quoted(text));
        let writer = writer_section(&self.writer, secrets);
        format!(
            r#"# matrix-keycloak-sync: written by `config init`. config.example.toml shows every other key with its default.

# The homeserver's name in Matrix user IDs.
server_name = {server_name}

[keycloak]
url = {url}
realm = {realm}
# Members of one of these groups may use Matrix: names, /paths or IDs.
groups = [{group}]
# A client of the realm. Its service account needs the role view-users of the client realm-management, and view-realm too if
# the realm has a directory (LDAP, Active Directory).
client_id = {client_id}
{keycloak_secret}
# Certificates of your own authority, also in [synapse]:
# ca_file = "/etc/ssl/internal-ca.pem"
# The template that MAS uses to name accounts (claims_imports.localpart.template in its configuration):
# localpart = "{{{{ user.preferred_username }}}}"

[synapse]
url = {synapse_url}
# A token of an administrator's account, which is never disabled.
{token}

{writer}
{POLICY}"#
        )
    }
}

fn writer_section(writer: &WriterAnswers, secrets: &Secrets) -> String {
    match writer {
        WriterAnswers::MasCli { command, config } => {
            let command = Value::from(command.clone());
            let mut text = format!(
                "[writer]\ntype = \"mas-cli\"\n\n[writer.mas_cli]\n# The command, or a wrapper such as \
                 [\"docker\", \"exec\", \"-i\", \"mas\", \"mas-cli\"].\ncommand = {command}\n"
            );
            let config = config.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "# MAS's own configuration, passed as --config; \"\" passes none.\nconfig = {}",
                quoted(config)
            );
            text
        }
        WriterAnswers::MasApi { url, issuer, client_id, client_secret } => format!(
            "[writer]\ntype = \"mas-api\"\n\n[writer.mas_api]\n# The listener with the Admin API, and the address that tokens \
             come from.\nurl = {}\nissuer = {}\n# A client listed in policy.data.admin_clients of MAS.\nclient_id = {}\n{}\n",
            quoted(url),
            quoted(issuer),
            quoted(client_id),
            line_of("client_secret", client_secret.as_ref(), secrets, "mas-client-secret")
        ),
    }
}

/// Returns the line of a secret.
fn line_of(key: &str, given: Option<&GivenSecret>, secrets: &Secrets, file: &str) -> String {
    match (given, secrets) {
        (Some(GivenSecret::File(path)), _) => {
            format!("{key}_file = {}", quoted(&path.display().to_string()))
        }
        (Some(GivenSecret::Value(secret)), Secrets::Inline) => {
            format!("{key} = {}", quoted(secret.expose_secret()))
        }
        (Some(GivenSecret::Value(_)), Secrets::Files { folder, ending }) => {
            let path = folder.join(format!("{file}{ending}"));
            format!("{key}_file = {}", quoted(&path.display().to_string()))
        }
        (None, _) => format!("{key} = \"?\""),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
