//! Warns about configuration files with secrets that other users can read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{getegid, getgroups};

use super::load::Warning;

const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;
const GROUP_READS: u32 = 0o040;
/// Root, who can read every file.
const ROOT: u32 = 0;

/// Returns a warning if other users can read a file with these secrets. A group of this process
/// does not count: packages use one to give their service the file.
pub(super) fn exposed_secrets(path: &Path, secrets: &[&str]) -> Option<Warning> {
    let file = path.metadata().ok().filter(Metadata::is_file)?;
    if secrets.is_empty() {
        return None;
    }
    let readers = readers(file.mode(), file.gid(), &own_groups())?;
    let what =
        format!("{readers} can read {}, which contains {}", path.display(), secrets.join(", "));
    let instead = "Set its mode to 0600, or move each secret to a file of its own and set its path with `_file`.";
    Some(Warning { what, instead })
}

/// Returns who else can read a file: others who may not enter one of its folders cannot. Containers
/// and services get their secrets in folders that no one else sees.
pub(crate) fn others_who_read(path: &Path) -> Option<String> {
    const OWN_TO_A_SERVICE: [&str; 2] = ["/run/secrets", "/run/credentials"];
    let path = path.canonicalize().ok()?;
    if OWN_TO_A_SERVICE.iter().any(|folder| path.starts_with(folder)) {
        return None;
    }
    let file = path.metadata().ok().filter(Metadata::is_file)?;
    let is_open = |folder: &Path| folder.metadata().is_ok_and(|it| it.mode() & OTHERS_ENTER != 0);
    let may_come = path.ancestors().skip(1).all(is_open);
    readers(file.mode(), file.gid(), &own_groups()).filter(|_| may_come)
}

fn own_groups() -> Vec<u32> {
    let more = getgroups().unwrap_or_default();
    more.into_iter().chain([getegid()]).map(rustix::process::Gid::as_raw).collect()
}

fn readers(mode: u32, group: u32, own_groups: &[u32]) -> Option<String> {
    if mode & OTHERS_READ != 0 {
        return Some("every user of this machine".to_owned());
    }
    let is_other = group != ROOT && !own_groups.contains(&group);
    (mode & GROUP_READS != 0 && is_other).then(|| format!("the group {group}"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SECRETS: [&str; 2] = ["keycloak.client_secret", "synapse.admin_token"];

    #[test]
    fn file_with_secrets_is_a_warning_if_every_user_can_read_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let warning = |mode, secrets: &[&str]| {
            file.as_file().set_permissions(Permissions::from_mode(mode)).expect("a file of ours");
            exposed_secrets(file.path(), secrets).map(|warning| warning.what)
        };
        for mode in [0o600, 0o400, 0o640, 0o620] {
            assert_eq!(warning(mode, &SECRETS), None, "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o666] {
            let what = warning(mode, &SECRETS).expect("a warning");
            let ends = "which contains keycloak.client_secret, synapse.admin_token";
            assert!(what.starts_with("every user") && what.ends_with(ends), "{mode:o}: {what}");
            assert_eq!(warning(mode, &[]), None);
        }
    }

    #[test]
    fn group_counts_as_others_if_this_process_is_not_in_it() {
        assert_eq!(readers(0o640, 7, &[3, 8]), Some("the group 7".to_owned()));
        assert_eq!(readers(0o640, 7, &[3, 7]), None);
        assert_eq!(readers(0o640, ROOT, &[3]), None);
        assert_eq!(readers(0o600, 7, &[3]), None);
    }
}
