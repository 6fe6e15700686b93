//! Plays the servers of a world: the lists, and the answer to each look.

use std::time::Duration;

use matrix_keycloak_sync::model::{
    Account, AccountDetail, Answer, Evidence, InMas, KeycloakId, KeycloakPerson, KeycloakUser,
    Localpart, MasAdmin, Member, MemberList, Owner, Question, Recheck, Remembered, ServerClocks,
    SignSeen, Signs, Timestamp, Unnamed, UserId, full_name,
};
use matrix_keycloak_sync::plan::Plan;
use matrix_keycloak_sync::planner::{
    AskByName, Draft, Facts, Memory, OwnDisable, PlanScope, Policy, Protection, Rechecks,
    SecondStage, ToRecheck, members_with_signs,
};

use crate::world::{self, Answering, Mark, Mas, NOW, Own, Server, Standing, Template, User, World};

const IDS: [&str; 10] = [
    "00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
    "00000000-0000-4000-8000-000000000003",
    "00000000-0000-4000-8000-000000000004",
    "00000000-0000-4000-8000-000000000005",
    "00000000-0000-4000-8000-000000000006",
    "00000000-0000-4000-8000-000000000007",
    "00000000-0000-4000-8000-000000000008",
    "00000000-0000-4000-8000-000000000009",
];
const MAS_ID: &str = "01J44QC8BCY7FCFM7WGHQGKMTJ";
const PROTECTED: &str = "protected by the policy";

/// Returns the ID of the user in this place.
pub(crate) fn id_of(user: usize) -> KeycloakId {
    IDS[user].into()
}

/// Returns the place of the user with this ID.
pub(crate) fn place_of(id: &KeycloakId) -> Option<usize> {
    let text = id.text();
    IDS.iter().position(|other| *other == text)
}

/// Returns what the lists show.
pub(crate) fn facts(world: &World) -> Facts {
    let users = || world.users.iter().enumerate().filter(|(_, user)| user.listed.is_member());
    let unnamed = users().filter(|(_, user)| !user.is_named());
    let mut facts = Facts {
        members: users().map(|(place, user)| member(place, user, user.listed)).collect(),
        unnamed: unnamed.map(|(place, user)| unnamed_user(place, user)).collect(),
        subjects: world.subjects,
        providers: world
            .providers
            .as_ref()
            .map(|names| names.iter().map(|name| (*name).into()).collect()),
        accounts: world.accounts.iter().map(listed_account).collect(),
        now: Timestamp::from_millis(NOW),
        clocks: ServerClocks::default().and(world.server_clock.map(Timestamp::from_millis)),
        memory: memory(world),
        ..Facts::empty("example.org".into())
    };
    let owners = world.accounts.iter().filter(|account| account.marks.contains(&Mark::TokenOwner));
    facts.token_owners.synapse = owners.map(user_id).next();
    facts
}

/// Returns the policy of a world.
pub(crate) fn policy(world: &World) -> Policy {
    let rules = &world.rules;
    let protected =
        world.accounts.iter().filter(|account| account.marks.contains(&Mark::Protected));
    let protected: Vec<_> = protected.map(|account| account.localpart.to_owned()).collect();
    Policy {
        disable: rules.disable,
        deactivate_after: rules.deactivate_after.map(Duration::from_millis),
        reactivate: rules.reactivate,
        grace: Duration::from_millis(rules.grace),
        matching: rules.matching,
        disabled_members: rules.disabled_members,
        locked_members: rules.locked_members,
        unknown_accounts: rules.unknown,
        federation: rules.federation,
        protect: Protection::new(&protected).expect(PROTECTED),
        protect_admins: rules.protects_admins,
        ..Policy::default()
    }
}

/// Returns the plan of the world, about everything.
pub(crate) fn plan(world: &World) -> Plan {
    plan_about(world, &facts(world), None)
}

/// Returns the plan for a part of a world, from the complete reading.
pub(crate) fn plan_about(world: &World, facts: &Facts, scope: Option<&PlanScope>) -> Plan {
    let policy = policy(world);
    let draft = Draft::about(facts, &policy, scope);
    let looks = looks(world, facts, &draft);
    draft.decide(&looks)
}

/// Returns the answers to every look that a draft requests.
pub(crate) fn looks(world: &World, facts: &Facts, draft: &Draft<'_>) -> Rechecks {
    answers(world, facts, draft.to_recheck().collect())
}

