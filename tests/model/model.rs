//! The decision, implemented a second time from the interface: owners, the lists, the second look.

use std::collections::{BTreeMap, BTreeSet};

use matrix_keycloak_sync::model::Tie;
use matrix_keycloak_sync::plan::{ActionKind, Approval, DisableMode, KeptReason as Why, Reason};
use matrix_keycloak_sync::planner::{
    Federation, LockedMembers, Matching, Progress, Reactivate, Recall, UnknownAccounts,
};

use crate::world::{Account, Answering, Fate, Mark, Mas, Server, Standing, User, World};

/// Returns the outcome of every account.
pub(crate) fn fates(world: &World) -> BTreeMap<&'static str, Fate> {
    let doubtful = doubtful(world);
    let fate = |one: &Account| match by_lists(world, one) {
        Ok(fate) => fate,
        Err(kind) if one.look == Answering::Fails => Fate::Skipped(kind),
        Err(ActionKind::Activate) => activation(world, one, true).unwrap_or(Fate::Activate),
        Err(ActionKind::Disable) => disable(world, one, true, &doubtful).unwrap_or(Fate::Unchanged),
        Err(ActionKind::Deactivate) => deactivate(world, one, &doubtful),
        Err(ActionKind::Create | ActionKind::GrantAdmin | ActionKind::RevokeAdmin) => {
            unreachable!("no world creates accounts or administrators")
        }
    };
    let fates: BTreeMap<_, _> =
        world.accounts.iter().map(|one| (one.localpart, fate(one))).collect();
    let ends_disabled = |one: &Account| match fates[one.localpart] {
        Fate::Disable(_) | Fate::NeedsApproval(_) => Some(true),
        Fate::Activate => Some(false),
        Fate::Unchanged | Fate::Kept(_) | Fate::Skipped(_) | Fate::Deactivate => {
            world.is_disabled(one)
        }
    };
    let changes = |one: &Account| {
        matches!(
            fates[one.localpart],
            Fate::Disable(_) | Fate::NeedsApproval(_) | Fate::Activate | Fate::Deactivate
        )
    };
    let is_mixed_up = |one: &Account| {
        world.mixed_up(one).any(|twin| match fates[one.localpart] {
            Fate::Deactivate => !twin.listed.deactivated && !twin.deactivated_in_mas,
            _ => ends_disabled(twin) != ends_disabled(one),
        })
    };
    let kept = world.accounts.iter().filter(|one| changes(one) && is_mixed_up(one));
    let kept: Vec<_> = kept.map(|one| (one.localpart, Fate::Kept(Why::Ambiguous))).collect();
    fates.into_iter().chain(kept).collect()
}

/// Returns what the lists decide, or else the change that the look has to confirm.
fn by_lists(world: &World, account: &Account) -> Result<Fate, ActionKind> {
    let (by_name, owners) = owners(world, account, false);
    let is_out = !owners.iter().any(|user| world.is_listed(*user));
    if is_out && world.can_be_disabled(account, account.listed) {
        return disable(world, account, false, &BTreeSet::new()).ok_or(ActionKind::Disable);
    }
    let is_anothers = !by_name && world.has_namesake(account);
    if is_out && !is_anothers && world.is_due(account, account.listed, 0) {
        let kept = out(world, account, false, &BTreeSet::new(), Toward::Deactivation);
        return kept.ok_or(ActionKind::Deactivate);
    }
    activation(world, account, false).ok_or(ActionKind::Activate)
}

fn first(reasons: &[(bool, Why)]) -> Option<Fate> {
    reasons.iter().find(|(holds, _)| *holds).map(|(_, why)| Fate::Kept(*why))
}

