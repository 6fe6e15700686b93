//! Turns the description of a world into the state of three servers, without a single request.
//!
//! Otherwise tests with ten thousand accounts would be too slow.

use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::running::{ADMIN, CLIENT, RunningWorld};
use super::{Kind, Membership, World, links, new_account, new_user, roles};
use crate::standins::keycloak::{self, Keycloak, Login, ManagementRoles, RealmClient};
use crate::standins::mas::{self, CompatScope, Email, Mas};
use crate::standins::synapse::{self, Synapse};
use crate::standins::{StandInError, ids, time};

pub(super) fn start(world: &World) -> Result<RunningWorld, StandInError> {
    let [keycloak_at, synapse_at, mas_at] =
        world.ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let secret = SecretString::from(ids::word(25));
    let database_password = ids::word(20);

    let (keycloak_state, accounts) = std::thread::scope(|both| {
        // For millions of rows, either takes seconds.
        let keycloak = both.spawn(|| keycloak_state(world));
        let accounts = accounts(world, &secret, &database_password);
        (keycloak.join(), accounts)
    });
    let keycloak_state =
        keycloak_state.map_err(|_| StandInError::World("it cannot be seeded".to_owned()))??;
    let (mut mas_state, mut synapse_state) = accounts;
    let keycloak = Keycloak::start(keycloak_at, keycloak_state)?;
    links::seed(world, &keycloak, &mut mas_state)?;
    for account in &world.detailed_accounts {
        new_account::put_account(&mut mas_state, &mut synapse_state, account)?;
    }
    let admin_token = add_token_owner(&mut mas_state, &mut synapse_state, &world.token_owner)?;
    let mas = Mas::start(mas_at, mas_state)?;
    synapse_state.settings.mas_url = mas.url();
    let synapse = Synapse::start(synapse_at, synapse_state)?;
    mas.state().settings.synapse_url = synapse.url();

    let directory = tempfile::tempdir()?;
    let mas_cli_config = directory.path().join("mas-cli.yaml");
    let uri = mas.url().replacen("http://", &format!("http://mas:{database_password}@"), 1);
    std::fs::write(
        &mas_cli_config,
        format!(
            "database:\n  uri: \"{uri}/\"\nmatrix:\n  homeserver: {:?}\naccount:\n  account_deactivation_allowed: {}\n",
            world.server_name, world.mas_api.account_deactivation_allowed
        ),
    )?;
    let group = world.groups.first().cloned().unwrap_or_default();
    Ok(RunningWorld {
        keycloak,
        synapse,
        mas,
        server_name: world.server_name.clone(),
        realm: world.realm.clone(),
        group,
        admin_token: SecretString::from(admin_token),
        mas_client: world.mas_api.client(),
        directory,
        mas_cli_config,
    })
}

fn accounts(
    world: &World,
    secret: &SecretString,
    database_password: &str,
) -> (mas::MasState, synapse::SynapseState) {
    let mut mas = mas::MasState::new(mas::MasSettings {
        server_name: world.server_name.clone(),
        job_delay: world.job_delay,
        database_password: Some(SecretString::from(database_password)),
        ..mas::MasSettings::new(secret.clone())
    });
    let mut synapse = synapse::SynapseState::new(synapse::SynapseSettings {
        has_v3: world.synapse_has_v3,
        cache_for: world.introspection_cache,
        ..synapse::SynapseSettings::new(&world.server_name, secret.clone())
    });
    world.mas_api.set_up(&mut mas);
    for (localpart, kind) in &world.accounts {
        add_account(&mut mas, &mut synapse, localpart, kind);
    }
    (mas, synapse)
}