/// Returns the answers to these looks.
pub(crate) fn answers(world: &World, facts: &Facts, to_recheck: Vec<ToRecheck>) -> Rechecks {
    let mut answers: std::collections::BTreeMap<UserId, Recheck> =
        to_recheck.iter().map(|one| (one.user_id.clone(), look(world, one))).collect();
    let tied = to_recheck.into_iter().filter(|one| one.is_tied).map(|one| one.user_id);
    let tied: std::collections::BTreeSet<UserId> = tied.collect();
    let unclaimed = answers.iter().filter_map(|(user_id, look)| {
        let seen = look.as_ref().ok()?;
        let is_unclaimed = !tied.contains(user_id) && seen.may_be_unclaimed();
        is_unclaimed.then_some((user_id, &seen.account))
    });
    let found = members_with_signs(unclaimed, &facts.members);
    for (user_id, signs) in found {
        let seen = signs.into_iter().filter_map(|(sign, id)| {
            let user = by_id(world, &id).user()?.clone();
            Some(SignSeen { sign, user })
        });
        let signs = seen.collect();
        if let Some(Ok(evidence)) = answers.get_mut(&user_id) {
            evidence.signs = signs;
        }
    }
    let has_directory = facts.members.iter().any(|member| member.federation_link.is_some());
    let reads_again = has_directory && !answers.is_empty();
    Rechecks::Taken { answers, members_after: reads_again.then(|| members_after(world)) }
}

fn look(world: &World, to_recheck: &ToRecheck) -> Recheck {
    let account = world.accounts.iter().find(|account| user_id(account) == to_recheck.user_id);
    let account = account.expect("an account of the list");
    if account.look == Answering::Fails {
        return Err("Keycloak: answered 400".to_owned());
    }
    let by_ids = to_recheck.ids.iter().map(|id| answer(world, id, Question::Id(id.clone())));
    let mut keycloak: Vec<Answer> = by_ids.collect();
    if account.links.is_empty() {
        let external = account.external_ids.iter().map(|user| {
            let id = id_of(*user);
            answer(world, &id, Question::ExternalId(id.clone()))
        });
        keycloak.extend(external.filter(|answer| !answer.user.is_unknown()));
    }
    let is_unknown = keycloak.iter().all(|answer| answer.user.is_unknown());
    if is_unknown || to_recheck.by_name == AskByName::Always {
        let by_name = ask_by_name(world, to_recheck, &keycloak);
        keycloak.extend(by_name);
    }
    Ok(Evidence { keycloak, account: detail(account), signs: Vec::new() })
}

fn answer(world: &World, id: &KeycloakId, asked: Question) -> Answer {
    Answer { asked, user: by_id(world, id) }
}

/// Returns what Keycloak shows of a user when it is asked.
pub(crate) fn shown_person(world: &World, user: usize) -> KeycloakPerson {
    world.users.get(user).map_or(KeycloakPerson::Unknown, |one| person(user, one))
}

fn by_id(world: &World, id: &KeycloakId) -> KeycloakPerson {
    let user = place_of(id).and_then(|place| Some((place, world.users.get(place)?)));
    user.map_or(KeycloakPerson::Unknown, |(place, user)| person(place, user))
}

/// If the username is the template, a user can be requested by name; else the list of users says
/// who has the name.
/// Users that are requested by ID are not requested by name too.
fn ask_by_name(world: &World, to_recheck: &ToRecheck, known: &[Answer]) -> Vec<Answer> {
    let reads_the_list =
        world.template == Template::Shared && to_recheck.by_name == AskByName::Always;
    let asks_by_username = world.template == Template::Username;
    let named: Vec<_> = if reads_the_list || asks_by_username {
        world.named(to_recheck.user_id.localpart().as_str(), |user| user.now != Standing::Gone)
    } else {
        Vec::new()
    };
    let is_any_known = known.iter().any(|answer| !answer.user.is_unknown());
    if named.is_empty() && !(reads_the_list && is_any_known) {
        return vec![Answer { asked: Question::Name, user: KeycloakPerson::Unknown }];
    }
    let is_new = |place: &usize| {
        let id = id_of(*place);
        let listed = &world.users[*place].listed;
        let mut ids = known.iter().filter_map(|answer| answer.user.user());
        !(listed.is_member() && ids.any(|user| user.id == id))
    };
    let fresh = named.into_iter().filter(is_new);
    fresh
        .map(|place| Answer { asked: Question::Name, user: person(place, &world.users[place]) })
        .collect()
}

