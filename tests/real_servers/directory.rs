//! A directory behind Keycloak: `OpenLDAP`, federated by Keycloak in three ways.
//!
//! While a directory is down, Keycloak answers as if its users had left, were disabled or had never
//! existed. None of them may lose their account, while other users who have left still do. Once the
//! directory is up again, so do users who have left the directory.

pub(crate) mod federation;
pub(crate) mod slapd;

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::Outcome;
use crate::program::Settings;
use crate::scene::{GROUP, Scene, plot};
use crate::ways::Way;

use federation::{Federation, Mode};
use slapd::Slapd;

/// The three ways in which Keycloak's answers differ while a directory is down.
const MODES: [Mode; 3] = [
    Mode { name: "imported", import: true, groups: "READ_ONLY" },
    Mode { name: "imported-groups", import: true, groups: "IMPORT" },
    Mode { name: "not-imported", import: false, groups: "READ_ONLY" },
];

/// Local users in the group, who leave it one after the other; kim stays.
const LOCALS: &str = "kara kay kim kirk kurt";
/// The federated members: lola and lutz leave in the end.
const MEMBERS: &str = "lars lena lola lotte lutz";
/// All federated users: luca was never in the group.
const DIRECTORY: &str = "lars lena lola lotte luca lutz";
/// An account that neither knows. While a directory is down, it can belong to one of its users.
const STRANGER: &str = "olga";
/// With the ID in MAS, users are requested in another way than by name.
const BY_LINK: Way = Way { writer: "mas-api", source: "mas", synapse: true };

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn federated_users_are_kept_while_the_directory_is_down_and_leavers_disabled_once_it_is_up()
-> Outcome {
    let worlds = try_join_all(MODES.map(async |mode| {
        let mut world = World::open(mode).await.map_err(|error| format!("{mode:?}: {error}"))?;
        world.live_through_everything().await.map_err(|error| format!("{mode:?}: {error}"))?;
        Ok::<_, String>((world.scenarios, world.wrong.len()))
    }));
    let counts = worlds.await?;
    let (scenarios, wrong) =
        counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("directories: {} modes, {scenarios} scenarios, wrong disables {wrong}", MODES.len());
    Ok(())
}

/// A realm with a directory behind it, and what has happened in it.
struct World {
    mode: Mode,
    scene: Scene,
    slapd: Slapd,
    federation: Federation,
    /// Federated members who have not left.
    stayers: BTreeSet<&'static str>,
    /// Local members.
    locals: BTreeSet<&'static str>,
    scenarios: usize,
    /// Stayers who were disabled, or would have been.
    wrong: Vec<String>,
}

impl World {
    async fn open(mode: Mode) -> Outcome<Self> {
        // Users that are not imported are invisible while their directory is down; seeing that one
        // exists takes this role.
        let plot = plot(mode.name).members(LOCALS).reader_may("view-realm");
        let scene = plot.accounts(LOCALS).accounts(DIRECTORY).accounts(STRANGER).open().await?;
        let slapd = Slapd::start().await?;
        let names =
            |names: &str| names.split_whitespace().map(|name| scene.full(name)).collect::<Vec<_>>();
        slapd.add_people(&names(DIRECTORY)).await?;
        slapd.add_group(GROUP, &names(MEMBERS)).await?;
        let federation =
            Federation::with(&slapd, &scene.servers.keycloak, scene.realm(), mode).await?;
        scene.tie(LOCALS).await?;
        scene.tie(DIRECTORY).await?;
        let (stayers, locals) =
            (MEMBERS.split_whitespace().collect(), LOCALS.split_whitespace().collect());
        Ok(Self {
            mode,
            scene,
            slapd,
            federation,
            stayers,
            locals,
            scenarios: 0,
            wrong: Vec::new(),
        })
    }

    async fn live_through_everything(&mut self) -> Outcome {
        self.is_alive("up").await?;
        self.live_through_a_stopped_directory().await?;
        self.live_through_a_refused_bind().await?;
        self.live_through_a_provider_switched_off().await?;
        self.is_alive("up again").await?;
        self.remember().await?;
        self.leave_the_directory().await?;
        self.leavers_are_disabled("left, cache warm").await
    }

