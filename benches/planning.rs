//! How long the planner takes on one core for as many accounts as members, nearly all of them
//! unchanged, and whether the time grows in proportion: `cargo bench --bench planning`. Times per
//! item are those of one member and one account.

use divan::Bencher;
use divan::counter::ItemsCount;
use matrix_keycloak_sync::model::{Account, Localpart, Member, ServerName, Signs};
use matrix_keycloak_sync::planner::{Draft, Facts, Policy, Rechecks};

/// One member in this number is outside the group.
const LEAVERS: usize = 10_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 11, sample_size = 1)]
fn plan(bencher: Bencher<'_, '_>, size: usize) {
    let (facts, policy) = (facts(size), Policy::default());
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let draft = Draft::new(&facts, &policy);
        // Every second look fails; the rest of the plan is complete.
        draft.decide(&Rechecks::TooMany { aside: std::collections::BTreeMap::new() })
    });
}

fn facts(size: usize) -> Facts {
    let server_name = ServerName::from("example.org");
    let name = |number: usize| Localpart::from(format!("firstname.lastname{number}"));
    let member = |number: usize| Member {
        id: format!("{number:08x}-1111-4111-8111-{number:012x}").into(),
        localpart: Some(name(number)),
        enabled: true,
        federation_link: number.is_multiple_of(2).then(|| arcstr::literal!("a-directory")),
        signs: Signs::default(),
    };
    let account = |number: usize| Account::active(name(number).on(&server_name));
    Facts {
        members: (0..size).filter(|number| !number.is_multiple_of(LEAVERS)).map(member).collect(),
        // Each server lists users in its own order.
        accounts: (0..size).rev().map(account).collect(),
        providers: Some(vec!["a-directory".into()]),
        ..Facts::empty(server_name.clone())
    }
}