fn person(place: usize, user: &User) -> KeycloakPerson {
    let link = user.provider.map(Into::into);
    match user.now {
        Standing::Gone => KeycloakPerson::Unknown,
        Standing::OnlyRemembered => KeycloakPerson::OnlyRemembered {
            user: keycloak_user(place, user),
            groups: Vec::new(),
            federation_link: link.unwrap_or_default(),
        },
        now => KeycloakPerson::Known {
            user: keycloak_user(place, user),
            created: user.created.map(Timestamp::from_millis),
            enabled: now.is_enabled(),
            locked_out: user.locked_out && !now.is_enabled(),
            in_group: now.is_member(),
            groups: Vec::new(),
            remembered: Vec::new(),
            roles: Vec::new(),
            federation_link: link,
        },
    }
}

fn keycloak_user(place: usize, user: &User) -> KeycloakUser {
    let (first, last) = user.full_name.unzip();
    KeycloakUser {
        id: id_of(place),
        username: user.username.into(),
        name: full_name(first, last).map(Into::into),
        email: user.email.map(Into::into),
    }
}

fn member(place: usize, user: &User, standing: Standing) -> Member {
    let (first, last) = user.full_name.unzip();
    Member {
        id: id_of(place),
        localpart: user.is_named().then(|| user.localpart.into()),
        enabled: standing.is_enabled(),
        federation_link: user.provider.map(Into::into),
        signs: Signs::new(user.username, user.email, first, last),
    }
}

fn unnamed_user(place: usize, user: &User) -> Unnamed {
    let why = "MAS does not accept it".to_owned();
    Unnamed { id: id_of(place), username: user.username.into(), why: why.into() }
}

fn members_after(world: &World) -> MemberList {
    let users = world.users.iter().enumerate().filter(|(_, user)| user.after.is_member());
    users.map(|(place, user)| member(place, user, user.after)).collect()
}

/// Returns the user ID of an account.
pub(crate) fn user_id(account: &world::Account) -> UserId {
    let server = match account.server {
        Server::Ours => "example.org",
        Server::Other => "other.test",
    };
    Localpart::from(account.localpart).on(&server.into())
}

fn listed_account(account: &world::Account) -> Account {
    let owner = account.memory.map(|(user, tie)| Owner { id: id_of(user), tie });
    Account {
        user_id: user_id(account),
        state: account.listed,
        admin: account.marks.contains(&Mark::Admin),
        mas_admin: MasAdmin::Unknown,
        bot: account.marks.contains(&Mark::Bot),
        mas: match account.mas {
            Mas::NotAsked => InMas::NotAsked,
            Mas::Unknown => InMas::Unknown,
            Mas::Known => InMas::Known(format!("{MAS_ID}{}", account.localpart).into()),
            Mas::Ambiguous => InMas::Ambiguous,
        },
        deactivated_in_mas: account.deactivated_in_mas,
        links: account.links.iter().map(|user| id_of(*user)).collect(),
        remembered: owner.map_or(Remembered::default(), Remembered::owner),
    }
}

fn detail(account: &world::Account) -> AccountDetail {
    let has = |mark| account.marks_now.contains(&mark);
    AccountDetail {
        appservice: has(Mark::Appservice).then(|| "bridge".into()),
        admin: has(Mark::Admin),
        bot: has(Mark::Bot),
        state: account.now,
        deactivated_in_mas: account.deactivated_in_mas,
        disabled_at: account.disabled_at.map(Timestamp::from_millis),
        last_disabled_at: account.disabled_at.map(Timestamp::from_millis),
        display_name: account.display_name.map(Into::into),
        emails: account.email.map(Into::into).into_iter().collect(),
        external_ids: account.external_ids.iter().map(|user| IDS[*user].into()).collect(),
        ..AccountDetail::new(user_id(account))
    }
}

fn memory(world: &World) -> Memory {
    let mut memory = Memory { recall: world.rules.recall, ..Memory::default() };
    memory.directories.extend(world.remembered_providers.iter().map(|name| Box::from(*name)));
    for account in &world.accounts {
        if let Some(since) = account.absent_since {
            memory.absent_since.insert(user_id(account), Timestamp::from_millis(since));
        }
        if let Some(since) = account.locked_since {
            memory.locked_since.insert(user_id(account), Timestamp::from_millis(since));
        }
        if let Some(own) = account.own {
            let at = Timestamp::from_millis(own.at);
            let Own { mode, progress, .. } = own;
            let second_stage = SecondStage::NotBegun;
            let was_deactivated = false;
            let own = OwnDisable { mode, progress, at, until: at, second_stage, was_deactivated };
            memory.own.insert(user_id(account), own);
        }
    }
    memory
}
