//! `match = "upstream-link"`: people of Keycloak who have come apart from the names of their accounts.

use crate::Outcome;
use crate::scene::plot;
use crate::ways::{BY_MAS, Way};

/// Each writer, with Synapse and without.
const WAYS: [Way; 2] = [Way { writer: "mas-cli", source: "mas", synapse: true }, BY_MAS];

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn an_account_belongs_to_whom_mas_has_tied_it_to_whatever_they_are_called_by_now() -> Outcome {
    let people = plot("tied").realm("editUsernameAllowed", true).members("alice bob erin").outsiders("dave");
    let plot = people.accounts("alice bob dave").deactivated("erin");
    plot.by_each(&WAYS, async |way, scene| {
        let settings = scene.settings_by(way);
        scene.tie("alice bob dave erin").await?;
        scene.rename("alice", "alicia").await?;
        scene.rename("dave", "david").await?;
        scene.rename("erin", "erika").await?;
        scene.make_anew("bob").await?;

        let by_name = scene.plan(&settings).await?;
        let misled = [
            "exit 0, 3 members",
            "disable alice, not_in_keycloak",
            "disable dave, not_in_keycloak",
            "no account alicia",
            "no account erika",
        ];
        assert_eq!(by_name, way.with_bot(&misled), "{way:?}");

        let by_tie = scene.sync(&settings.set("accounts.match", "upstream-link")).await?;
        let done = [
            "exit 0, 3 members",
            "disable dave, not_in_group: done",
            "activate erin, in_group: done",
            "no account bob",
            "keep bob, ambiguous",
        ];
        assert_eq!(by_tie, way.with_bot(&done), "{way:?}");
        let stands = ["alice: active", "bob: active", "dave: deactivated, locked", "erin: active"];
        assert_eq!(scene.states_after(way, "alice bob dave erin", &stands).await?, stands, "{way:?}");
        Ok(())
    })
    .await
}
