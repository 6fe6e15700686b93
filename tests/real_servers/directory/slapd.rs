//! `OpenLDAP`'s server as a directory that a test can stop, start and close to others.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::patience::eventually;
use crate::servers::{Ldap, ldap};

/// The base of all entries.
const SUFFIX: &str = "dc=corp,dc=test";
/// The account that Keycloak reads it with.
pub(crate) const READER: &str = "cn=keycloak,dc=corp,dc=test";
/// No client connects from this loopback address, so no outgoing connection takes the port while
/// the server is down.
const HOST: &str = "127.0.0.2";
const PASSWORD: &str = "the password that Keycloak knows";

/// A directory; it is stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Slapd {
    binaries: Ldap,
    directory: TempDir,
    port: u16,
    running: Option<Child>,
}

impl Slapd {
    /// Starts an empty one.
    pub(crate) async fn start() -> Outcome<Self> {
        let directory = TempDir::new()?;
        fs::create_dir(directory.path().join("data"))?;
        let port = TcpListener::bind((HOST, 0))?.local_addr()?.port();
        let mut slapd = Self { binaries: ldap()?, directory, port, running: None };
        slapd.go_up(PASSWORD).await?;
        let mut ldif = format!(
            "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: corp\no: Corp\n\n"
        );
        for unit in ["people", "groups"] {
            let _ = writeln!(
                ldif,
                "dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n"
            );
        }
        slapd.add(&ldif).await?;
        Ok(slapd)
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://{HOST}:{}", self.port)
    }

    /// Stops it as a crash would.
    pub(crate) async fn stop(&mut self) -> Outcome {
        if let Some(mut running) = self.running.take() {
            running.kill().await?;
        }
        Ok(())
    }

    /// Starts it again with its entries.
    pub(crate) async fn restart(&mut self) -> Outcome {
        self.stop().await?;
        self.go_up(PASSWORD).await
    }

    /// Starts it again with another password than Keycloak has.
    pub(crate) async fn restart_with_another_password(&mut self) -> Outcome {
        self.stop().await?;
        self.go_up("another password").await
    }

    /// Adds users.
    pub(crate) async fn add_people(&self, names: &[String]) -> Outcome {
        let mut ldif = String::new();
        for name in names {
            let _ = writeln!(ldif, "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}", person(name));
            let _ = writeln!(ldif, "cn: {name}\nsn: {name}\nmail: {name}@corp.test\n");
        }
        self.add(&ldif).await
    }

    /// Adds a group with these members.
    pub(crate) async fn add_group(&self, group: &str, names: &[String]) -> Outcome {
        let mut ldif =
            format!("dn: {}\nobjectClass: groupOfNames\ncn: {group}\n", group_called(group));
        for name in names {
            let _ = writeln!(ldif, "member: {}", person(name));
        }
        self.add(&ldif).await
    }

    /// Removes a user from a group.
    pub(crate) async fn leave(&self, name: &str, group: &str) -> Outcome {
        let (group, person) = (group_called(group), person(name));
        self.change(&format!("dn: {group}\nchangetype: modify\ndelete: member\nmember: {person}\n"))
            .await
    }

    /// Deletes a user, and first the group membership, which `OpenLDAP` would keep.
    pub(crate) async fn delete(&self, name: &str, group: &str) -> Outcome {
        self.leave(name, group).await?;
        self.change(&format!("dn: {}\nchangetype: delete\n", person(name))).await
    }

    async fn add(&self, ldif: &str) -> Outcome {
        self.modify(&["-a"], ldif).await
    }

    async fn change(&self, ldif: &str) -> Outcome {
        self.modify(&[], ldif).await
    }

    /// Changes entries, with the server's own password.
    async fn modify(&self, options: &[&str], ldif: &str) -> Outcome {
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", &self.url(), "-D", READER, "-w", PASSWORD]).args(options);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = streams.kill_on_drop(true).spawn()?;
        let mut stdin = child.stdin.take().ok_or("ldapmodify without an input")?;
        stdin.write_all(ldif.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("ldapmodify: {stderr}; of {ldif}").into())
        }
    }

    async fn go_up(&mut self, password: &str) -> Outcome {
        let config = self.configure(password)?;
        // It gets a signal to end if the test is killed and nothing is dropped. The debug level
        // keeps it in the foreground.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.binaries.slapd).args([
            "-d",
            "0",
            "-h",
            &self.url(),
            "-f",
        ]);
        let log = fs::File::create(self.directory.path().join("slapd.log"))?;
        command
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        self.running = Some(command.spawn()?);
        let answers = eventually(&true, async || Ok(self.answers().await)).await?;
        let log = fs::read_to_string(self.directory.path().join("slapd.log"))?;
        if answers { Ok(()) } else { Err(format!("slapd does not answer: {log}").into()) }
    }

    async fn answers(&self) -> bool {
        tokio::net::TcpStream::connect((HOST, self.port)).await.is_ok()
    }

    fn configure(&self, password: &str) -> Outcome<PathBuf> {
        let mut text = String::new();
        for schema in ["core", "cosine", "inetorgperson"] {
            let _ = writeln!(text, "include {}/{schema}.schema", self.binaries.schemas.display());
        }
        // Only the reader can read, as in a directory that requires a login.
        let data = self.directory.path().join("data");
        let _ = write!(
            text,
            "moduleload back_mdb\ndatabase mdb\nsuffix \"{SUFFIX}\"\nrootdn \"{READER}\"\nrootpw \"{password}\"\n\
             directory {}\ndbnosync\naccess to * by * none\n",
            data.display()
        );
        let config = self.directory.path().join("slapd.conf");
        fs::write(&config, text)?;
        Ok(config)
    }
}

/// The password that Keycloak needs to read a directory.
pub(crate) fn credential() -> &'static str {
    PASSWORD
}

pub(crate) fn people() -> String {
    format!("ou=people,{SUFFIX}")
}

pub(crate) fn groups() -> String {
    format!("ou=groups,{SUFFIX}")
}

fn person(name: &str) -> String {
    format!("uid={name},{}", people())
}

fn group_called(name: &str) -> String {
    format!("cn={name},{}", groups())
}