/// Returns whether just a name decides whose account it is, and the users, before the look or with
/// it.
fn owners(world: &World, account: &Account, looks: bool) -> (bool, Vec<usize>) {
    let (rule, external) = (world.rules.matching, world.external(account));
    let memory = memory(world, account, looks);
    let is_settled = rule == Matching::Auto && world.is_contested(account);
    match account.links.first().filter(|_| rule != Matching::Localpart) {
        _ if account.server == Server::Other => (true, Vec::new()),
        Some(newest) => (false, vec![*newest]),
        None if rule != Matching::Localpart && looks && !external.is_empty() => (false, external),
        None if rule == Matching::Auto && memory.is_some() => (false, memory.into_iter().collect()),
        None if looks => {
            (true, if is_settled { world.claimants(account) } else { world.all_named(account) })
        }
        None => (true, world.claimants(account)),
    }
}

/// Returns the remembered user, unless a remembered name is replaced: its user is gone or has
/// another account.
fn memory(world: &World, account: &Account, looks: bool) -> Option<usize> {
    let (user, tie) = account.remembered().filter(|_| account.links.is_empty())?;
    let mut named = world.members(account);
    let shown = world.shown_by_name(account).filter(|_| looks).unwrap_or_default();
    let shown: Vec<_> = shown.into_iter().filter(|user| world.is_known(*user)).collect();
    let has_shown = !shown.is_empty();
    named.extend(shown);
    // A user that the list still has is only replaced by a name that the look shows.
    let is_replaced = !world.is_member(user) || has_shown;
    let is_gone = looks && !world.is_known(user) && is_replaced;
    let leaves = || is_gone || world.has_tied(account, user) || world.has_named(account, user);
    (tie != Tie::Name || named.is_empty() || world.members(account).contains(&user) || !leaves())
        .then_some(user)
}

/// Returns why a shut account is not activated, by the lists or by the look.
fn activation(world: &World, account: &Account, looks: bool) -> Option<Fate> {
    let (by_name, owners) = owners(world, account, false);
    let (ins, rest): (Vec<usize>, Vec<usize>) =
        owners.iter().partition(|user| world.is_listed(**user));
    let state = if looks { account.now } else { account.listed };
    let is_unclear = by_name && (!rest.is_empty() || world.is_twin(account));
    let now = account.now;
    let is_shut_again = (now.locked && !account.listed.locked)
        || (now.deactivated && !account.listed.deactivated && !account.deactivated_in_mas);
    let is_gone = !ins.is_empty() && !ins.iter().any(|user| world.stays(*user));
    let is_denied = looks && (is_gone || is_shut_again) && !state.erased;
    let is_unclaimed = ins.is_empty() && (by_name || !world.has_namesake(account));
    if !account.is_shut(state) || is_unclaimed || is_denied {
        return first(&[(is_unclear && !ins.is_empty() && !looks, Why::Ambiguous)])
            .or(Some(Fate::Unchanged));
    }
    let ties = world.ties(account, looks);
    let is_barred = !ties.is_empty() && !ins.iter().all(|user| ties.contains(user));
    let found = world.named(account.localpart, |user| looks && user.now != Standing::Gone);
    let is_deactivated = state.deactivated || account.deactivated_in_mas;
    let ours = account.own.filter(|own| match own.mode {
        DisableMode::Lock => !is_deactivated,
        DisableMode::Deactivate => is_deactivated || own.progress != Progress::Done,
    });
    let disabled_at = account.shut_at().filter(|_| looks);
    let is_later = |user: &User| {
        user.now.is_known()
            && user.provider.is_none()
            && disabled_at.is_some_and(|at| user.created > Some(at))
    };
    let is_new =
        |user: &usize| !world.external(account).contains(user) && is_later(&world.users[*user]);
    let is_another = ins.iter().any(|user| is_new(user) || world.has_tied(account, *user));
    let by_hand = ours.is_none()
        && world.rules.disable == DisableMode::Deactivate
        && account.is_only_locked(state);
    first(&[
        (
            account.mas == Mas::Ambiguous
                || is_unclear
                || (by_name && !found.iter().all(|user| world.stays(*user))),
            Why::Ambiguous,
        ),
        (account.mas == Mas::Unknown, Why::NotInMas),
        (state.erased, Why::Erased),
        (ins.is_empty() || is_barred || (by_name && is_another), Why::AnotherPerson),
        (by_hand && world.rules.locked_members == LockedMembers::Keep, Why::LockedByHand),
        (world.rules.reactivate == Reactivate::None, Why::NotOurs),
        (world.rules.reactivate == Reactivate::Own && ours.is_none(), Why::NotOurs),
    ])
}

