//! Checks how members and accounts match, as in a plan, and whether the template is MAS's.

use std::fmt::Write as _;

use indicatif::HumanCount;

use super::check::Section;
use crate::config::Config;
use crate::failure::Failure;
use crate::model::{Account, Localpart};
use crate::phrases::{counted, examples};
use crate::plan::{KeptReason, Pair, Plan, refusal};
use crate::planner::{Draft, TemplateFit};
use crate::readers::{Detail, Readers, Tallies, Tally};
use crate::state::State;

const NAME: &str = "mapping";
/// The number of accounts whose names are compared with the template.
const SAMPLE: usize = 20;
/// Fewer different names mean nothing, because users can choose their names.
const FEW: usize = 5;
/// Examples shown of each kind.
const EXAMPLES: usize = 5;
/// Columns of a line of examples.
const WIDTH: usize = 69;

/// Reads members and accounts, rechecks as a plan does, and reports how they match. Returns the
/// plan.
pub(super) async fn check(
    section: &mut Section,
    config: &Config,
    readers: &Readers,
    state: Option<&State>,
) -> Option<Plan> {
    match read(config, readers, state).await {
        Ok((plan, fit, entries)) => {
            mapping(section, config, &plan);
            template(section, config, &fit);
            protect_entries(section, &entries);
            open_limits(section, config, &plan);
            return Some(plan);
        }
        Err(Failure::Read(error)) => section.failed(NAME, &error),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "Run `plan`.".to_owned());
            section.problem(NAME, error.in_one_line(), hint);
        }
    }
    None
}

async fn read(
    config: &Config,
    readers: &Readers,
    state: Option<&State>,
) -> Result<(Plan, TemplateFit, WrongEntries), Failure> {
    let mut reading = readers.read(config, &Tallies::default(), Detail::Plan).await?;
    if let Some(state) = state {
        state.recall(&mut reading.facts)?;
    }
    let draft = Draft::new(&reading.facts, &config.policy);
    let accounts: Vec<_> = draft.to_recheck().collect();
    let rechecks =
        readers.recheck(accounts, config.limits.max_look, &reading, &Tally::default()).await?;
    let localparts: Vec<_> = reading.facts.accounts.iter().map(Account::localpart).collect();
    let protect = &config.policy.protect;
    let quoted = |entry| format!("{entry:?}");
    let entries = WrongEntries {
        idle: protect.idle_entries(localparts.iter().copied()).into_iter().map(quoted).collect(),
        for_all: protect.entry_for_all(&localparts).map(quoted),
    };
    Ok((draft.decide(&rechecks), draft.template_fit(SAMPLE), entries))
}

/// Entries of `policy.protect` that are probably not meant.
struct WrongEntries {
    /// Those that protect nothing.
    idle: Vec<String>,
    /// One that protects every account.
    for_all: Option<String>,
}

fn protect_entries(section: &mut Section, entries: &WrongEntries) {
    const NAME: &str = "protect_entries";
    if !entries.idle.is_empty() {
        section.warn(
            NAME,
            format!("policy.protect: {} matches no account", entries.idle.join(", ")),
            "Check the spelling, or remove the entry from `policy.protect`.",
        );
    }
    if let Some(entry) = &entries.for_all {
        section.warn(
            NAME,
            format!("policy.protect: {entry} matches every account, so none is ever disabled"),
            "Write an expression that matches only accounts of services, such as \"/bot-.*/\".",
        );
    }
}

/// Warns if no limit would keep an empty group from disabling every account.
fn open_limits(section: &mut Section, config: &Config, plan: &Plan) {
    let limits = &config.limits;
    let accounts = plan.read.accounts;
    if limits.min_members > 0 || limits.max_disable_percent < 100 || limits.max_disable < accounts {
        return;
    }
    section.warn(
        "limits",
        format!(
            "min_members = 0, max_disable_percent = {} and max_disable = {} limit nothing: there are {}",
            limits.max_disable_percent,
            limits.max_disable,
            counted(accounts, "account", "accounts"),
        ),
        "Remove `limits.min_members` and `limits.max_disable_percent`: the defaults are 1 and 10.",
    );
}

