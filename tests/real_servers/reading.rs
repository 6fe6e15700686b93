//! Long lists: more members than a page, a list that changes, a token that expires on the way.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::Outcome;
use crate::relay::Relay;
use crate::scene::{GROUP, plot};

/// `m00000 m00001 …`, in the order in which Keycloak lists them.
fn crowd(count: usize) -> String {
    (0..count).map(|n| format!("m{n:05}")).collect::<Vec<_>>().join(" ")
}

/// The lines about these members if only the registered ones have accounts.
fn without_accounts(count: usize, registered: &str) -> Vec<String> {
    let registered: HashSet<_> = registered.split_whitespace().collect();
    let names = crowd(count);
    let unregistered = names.split_whitespace().filter(|name| !registered.contains(name));
    unregistered.map(|name| format!("no account {name}")).collect()
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn all_of_a_group_of_250_are_seen() -> Outcome {
    let registered = "m00000 m00099 m00100 m00101 m00199 m00200 m00249";
    let scene = plot("many").members(&crowd(250)).accounts(registered).open().await?;
    let mut expected = vec!["exit 0, 250 members".to_owned()];
    expected.extend(without_accounts(250, registered));
    expected.push("keep bot, token_owner".to_owned());
    assert_eq!(scene.plan(&scene.settings()).await?, expected);
    Ok(())
}

/// More than fit on the largest page that a reader would request.
const CROWD: usize = 5_300;

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn no_member_is_missed_if_others_leave_while_pages_are_read() -> Outcome {
    let stayers = "m01000 m02000 m03000 m04000 m04999 m05000 m05001 m05299";
    let scene = plot("moving").members(&crowd(CROWD)).accounts(stayers).open().await?;
    let (keycloak, realm, first) =
        (scene.servers.keycloak.clone(), scene.realm().to_owned(), scene.full("m"));
    let left = Arc::new(AtomicUsize::new(0));
    let (counter, failed) = (left.clone(), Arc::new(AtomicBool::new(false)));
    let failure = failed.clone();
    let relay = Relay::start(&scene.servers.keycloak.url, move |page| {
        let (keycloak, realm, first) = (keycloak.clone(), realm.clone(), first.clone());
        let (counter, failure) = (counter.clone(), failure.clone());
        async move {
            if page > 1 {
                let leaver = format!("{first}{:05}", counter.fetch_add(1, Ordering::SeqCst));
                let gone = keycloak.leave(&realm, &leaver, &format!("/{GROUP}")).await;
                failure.fetch_or(gone.is_err(), Ordering::SeqCst);
            }
        }
    });
    let relay = relay.await?;
    let lines = scene.plan(&scene.settings().set("keycloak.url", &*relay.url)).await?;
    let left = left.load(Ordering::SeqCst);
    assert!(
        left > 0 && !failed.load(Ordering::SeqCst),
        "{left} left, between {:?}",
        relay.seen("/members")
    );
    assert!(
        !relay.seen("/members")[0].contains(&format!("max={CROWD}")),
        "the first page has all members"
    );
    let all = without_accounts(CROWD, stayers);
    let seen: HashSet<_> = lines.iter().collect();
    let missed: Vec<_> = all[left..].iter().filter(|line| !seen.contains(line)).collect();
    assert_eq!(missed, Vec::<&String>::new());
    let others: Vec<_> =
        lines.iter().skip(1).filter(|line| !line.starts_with("no account ")).collect();
    assert_eq!(others, ["keep bot, token_owner"], "no staying member is to be disabled");
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn no_staying_member_is_disabled_while_others_come_and_go() -> Outcome {
    let stayers = "m00099 m00100 m00101 m00249";
    let scene = plot("churn").members(&crowd(250)).accounts(stayers).open().await?;
    let settings = scene.settings();
    let come_and_go = async {
        loop {
            for name in ["m00000", "m00001", "m00002"] {
                scene.leave(name).await?;
            }
            for name in ["m00002", "m00000", "m00001"] {
                scene.join(name).await?;
            }
        }
    };
    let plan_again_and_again = async {
        for _ in 0..10 {
            let lines = scene.plan(&settings).await?;
            let others: Vec<_> =
                lines.iter().skip(1).filter(|line| !line.starts_with("no account ")).collect();
            assert_eq!(others, ["keep bot, token_owner"]);
        }
        Ok(())
    };
    tokio::select! { ended = come_and_go => ended, ended = plan_again_and_again => ended }
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn list_is_read_to_its_end_if_the_token_expires_on_the_way() -> Outcome {
    let registered = "m00000 m00249";
    let plot =
        plot("brief").realm("accessTokenLifespan", json!(2)).members(&crowd(250)).outsiders("dave");
    let scene = plot.accounts(registered).accounts("dave").open().await?;
    // The first two are requested at the same time; the third shows the end of the list.
    let dies_on_the_way = |page| sleep(Duration::from_secs(if page == 3 { 3 } else { 0 }));
    let relay = Relay::start(&scene.servers.keycloak.url, dies_on_the_way).await?;
    let lines = scene.sync(&scene.settings().set("keycloak.url", &*relay.url)).await?;
    let mut expected =
        vec!["exit 0, 250 members".to_owned(), "disable dave, not_in_group: done".to_owned()];
    expected.extend(without_accounts(250, registered));
    expected.push("keep bot, token_owner".to_owned());
    assert_eq!(lines, expected);
    let (logins, pages) = (relay.seen("/token").len(), relay.seen("/members").len());
    assert!(logins > 1 && pages > 3, "the token did not die: {logins} logins, {pages} pages");
    Ok(())
}