    async fn live_through_a_stopped_directory(&mut self) -> Outcome {
        self.remember().await?;
        self.leave("kara").await?;
        self.slapd.stop().await?;
        self.is_in_doubt("stopped, cache warm", "kara").await?;
        self.leave("kay").await?;
        self.federation.forget().await?;
        self.is_in_doubt("stopped, cache cold", "kay").await?;
        self.slapd.restart().await
    }

    async fn live_through_a_refused_bind(&mut self) -> Outcome {
        self.remember().await?;
        self.leave("kirk").await?;
        self.slapd.restart_with_another_password().await?;
        self.says_nothing("bind refused, cache warm", "kirk").await?;
        self.federation.forget().await?;
        self.says_nothing("bind refused, cache cold", "kirk").await?;
        self.slapd.restart().await
    }

    async fn live_through_a_provider_switched_off(&mut self) -> Outcome {
        self.remember().await?;
        self.federation.switch(false).await?;
        self.is_in_doubt("switched off, cache warm", "kirk").await?;
        self.leave("kurt").await?;
        self.federation.forget().await?;
        self.is_in_doubt("switched off, cache cold", "kurt").await?;
        self.federation.switch(true).await
    }

    /// Checks that only luca, who was never in the group, and the stranger are to be disabled, by
    /// name and by link.
    async fn is_alive(&mut self, scenario: &str) -> Outcome {
        let lines = [
            format!("exit 0, {} members", self.locals.len() + self.stayers.len()),
            "disable luca, not_in_group".to_owned(),
            format!("disable {STRANGER}, not_in_keycloak"),
            "keep bot, token_owner".to_owned(),
        ];
        self.check(scenario, "plan", &lines, &lines).await
    }

    /// Checks that federated users and the stranger are skipped; `leaver` is a local user, and is
    /// disabled.
    async fn is_in_doubt(&mut self, scenario: &str, leaver: &str) -> Outcome {
        let lines =
            |done: &str| self.lines_in_doubt(&format!("disable {leaver}, not_in_group{done}"), &[]);
        let (planned, done) = (lines(""), lines(": done"));
        self.check(scenario, "sync", &done, &planned).await
    }

    /// Keycloak cannot search for users, so `leaver` is kept too; by ID it still returns local
    /// users.
    async fn says_nothing(&mut self, scenario: &str, leaver: &str) -> Outcome {
        let by_link = self.lines_in_doubt(&format!("disable {leaver}, not_in_group"), &[]);
        let by_name = if self.mode.groups == "IMPORT" {
            // The list is complete, so its users are requested by ID even if the others are
            // requested by name.
            self.lines_in_doubt("", &[leaver])
        } else {
            vec!["exit 1, the second look failed for all accounts".to_owned()]
        };
        self.check(scenario, "sync", &by_name, &by_link).await
    }

    /// Checks that all accounts outside the group are disabled, if their users left the group or
    /// the directory.
    async fn leavers_are_disabled(&mut self, scenario: &str) -> Outcome {
        let lines = |done: &str| {
            let members = format!("exit 0, {} members", self.locals.len() + self.stayers.len());
            let reasons = [
                ("lola", "group"),
                ("luca", "group"),
                ("lutz", "keycloak"),
                (STRANGER, "keycloak"),
            ];
            let disabled = reasons.map(|(name, of)| format!("disable {name}, not_in_{of}{done}"));
            [vec![members], disabled.to_vec(), vec!["keep bot, token_owner".to_owned()]].concat()
        };
        let (planned, done) = (lines(""), lines(": done"));
        self.check(scenario, "sync", &done, &planned).await
    }