/// Returns whether look or second list show an owner in the group, against the first list.
fn is_found(world: &World, account: &Account) -> bool {
    let links =
        account.links.iter().copied().filter(|_| world.rules.matching != Matching::Localpart);
    let is_new = |user: &usize| !world.is_member(*user) && !world.has_tied(account, *user);
    let named = world.shown_by_name(account).unwrap_or_default().into_iter().filter(is_new);
    let after =
        world.named(account.localpart, |user| world.reads_again() && world.counts(user.after));
    let returns = |user: &usize| !world.is_listed(*user) && !world.has_tied(account, *user);
    let mut users = owners(world, account, true).1.into_iter().chain(links).chain(named);
    users.any(|user| world.differs(user)) || after.iter().any(returns)
}

/// Returns the outcome of an account that belongs to no member by the lists, or without the look
/// only why it is kept.
fn disable(
    world: &World,
    account: &Account,
    looks: bool,
    doubtful: &BTreeSet<&str>,
) -> Option<Fate> {
    if looks && !world.can_be_disabled(account, account.now) {
        return None;
    }
    out(world, account, looks, doubtful, Toward::Disable)
}

/// Returns the outcome of an account that was locked for long enough by the lists.
fn deactivate(world: &World, account: &Account, doubtful: &BTreeSet<&str>) -> Fate {
    if !world.is_due(account, account.now, account.disabled_at.unwrap_or(0)) {
        return Fate::Unchanged;
    }
    match out(world, account, true, doubtful, Toward::Deactivation) {
        None => Fate::Kept(Why::InGroupAtSecondLook),
        Some(Fate::Disable(_)) => Fate::Deactivate,
        // Nothing says whose account it is: the lock stays, which can be taken back.
        Some(Fate::NeedsApproval(Approval::NeverTied)) => Fate::Unchanged,
        Some(Fate::NeedsApproval(_)) => Fate::Kept(Why::AnotherPerson),
        Some(fate) => fate,
    }
}

/// What is to be done to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toward {
    Disable,
    Deactivation,
}

