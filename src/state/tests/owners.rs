//! Owners of accounts are read back.

use super::*;

#[test]
fn an_owner_is_read_back_by_name_by_user_and_with_all_others() {
    let fixture = fixture();
    let state = fixture.open();
    record_owner(&state, "Dave", &owner("be243450-fb1f-4473-a05d-860beb99ac30", Tie::Link));
    record_owner(&state, "erin", &owner("f:ldap:erin", Tie::Name));
    record_owner(&state, "frank", &owner("3", Tie::ExternalId));
    let all = [
        "Dave be243450-fb1f-4473-a05d-860beb99ac30 link",
        "erin f:ldap:erin name",
        "frank 3 external_id",
    ];
    assert_eq!(owners(&state), all);
    let of = |names: &[&str], ids: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| Localpart::from(*name)).collect();
        let ids: Vec<_> = ids.iter().map(|id| KeycloakId::from(*id)).collect();
        let found = state.owners_of(&names, &ids).expect("readable");
        found.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(&["Dave", "frank"], &["3", "f:ldap:erin"]), ["Dave", "erin", "frank"]);
    assert_eq!(of(&["dave", "nobody"], &["4"]), [""; 0]);
}

/// What is remembered of an account that these owners were recorded for, in this order.
fn remembered(recorded: &[Owner]) -> Vec<String> {
    let fixture = fixture();
    let state = fixture.open();
    for owner in recorded {
        record_owner(&state, "dave", owner);
    }
    owners(&state)
}

#[test]
fn a_recorded_owner_replaces_the_one_before() {
    for tie in [Tie::Link, Tie::ExternalId, Tie::Name, Tie::Restored] {
        assert_eq!(remembered(&[owner("1", tie), owner("2", Tie::Link)]), ["dave 2 link"]);
    }
    assert_eq!(remembered(&[owner("1", Tie::Name), owner("2", Tie::Name)]), ["dave 2 name"]);
}

#[test]
fn owners_of_a_file_that_is_older_than_the_last_run_are_marked_for_good() {
    let fixture = fixture();
    let state = fixture.open();
    record_owner(&state, "dave", &owner("1", Tie::Link));
    let count = |before| state.count_run(before, Timestamp::now()).expect("written");
    count(None);
    assert_eq!(owners(&state), ["dave 1 link"]);
    let mut reading = fixture.read().expect("readable").expect("a file");
    reading.compare(Some(5)).expect("readable");
    assert_eq!(owners(&reading), ["dave 1 restored"], "a command that only reads");
    assert_eq!(count(Some(5)).1, Age::Older);
    assert_eq!(count(Some(6)).1, Age::AsExpected);
    assert_eq!(owners(&state), ["dave 1 restored"], "the run after it as well");
    record_owner(&state, "dave", &owner("1", Tie::Name));
    assert_eq!(owners(&state), ["dave 1 name"], "until a reading shows it again");
}

#[test]
fn an_account_of_another_homeserver_has_no_owner_here() {
    let fixture = fixture();
    let state = fixture.open();
    let other = Localpart::from("dave").on(&"other.example".into());
    let presence =
        Presence { owners: vec![(&other, owner("1", Tie::Link))], ..Presence::default() };
    record(&state, &presence, Timestamp::now());
    assert_eq!(owners(&state), [""; 0]);
}

#[test]
fn owners_by_the_thousand_are_found_by_user() {
    let fixture = fixture();
    let state = fixture.open();
    let users: Vec<_> = (0..60_000).map(|number| user(&format!("user{number}"))).collect();
    let owners = users
        .iter()
        .enumerate()
        .map(|(at, user)| (user, owner(&format!("id{at}"), Tie::Name)))
        .collect();
    record(&state, &Presence { owners, ..Presence::default() }, Timestamp::now());
    let found = state.owners_of(&[], &["id59999".into(), "id0".into()]).expect("readable");
    assert_eq!(
        found.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(),
        ["user0", "user59999"]
    );
    assert!(fixture.read().expect("sound").is_some());
}

/// Run it with `--release`, `--ignored` and `--nocapture`.
#[test]
#[ignore = "prints how long a million owners take"]
fn a_million_owners() {
    let fixture = fixture();
    let users: Vec<_> = (0..1_000_000).map(|number| user(&format!("user{number:07}"))).collect();
    let id = |at: usize| {
        uuid::Uuid::from_u128((at as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    };
    let owners = |shift: usize| {
        let owner = |at: usize| owner(&id(at + shift).hyphenated().to_string(), Tie::Name);
        users.iter().enumerate().map(|(at, user)| (user, owner(at))).collect::<Vec<_>>()
    };
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let begin = std::time::Instant::now();
        work();
        println!("{what}: {:.2} s", begin.elapsed().as_secs_f64());
    };
    let state = fixture.open();
    for (what, shift) in [("insert", 0), ("replace all", 1)] {
        let presence = Presence { owners: owners(shift), ..Presence::default() };
        timed(what, &mut || record(&state, &presence, Timestamp::now()));
    }
    let presence =
        Presence { owners: owners(2).into_iter().step_by(100).collect(), ..Presence::default() };
    timed("replace ten thousand", &mut || record(&state, &presence, Timestamp::now()));
    let mut count = 0;
    timed("read all", &mut || state.owners(|_, _| count += 1).expect("readable"));
    assert_eq!(count, 1_000_000);
    let ids: Vec<_> =
        (5..1005).map(|at| KeycloakId::from(id(at).hyphenated().to_string())).collect();
    timed("find a thousand", &mut || drop(state.owners_of(&[], &ids).expect("readable")));
    drop(state);
    println!("{} MB", fixture.path.metadata().expect("a file").len() / 1_000_000);
    timed("open to write", &mut || drop(fixture.open()));
    timed("open to read", &mut || drop(fixture.read().expect("readable")));
}