/// Reports how many members have an account, and by which evidence.
fn mapping(section: &mut Section, config: &Config, plan: &Plan) {
    let mapping = &plan.mapping;
    let found = found(plan);
    if let Some(doubt) = &mapping.doubt {
        let (why, fix) = (refusal::doubt(doubt), refusal::doubt_fix(doubt));
        section.problem(NAME, format!("{found}\n{why}"), fix);
    } else if mapping.members > 0
        && mapping.with_account() == 0
        && managed(plan) > 0
        && !has_namesake(plan)
    {
        section.problem(
            NAME,
            format!(
                "{found}\nkeycloak.localpart ({}) gives no member the name of an account",
                config.policy.template
            ),
            "Set `keycloak.localpart` to the template in MAS's `claims_imports.localpart`.",
        );
    } else {
        section.ok(NAME, found);
    }
}

/// Returns whether an account has a member's name and belongs to another person.
fn has_namesake(plan: &Plan) -> bool {
    plan.kept.iter().any(|kept| kept.reason == KeptReason::AnotherPerson)
}

/// Returns how many accounts a plan is about, without those of the server or of programs.
fn managed(plan: &Plan) -> usize {
    let is_set_aside = |reason: KeptReason| {
        matches!(
            reason,
            KeptReason::OtherServer
                | KeptReason::TokenOwner
                | KeptReason::Protected
                | KeptReason::Admin
                | KeptReason::Bot
                | KeptReason::Appservice
                | KeptReason::NotInMas
        )
    };
    let aside = plan.kept.iter().filter(|kept| is_set_aside(kept.reason)).count();
    plan.read.accounts.saturating_sub(aside)
}

fn found(plan: &Plan) -> String {
    let mapping = &plan.mapping;
    let mut lines = format!(
        "{} of {} an account",
        HumanCount((mapping.members - mapping.without_account) as u64),
        counted(mapping.members, "enabled member has", "enabled members have"),
    );
    for tie in mapping.ties() {
        add(&mut lines, tie.count, tie.by, tie.examples);
    }
    add(&mut lines, mapping.without_account, "without an account", &plan.not_registered);
    if plan.not_rechecked.is_some() {
        lines.push_str(
            "\n  accounts were not rechecked, because they are more than limits.max_look",
        );
    } else {
        let examples = &mapping.of_nobody_examples;
        add(&mut lines, mapping.of_nobody, "of no Keycloak user", examples);
    }
    lines
}

/// Adds a line with a count and a few examples, unless the count is 0.
fn add(found: &mut String, count: usize, what: &str, names: &[Localpart]) {
    if count == 0 {
        return;
    }
    let line = format!("  {} {what}", HumanCount(count as u64));
    *found += "\n";
    *found += &line;
    if !names.is_empty() {
        let names = &names[..names.len().min(EXAMPLES)];
        let _ = write!(found, ": {}", examples(names, WIDTH.saturating_sub(line.len() + 2)));
    }
}

/// Reports whether accounts with a link have the names that the template gives their members.
fn template(section: &mut Section, config: &Config, fit: &TemplateFit) {
    const NAME: &str = "template";
    let differing = fit.differing.len();
    let compared = counted(fit.compared, "account with a link", "accounts with a link");
    if fit.compared == 0 {
        section.skip(&[NAME], "no account with a link to a member to compare");
    } else if differing >= FEW && 2 * differing >= fit.compared {
        let pairs = fit.differing.iter().take(EXAMPLES);
        let pairs: Vec<_> =
            pairs.map(|Pair { member, account }| format!("\n  {member} - {account}")).collect();
        section.warn(
            NAME,
            format!(
                "{differing} of {compared} have another name than keycloak.localpart ({}) gives:{}",
                config.policy.template,
                pairs.concat()
            ),
            "Compare `keycloak.localpart` with the template in MAS's `claims_imports.localpart`; if users choose \
             their names at the first login, this is normal.",
        );
    } else {
        let fitting = fit.compared - differing;
        section.ok(NAME, format!("{fitting} of {compared} have the name that it gives"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_zero_are_left_out() {
        let mut found = String::new();
        add(&mut found, 0, "by link", &[]);
        add(&mut found, 2, "by name", &["alice".into(), "bob".into()]);
        assert_eq!(found, "\n  2 by name: alice, bob");
    }
}
