//! Makes a world smaller while it still shows the same result, and prints it.

use std::fmt::Write as _;

use matrix_keycloak_sync::model::AccountState;
use matrix_keycloak_sync::planner::Recall;

use crate::world::{Account, Answering, Mas, Rules, Server, Standing, User, World};

/// Returns the smallest world that is found by leaving out one thing at a time.
pub(crate) fn shrunk(world: &World, shows_it: &dyn Fn(&World) -> bool) -> World {
    let mut smallest = world.clone();
    while let Some(smaller) = simpler(&smallest).into_iter().find(|world| shows_it(world)) {
        smallest = smaller;
    }
    smallest
}

/// Returns the worlds that are simpler in one thing.
fn simpler(world: &World) -> Vec<World> {
    let mut found: Vec<World> = Vec::new();
    for place in 0..world.accounts.len() {
        let mut without = world.clone();
        without.accounts.remove(place);
        found.push(without);
    }
    for (place, user) in world.users.iter().enumerate() {
        for user in simpler_users(user) {
            let mut other = world.clone();
            other.users[place] = user;
            found.push(other);
        }
    }
    for (place, account) in world.accounts.iter().enumerate() {
        for account in simpler_accounts(account) {
            let mut other = world.clone();
            other.accounts[place] = account;
            found.push(other);
        }
    }
    found.extend(
        simpler_rules(&world.rules).into_iter().map(|rules| World { rules, ..world.clone() }),
    );
    found.push(World { providers: None, ..world.clone() });
    found.push(World { server_clock: None, ..world.clone() });
    found.push(World { remembered_providers: Vec::new(), ..world.clone() });
    found.retain(|other| other != world);
    found
}

fn simpler_users(user: &User) -> Vec<User> {
    let gone = User { localpart: "-", ..User::new("-", Standing::Gone) };
    let now = User { now: user.listed, after: user.listed, ..user.clone() };
    vec![
        gone,
        User { listed: Standing::Gone, ..user.clone() },
        now,
        User { after: user.now, ..user.clone() },
        User { created: None, ..user.clone() },
        User { provider: None, ..user.clone() },
        User { email: None, ..user.clone() },
        User { full_name: None, ..user.clone() },
        User { locked_out: false, ..user.clone() },
        User { localpart: "-", ..user.clone() },
    ]
}

fn simpler_accounts(account: &Account) -> Vec<Account> {
    let plain = Account::new(account.localpart, account.listed);
    let active = AccountState::default();
    let out = AccountState { deactivated: true, locked: true, erased: false };
    let mut found = vec![
        plain,
        Account { server: Server::Ours, ..account.clone() },
        Account { marks: Vec::new(), marks_now: Vec::new(), ..account.clone() },
        Account { marks_now: account.marks.clone(), ..account.clone() },
        Account { mas: Mas::Known, ..account.clone() },
        Account { listed: active, now: active, ..account.clone() },
        Account { now: account.listed, ..account.clone() },
        Account { deactivated_in_mas: account.listed.deactivated, ..account.clone() },
        Account { disabled_at: None, ..account.clone() },
        Account { memory: None, ..account.clone() },
        Account { external_ids: Vec::new(), ..account.clone() },
        Account { email: None, ..account.clone() },
        Account { display_name: None, ..account.clone() },
        Account { own: None, ..account.clone() },
        Account { absent_since: None, ..account.clone() },
        Account { locked_since: None, ..account.clone() },
        Account { look: Answering::Answers, ..account.clone() },
    ];
    if !account.listed.is_active() && account.listed != out {
        found.push(Account { listed: out, now: out, deactivated_in_mas: true, ..account.clone() });
    }
    for place in 0..account.links.len() {
        let mut fewer = account.clone();
        fewer.links.remove(place);
        found.push(fewer);
    }
    found
}

fn simpler_rules(rules: &Rules) -> Vec<Rules> {
    let plain = Rules::default();
    vec![
        Rules { matching: plain.matching, ..rules.clone() },
        Rules { disable: plain.disable, ..rules.clone() },
        Rules { reactivate: plain.reactivate, ..rules.clone() },
        Rules { grace: 0, ..rules.clone() },
        Rules { deactivate_after: None, ..rules.clone() },
        Rules { unknown: plain.unknown, ..rules.clone() },
        Rules { disabled_members: plain.disabled_members, ..rules.clone() },
        Rules { locked_members: plain.locked_members, ..rules.clone() },
        Rules { federation: plain.federation, ..rules.clone() },
        Rules { recall: Recall::On, ..rules.clone() },
        Rules { protects_admins: plain.protects_admins, ..rules.clone() },
    ]
}

/// Returns a world in a few lines, without the defaults.
pub(crate) fn shown(world: &World) -> String {
    let mut text = format!(
        "template {:?}, {:?}, clock {:?}, rules:",
        world.template, world.subjects, world.server_clock
    );
    let (plain, rules) = (format!("{:#?}", Rules::default()), format!("{:#?}", world.rules));
    write_changes(&mut text, &plain, &rules);
    if world.providers.is_some() || !world.remembered_providers.is_empty() {
        let names = (&world.providers, &world.remembered_providers);
        write!(text, "\n  providers {:?}, remembered {:?}", names.0, names.1).expect("text");
    }
    for (place, user) in world.users.iter().enumerate() {
        if user.username != "-" {
            let standings = (user.listed, user.now, user.after);
            write!(text, "\n  user {place} {standings:?} localpart={}", user.localpart)
                .expect("text");
            let plain = User {
                localpart: user.localpart,
                now: user.now,
                after: user.after,
                ..User::new(user.username, user.listed)
            };
            write_changes(&mut text, &format!("{plain:#?}"), &format!("{user:#?}"));
        }
    }
    for account in &world.accounts {
        let plain = Account::new(account.localpart, account.listed);
        let state = account.listed;
        let words = [
            (state.deactivated, "deactivated"),
            (state.locked, "locked"),
            (state.erased, "erased"),
            (state.is_active(), "active"),
        ];
        let words: Vec<_> =
            words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect();
        write!(text, "\n  account {} {}:", account.localpart, words.join("+")).expect("text");
        write_changes(&mut text, &field_lines(&plain), &field_lines(account));
    }
    text
}

fn field_lines(account: &Account) -> String {
    let Account {
        server,
        marks,
        marks_now,
        mas,
        now,
        deactivated_in_mas,
        disabled_at,
        links,
        memory,
        external_ids,
        email,
        display_name,
        own,
        absent_since,
        locked_since,
        look,
        ..
    } = account;
    format!(
        "{server:?}\nmarks {marks:?}\nmarks_now {marks_now:?}\nmas {mas:?}\nnow {now:?}\n\
         deactivated_in_mas {deactivated_in_mas:?}\ndisabled_at {disabled_at:?}\nlinks {links:?}\n\
         memory {memory:?}\nexternal_ids {external_ids:?}\nemail {email:?}\n\
         display_name {display_name:?}\nown {own:?}\nabsent_since {absent_since:?}\n\
         locked_since {locked_since:?}\n{look:?}"
    )
}

fn write_changes(text: &mut String, plain: &str, changed: &str) {
    let plain: Vec<_> = plain.lines().collect();
    for line in changed.lines().filter(|line| !plain.contains(line)) {
        write!(text, " {}", line.trim().trim_end_matches(',')).expect("text");
    }
}
