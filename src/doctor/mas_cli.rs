//! mas-cli: is it there, is it new enough, does it have its configuration, and does it reach its database.

use semver::Version;

use super::{Area, Check, Checks};
use crate::report::in_one_line;
use crate::writers::{DatabaseLook, MasCli, WriterError};

pub(super) async fn examine(mas_cli: &MasCli) -> Vec<Check> {
    let mut checks = Checks::new(Area::MasCli);
    let version = match mas_cli.version().await {
        Ok(version) => version,
        Err(error) => {
            fails(&mut checks, "program", &error);
            checks.skipped(&["configuration", "database"], "mas-cli cannot be run");
            return checks.checks;
        }
    };
    judge_version(&mut checks, &version);
    match mas_cli.check_config() {
        Ok(Some(path)) => checks.ok("configuration", format!("{} can be read", path.display())),
        Ok(None) => checks.ok("configuration", "the command brings its own, which cannot be looked at from here"),
        Err(error) => {
            fails(&mut checks, "configuration", &error);
            // It would go to a default database without a word.
            checks.skipped(&["database"], "mas-cli has no configuration");
            return checks.checks;
        }
    }
    match mas_cli.look_at_database().await {
        Ok(DatabaseLook::Answers) => checks.ok("database", "MAS's database answers"),
        Ok(DatabaseLook::CannotTell) => {
            checks.skipped(&["database"], "before 1.3 mas-cli has no command that only looks at its database");
        }
        Err(error) => fails(&mut checks, "database", &error),
    }
    checks.checks
}

fn judge_version(checks: &mut Checks, told: &str) {
    let version = told.split_whitespace().last().unwrap_or_default().trim_start_matches('v');
    let parsed = Version::parse(version);
    let is_before = |major, minor| parsed.as_ref().is_ok_and(|found| (found.major, found.minor) < (major, minor));
    if is_before(0, 20) {
        checks.problem(
            "program",
            format!("{told}: before 0.20 unlocking and reactivating are one thing, and `--reactivate` is not there"),
            "update MAS and its mas-cli",
        );
    } else if is_before(1, 14) {
        checks.warning(
            "program",
            format!("{told}: before 1.14 a lock does not reach Synapse"),
            "update MAS; until then policy.disable = \"lock\" is never confirmed (exit code 4)",
        );
    } else {
        checks.ok("program", told);
    }
}

fn fails(checks: &mut Checks, check: &'static str, error: &WriterError) {
    checks.problem(check, in_one_line(error), error.hint());
}