fn out(
    world: &World,
    account: &Account,
    looks: bool,
    doubtful: &BTreeSet<&str>,
    toward: Toward,
) -> Option<Fate> {
    let (by_name, owners) = owners(world, account, looks);
    let stays = |user: &usize| world.is_listed(*user) && world.now(*user).is_member();
    let ins = owners.iter().filter(|user| stays(user)).count();
    if looks && ins > 0 && ins == owners.len() {
        return None;
    }
    let evidence = world.evidence(account);
    let shown = world.shown_by_name(account);
    let known: Vec<_> = owners.iter().filter_map(|user| world.known(*user)).collect();
    let reason = match known.first() {
        None => Reason::NotInKeycloak,
        Some(user) if user.now == Standing::InDisabled => Reason::DisabledInKeycloak,
        Some(_) => Reason::NotInGroup,
    };
    let is_brief = known
        .iter()
        .any(|user| user.provider.is_some() || (user.locked_out && !user.now.is_enabled()));
    let has_grace = toward == Toward::Disable
        && !account.is_half_shut(world.rules.disable)
        && (reason != Reason::DisabledInKeycloak || is_brief);
    let no_id_decides =
        world.rules.matching == Matching::Localpart || world.external(account).is_empty();
    // Evidence that does not decide protects: an older link, memory, and with names alone all of
    // it.
    let is_spare = |user: &usize| match world.rules.matching {
        Matching::Localpart => true,
        Matching::UpstreamLink => !owners.contains(user) || account.remembers(*user),
        Matching::Auto => {
            (by_name || !owners.contains(user)) && memory(world, account, looks).is_none()
        }
    };
    let is_spared = evidence.iter().any(|user| is_spare(user) && world.shows_member(*user));
    let is_unclear = ins > 0 || (looks && !by_name && account.links.iter().skip(1).any(stays));
    let named = shown.iter().flatten().count();
    let shows_sign = !world.has_owner(account) && named != 1 && world.has_sign(account);
    let (asked, claimants) = (world.asked(account).into_iter(), world.claimants(account));
    let mut asked =
        asked.filter(|user| no_id_decides || evidence.contains(user) || claimants.contains(user));

    let is_doubtful =
        |user: &User| user.provider.is_some_and(|provider| doubtful.contains(provider));
    let in_doubt = asked.any(|user| world.known(user).map_or(!doubtful.is_empty(), is_doubtful));
    let finds_none = no_id_decides && shown.is_some() && named == 0 && !doubtful.is_empty();
    let marks = if looks { &account.marks_now } else { &account.marks };
    let reasons = [
        (account.server == Server::Other, Why::OtherServer),
        (is_unclear || account.mas == Mas::Ambiguous, Why::Ambiguous),
        (marks.contains(&Mark::TokenOwner), Why::TokenOwner),
        (world.is_protected(account), Why::Protected),
        (marks.contains(&Mark::Admin) && world.rules.protects_admins, Why::Admin),
        (marks.contains(&Mark::Bot), Why::Bot),
        (marks.contains(&Mark::Appservice), Why::Appservice),
        (account.mas == Mas::Unknown, Why::NotInMas),
        (is_spared || shows_sign, Why::MayBeMember),
        (in_doubt || finds_none, Why::FederationInDoubt),
        (is_found(world, account), Why::InGroupAtSecondLook),
        (
            reason == Reason::NotInKeycloak && world.rules.unknown == UnknownAccounts::Keep,
            Why::UnknownAccount,
        ),
        (has_grace && world.absence(account) < world.rules.grace, Why::InGrace),
    ];
    let kept = first(if looks { &reasons } else { &reasons[..7] }); // The lists show the marks.
    kept.or(looks.then_some(match reason {
        Reason::NotInKeycloak if world.rules.recall == Recall::Off => Fate::Disable(reason),
        Reason::NotInKeycloak if !world.has_owner(account) && named != 1 => {
            Fate::NeedsApproval(Approval::NeverTied)
        }
        Reason::NotInKeycloak if world.has_namesake(account) => {
            Fate::NeedsApproval(Approval::NameOfMember)
        }
        Reason::NotInKeycloak if account.memory.is_some_and(|(user, _)| world.is_listed(user)) => {
            Fate::NeedsApproval(Approval::MemoryOfMember)
        }
        _ => Fate::Disable(reason),
    }))
}

/// Returns the directories that do not prove that they are up, or that list and look contradict.
fn doubtful(world: &World) -> BTreeSet<&str> {
    let trusts = world.rules.federation == Federation::Trust;
    let leaves = |one: &&Account| {
        let by_lists = by_lists(world, one);
        one.look == Answering::Answers
            && matches!(by_lists, Err(ActionKind::Disable | ActionKind::Deactivate))
    };
    let looked = || world.accounts.iter().filter(leaves);
    let of = |user: usize| world.users[user].provider;
    let shown = |account| {
        world.asked(account).into_iter().filter(|user| world.is_known(*user)).filter_map(of)
    };
    let contradicted: BTreeSet<_> =
        looked().filter(|account| is_found(world, account)).flat_map(shown).collect();
    let members = (0..world.users.len()).filter(|user| world.is_member(*user)).filter_map(of);
    let known = world.providers.as_ref().unwrap_or(&world.remembered_providers).iter().copied();
    let all = known.chain(members).chain(looked().flat_map(shown));
    all.filter(|provider| !trusts && (!world.is_alive(provider) || contradicted.contains(provider)))
        .collect()
}