    fn lines_in_doubt(&self, action: &str, also_skipped: &[&str]) -> Vec<String> {
        // If groups are imported, the federated members are still listed, as disabled users.
        let listed = if self.mode.groups == "IMPORT" { self.stayers.len() } else { 0 };
        let members = format!("exit 4, {} members", self.locals.len() + listed);
        let names =
            DIRECTORY.split_whitespace().chain([STRANGER]).chain(also_skipped.iter().copied());
        let mut lines: Vec<_> = names.map(|name| format!("skip {name}")).collect();
        lines.push("keep bot, token_owner".to_owned());
        lines.extend((!action.is_empty()).then(|| action.to_owned()));
        lines.sort();
        [vec![members], lines].concat()
    }

    /// Runs the program by name and by link, compares its output, and counts wrongly disabled
    /// accounts.
    async fn check(
        &mut self,
        scenario: &str,
        command: &str,
        by_name: &[String],
        by_link: &[String],
    ) -> Outcome {
        let linked = self.scene.settings_by(BY_LINK).set("accounts.match", "upstream-link");
        // Without a memory, only the name says which user an account belongs to.
        let by_name_alone = self.scene.settings().set("state_file", "off");
        for (how, settings, command, expected) in
            [("by link", linked, "plan", by_link), ("by name", by_name_alone, command, by_name)]
        {
            let lines = self.lines(&settings, command).await?;
            let disabled = lines.iter().filter(|line| {
                self.stayers.iter().any(|name| line.starts_with(&format!("disable {name},")))
            });
            self.wrong.extend(disabled.cloned());
            assert_eq!(lines, expected, "{:?}, {scenario}, {how}", self.mode);
        }
        for name in &self.stayers {
            self.wrong.extend(
                self.scene
                    .states(name)
                    .await?
                    .into_iter()
                    .filter(|state| !state.ends_with(": active")),
            );
        }
        assert_eq!(self.wrong, Vec::<String>::new(), "{:?}, {scenario}", self.mode);
        self.scenarios += 1;
        Ok(())
    }

    /// Returns what the program reports, with one line for all reasons to skip an account: its
    /// directory is down, or Keycloak answers with an error.
    async fn lines(&self, settings: &Settings, command: &str) -> Outcome<Vec<String>> {
        let run = self.scene.run(settings, &[command, "--format", "json"]).await?;
        if run.exit == Some(1) && run.stderr.contains("the second look failed for all accounts") {
            return Ok(vec!["exit 1, the second look failed for all accounts".to_owned()]);
        }
        let mut lines: Vec<_> = self.scene.lines(&run)?.into_iter().map(skipped).collect();
        if lines[0].starts_with("exit 4") {
            lines[1..].sort();
        }
        Ok(lines)
    }

    /// Removes a local user from the group.
    async fn leave(&mut self, name: &str) -> Outcome {
        self.locals.remove(name);
        self.scene.leave(name).await
    }

    /// Removes lola from the group and lutz from the directory.
    async fn leave_the_directory(&mut self) -> Outcome {
        if self.mode.groups == "IMPORT" {
            // The groups were imported with the user, and Keycloak keeps its own copy since then.
            self.scene.leave("lola").await?;
        } else {
            self.slapd.leave(&self.scene.full("lola"), GROUP).await?;
        }
        self.slapd.delete(&self.scene.full("lutz"), GROUP).await?;
        self.stayers.retain(|name| !["lola", "lutz"].contains(name));
        Ok(())
    }

    /// Makes Keycloak cache all federated users.
    async fn remember(&self) -> Outcome {
        for name in DIRECTORY.split_whitespace() {
            self.federation.remember(&self.scene.full(name)).await?;
        }
        Ok(())
    }
}

/// The line for an account that was skipped because of its user's directory.
fn skipped(line: String) -> String {
    let kept =
        line.strip_prefix("keep ").and_then(|rest| rest.strip_suffix(", federation_in_doubt"));
    let skipped = || {
        line.strip_prefix("disable ").filter(|rest| rest.contains(": skipped: "))?.split(',').next()
    };
    match kept.or_else(skipped) {
        Some(name) => format!("skip {name}"),
        None => line,
    }
}
