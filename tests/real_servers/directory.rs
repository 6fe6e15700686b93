//! A directory behind Keycloak: `OpenLDAP`, taken in by Keycloak in three ways.
//!
//! Keycloak fails open: while a directory is down, its people look as if they had left, were disabled or had never been.
//! None of them may lose their account by that, whoever else has left still does, and with the directory up again so
//! does whoever has left the directory.

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

/// Keycloak's own members, who leave the group one after the other; kim stays.
const LOCALS: &str = "kara kay kim kirk kurt";
/// The directory's members: lola and lutz leave it in the end.
const MEMBERS: &str = "lars lena lola lotte lutz";
/// Everybody of the directory: luca was never in the group.
const DIRECTORY: &str = "lars lena lola lotte luca lutz";
/// Somebody whom neither knows, who may be anybody's while a directory is down.
const STRANGER: &str = "olga";
/// By the ID that MAS keeps, people are asked for in another way than by name.
const BY_LINK: Way = Way { writer: "mas-api", source: "mas", synapse: true };

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn nobody_of_a_directory_is_disabled_while_it_is_down_and_whoever_left_it_is_when_it_is_up() -> Outcome {
    let worlds = try_join_all(MODES.map(async |mode| {
        let mut world = World::open(mode).await.map_err(|error| format!("{mode:?}: {error}"))?;
        world.live_through_everything().await.map_err(|error| format!("{mode:?}: {error}"))?;
        Ok::<_, String>((world.scenarios, world.wrong.len()))
    }));
    let counts = worlds.await?;
    let (scenarios, wrong) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("directories: {} modes, {scenarios} scenarios, wrong disables {wrong}", MODES.len());
    Ok(())
}

/// A realm with a directory behind it, and what has happened there so far.
struct World {
    mode: Mode,
    scene: Scene,
    slapd: Slapd,
    federation: Federation,
    /// Members of the directory who have not left it.
    stayers: BTreeSet<&'static str>,
    /// Keycloak's own members.
    locals: BTreeSet<&'static str>,
    scenarios: usize,
    /// Stayers who were disabled, or would have been.
    wrong: Vec<String>,
}

impl World {
    async fn open(mode: Mode) -> Outcome<Self> {
        // People who are not imported are invisible while their directory is down; that there is one takes this role.
        let plot = plot(mode.name).members(LOCALS).reader_may("view-realm");
        let scene = plot.accounts(LOCALS).accounts(DIRECTORY).accounts(STRANGER).open().await?;
        let slapd = Slapd::start().await?;
        let names = |names: &str| names.split_whitespace().map(|name| scene.full(name)).collect::<Vec<_>>();
        slapd.add_people(&names(DIRECTORY)).await?;
        slapd.add_group(GROUP, &names(MEMBERS)).await?;
        let federation = Federation::with(&slapd, &scene.servers.keycloak, scene.realm(), mode).await?;
        scene.tie(LOCALS).await?;
        scene.tie(DIRECTORY).await?;
        let (stayers, locals) = (MEMBERS.split_whitespace().collect(), LOCALS.split_whitespace().collect());
        Ok(Self { mode, scene, slapd, federation, stayers, locals, scenarios: 0, wrong: Vec::new() })
    }

    async fn live_through_everything(&mut self) -> Outcome {
        self.is_alive("up").await?;

        self.remember().await?;
        self.leave("kara").await?;
        self.slapd.stop().await?;
        self.is_in_doubt("stopped, cache warm", "kara").await?;
        self.leave("kay").await?;
        self.federation.forget().await?;
        self.is_in_doubt("stopped, cache cold", "kay").await?;

        self.slapd.restart().await?;
        self.remember().await?;
        self.leave("kirk").await?;
        self.slapd.restart_with_another_password().await?;
        self.says_nothing("bind refused, cache warm", "kirk").await?;
        self.federation.forget().await?;
        self.says_nothing("bind refused, cache cold", "kirk").await?;

        self.slapd.restart().await?;
        self.remember().await?;
        self.federation.switch(false).await?;
        self.is_in_doubt("switched off, cache warm", "kirk").await?;
        self.leave("kurt").await?;
        self.federation.forget().await?;
        self.is_in_doubt("switched off, cache cold", "kurt").await?;

        self.federation.switch(true).await?;
        self.is_alive("up again").await?;

        self.remember().await?;
        self.leave_the_directory().await?;
        self.leavers_are_disabled("left, cache warm").await
    }

    /// Nobody of the directory is to be disabled but who was never in the group, by name and by the ID that MAS keeps.
    async fn is_alive(&mut self, scenario: &str) -> Outcome {
        let told = [
            format!("exit 0, {} members", self.locals.len() + self.stayers.len()),
            "disable luca, not_in_group".to_owned(),
            format!("disable {STRANGER}, not_in_keycloak"),
            "keep bot, token_owner".to_owned(),
        ];
        self.check(scenario, "plan", &told, &told).await
    }

    /// Everybody of the directory is left alone, and whoever may be of it; `leaver` is Keycloak's own, and goes.
    async fn is_in_doubt(&mut self, scenario: &str, leaver: &str) -> Outcome {
        let told = |done: &str| self.told_in_doubt(&format!("disable {leaver}, not_in_group{done}"), &[]);
        let (planned, done) = (told(""), told(": done"));
        self.check(scenario, "sync", &done, &planned).await
    }