fn keycloak_state(world: &World) -> Result<keycloak::KeycloakState, StandInError> {
    let mut state = keycloak::KeycloakState::default();
    state.old = world.old_keycloak;
    state.lifetimes = world.lifetimes;
    let master = state.add_realm("master");
    master.clients.insert("admin-cli".to_owned(), RealmClient::default());
    let login = Login { password: ADMIN.1.into(), roles: ManagementRoles::admin() };
    master.logins.insert(ADMIN.0.to_owned(), login);

    let roles: Vec<&str> = world.service_roles.iter().map(String::as_str).collect();
    let realm = state.add_realm(&world.realm);
    let client = RealmClient {
        secret: Some(CLIENT.1.into()),
        service_account: Some(ManagementRoles::from_names(&roles)),
        ..RealmClient::default()
    };
    realm.clients.insert(CLIENT.0.to_owned(), client);
    realm.silently(|realm| add_people(realm, world))?;
    Ok(state)
}

fn add_people(realm: &mut keycloak::Realm, world: &World) -> Result<(), StandInError> {
    realm.add_role("realm-management:manage-users");
    realm.add_role("realm-management:realm-admin");
    realm.add_to_composite("realm-management:realm-admin", "realm-management:manage-users");
    for path in &world.groups {
        realm.add_group(path);
    }
    for (parent, name) in &world.named_groups {
        realm.add_group_named(parent, name);
    }
    let created = new_user::a_year_ago();
    for person in &world.people {
        let user = realm.add_user(&person.name);
        user.first_name = Some(capitalised(&user.username));
        user.last_name = Some("Test".to_owned());
        user.email = Some(format!("{}@{}", user.username, world.server_name));
        user.email_verified = true;
        user.enabled = person.enabled;
        user.created = created;
        let path = match &person.group {
            None => continue,
            Some(Membership::At(path)) => path,
            Some(Membership::First) => world
                .groups
                .first()
                .ok_or_else(|| StandInError::World("a member, but no group".to_owned()))?,
        };
        if realm.group_by_path(path).is_none() {
            realm.add_group(path);
        }
        realm.join(&person.name, path);
    }
    let group = world.groups.first().map_or("", String::as_str);
    world.users.iter().try_for_each(|user| new_user::put_user(realm, user, group))?;
    world.roles.iter().for_each(|role| roles::add(realm, role));
    Ok(())
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn add_account(
    mas: &mut mas::MasState,
    synapse: &mut synapse::SynapseState,
    localpart: &str,
    kind: &Kind,
) {
    let email = format!("{localpart}@{}", synapse.settings.server_name);
    let room = synapse.lobby();
    let (locked, deactivated) = match kind {
        Kind::Disabled => (true, true),
        Kind::Locked => (true, false),
        Kind::Deactivated | Kind::Erased => (false, true),
        _ => (false, false),
    };
    let account = synapse.add_account(localpart);
    account.locked = locked;
    account.deactivated = deactivated;
    account.erased = matches!(kind, Kind::Erased);
    account.admin = matches!(kind, Kind::Admin);
    account.guest = matches!(kind, Kind::Guest);
    match kind {
        Kind::Bridge(appservice) => account.appservice_id = Some(appservice.clone()),
        Kind::Bot => account.user_type = Some("bot".to_owned()),
        _ => {
            account.displayname = (!account.erased).then(|| capitalised(localpart));
            if !deactivated {
                account.emails.insert(email.clone(), time::now_ms());
                account.rooms.insert(room);
            }
            if matches!(kind, Kind::SynapseOnly) {
                return;
            }
            let user = mas.add_user(localpart);
            user.admin = account.admin;
            user.legacy_guest = account.guest;
            user.locked_at = locked.then(time::now_rfc3339);
            user.deactivated_at = deactivated.then(time::now_rfc3339);
            if !deactivated {
                let email = Email::new(&user.id, &email);
                mas.add_email(email);
            }
        }
    }
}

fn add_token_owner(
    mas: &mut mas::MasState,
    synapse: &mut synapse::SynapseState,
    localpart: &str,
) -> Result<String, StandInError> {
    if mas.user(localpart).is_none() {
        add_account(mas, synapse, localpart, &Kind::Active);
    }
    let device = ids::word(10);
    synapse.add_account(localpart).devices.insert(device.clone());
    mas.add_session(localpart, &device, CompatScope::SynapseAdmin)
        .ok_or_else(|| StandInError::World(format!("{localpart} cannot own a token")))
}