    /// Keycloak cannot search for anybody, so that `leaver` stays as well; by ID its own people are still to be had.
    async fn says_nothing(&mut self, scenario: &str, leaver: &str) -> Outcome {
        let by_link = self.told_in_doubt(&format!("disable {leaver}, not_in_group"), &[]);
        let by_name = if self.mode.groups == "IMPORT" {
            // The list is whole, so that its people are asked for by ID even where the rest is asked for by name.
            self.told_in_doubt("", &[leaver])
        } else {
            vec!["exit 1, the second look failed for all accounts".to_owned()]
        };
        self.check(scenario, "sync", &by_name, &by_link).await
    }

    /// Whoever is out of the group is disabled, wherever they have left.
    async fn leavers_are_disabled(&mut self, scenario: &str) -> Outcome {
        let told = |done: &str| {
            let members = format!("exit 0, {} members", self.locals.len() + self.stayers.len());
            let reasons = [("lola", "group"), ("luca", "group"), ("lutz", "keycloak"), (STRANGER, "keycloak")];
            let disabled = reasons.map(|(name, of)| format!("disable {name}, not_in_{of}{done}"));
            [vec![members], disabled.to_vec(), vec!["keep bot, token_owner".to_owned()]].concat()
        };
        let (planned, done) = (told(""), told(": done"));
        self.check(scenario, "sync", &done, &planned).await
    }

    fn told_in_doubt(&self, action: &str, also_alone: &[&str]) -> Vec<String> {
        // Where groups are copied, the directory's members are still listed, as people who are disabled.
        let listed = if self.mode.groups == "IMPORT" { self.stayers.len() } else { 0 };
        let members = format!("exit 4, {} members", self.locals.len() + listed);
        let alone = DIRECTORY.split_whitespace().chain([STRANGER]).chain(also_alone.iter().copied());
        let mut alone: Vec<_> = alone.map(|name| format!("leave {name} alone")).collect();
        alone.push("keep bot, token_owner".to_owned());
        alone.extend((!action.is_empty()).then(|| action.to_owned()));
        alone.sort();
        [vec![members], alone].concat()
    }

    /// Runs the program by name and by link, compares all of what it tells, and counts who was disabled wrongly.
    async fn check(&mut self, scenario: &str, command: &str, by_name: &[String], by_link: &[String]) -> Outcome {
        let linked = self.scene.settings_by(BY_LINK).set("accounts.match", "upstream-link");
        // Without a memory, nothing but the name says whose an account is.
        let by_name_alone = self.scene.settings().set("state_file", "off");
        for (how, settings, command, expected) in
            [("by link", linked, "plan", by_link), ("by name", by_name_alone, command, by_name)]
        {
            let told = self.told(&settings, command).await?;
            let disabled = told
                .iter()
                .filter(|line| self.stayers.iter().any(|name| line.starts_with(&format!("disable {name},"))));
            self.wrong.extend(disabled.cloned());
            assert_eq!(told, expected, "{:?}, {scenario}, {how}", self.mode);
        }
        for name in &self.stayers {
            self.wrong.extend(self.scene.states(name).await?.into_iter().filter(|state| !state.ends_with(": active")));
        }
        assert_eq!(self.wrong, Vec::<String>::new(), "{:?}, {scenario}", self.mode);
        self.scenarios += 1;
        Ok(())
    }

    /// What the program tells, where it does not matter why somebody is left alone: because their directory is in doubt,
    /// or because Keycloak answers with an error when it is asked about them.
    async fn told(&self, settings: &Settings, command: &str) -> Outcome<Vec<String>> {
        let run = self.scene.run(settings, &[command, "--format", "json"]).await?;
        if run.exit == Some(1) && run.stderr.contains("the second look failed for all accounts") {
            return Ok(vec!["exit 1, the second look failed for all accounts".to_owned()]);
        }
        let mut told: Vec<_> = self.scene.told(&run)?.into_iter().map(left_alone).collect();
        if told[0].starts_with("exit 4") {
            told[1..].sort();
        }
        Ok(told)
    }

    /// Somebody of Keycloak's own leaves the group.
    async fn leave(&mut self, name: &str) -> Outcome {
        self.locals.remove(name);
        self.scene.leave(name).await
    }

    /// lola leaves the group and lutz everything.
    async fn leave_the_directory(&mut self) -> Outcome {
        if self.mode.groups == "IMPORT" {
            // Who is in a group was copied with the person, and Keycloak has its own opinion of it since.
            self.scene.leave("lola").await?;
        } else {
            self.slapd.leave(&self.scene.full("lola"), GROUP).await?;
        }
        self.slapd.delete(&self.scene.full("lutz"), GROUP).await?;
        self.stayers.retain(|name| !["lola", "lutz"].contains(name));
        Ok(())
    }

    /// Has Keycloak remember everybody of the directory.
    async fn remember(&self) -> Outcome {
        for name in DIRECTORY.split_whitespace() {
            self.federation.remember(&self.scene.full(name)).await?;
        }
        Ok(())
    }
}

/// The line for somebody who was not acted on because of their directory.
fn left_alone(line: String) -> String {
    let kept = line.strip_prefix("keep ").and_then(|rest| rest.strip_suffix(", federation_in_doubt"));
    let skipped = || line.strip_prefix("disable ").filter(|rest| rest.contains(": skipped: "))?.split(',').next();
    match kept.or_else(skipped) {
        Some(name) => format!("leave {name} alone"),
        None => line,
    }
}
