//! What `config show` prints is itself a configuration.

use super::*;

const HOME: (&str, &str) = ("HOME", "/home/me");

fn variables(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    NINE.iter().chain(more).copied().chain([HOME, ("XDG_STATE_HOME", "/xdg")]).collect()
}

/// Returns a configuration, and what is shown of it.
fn loaded(text: &str, variables: &[(&str, &str)]) -> (Config, String) {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let file = file(text);
    let env = |name: &str| variables.get(name).map(ToString::to_string);
    let loaded = load(Some(file.path()), &env).expect(text);
    (loaded.config, as_toml(&loaded.shown))
}

#[test]
fn shown_configuration_is_accepted_and_gives_the_same_values() {
    let wrapper = "[writer.mas_cli]\ncommand = [\"ssh\", \"mas\", \"mas-cli\"]\n";
    let mas = mas_api(|text| text.replace("client_secret = \"x\"", "client_secret = \"…\""));
    let files = [("MAS_CONFIG", "/a.yaml:/b.yaml")];
    for (text, variables) in [
        ("", variables(&[])),
        ("", variables(&files)),
        (wrapper, variables(&[])),
        ("state_file = \"off\"\n", variables(&[])),
        (EXAMPLE, vec![HOME]),
        (&mas, vec![HOME]),
    ] {
        let (mut config, shown) = loaded(text, &variables);
        let (mut again, _) = loaded(&shown, &[]);
        assert_eq!(config.state_file.path(), again.state_file.path(), "{shown}");
        for config in [&mut config, &mut again] {
            config.state_file = StateFile::Off;
            if let WriterKindConfig::MasCli(mas_cli) = &mut config.writer.kind {
                // Arguments may be secrets.
                mas_cli.arguments.clear();
            }
            config.policy.mas_cli.clear();
        }
        assert_eq!(format!("{config:#?}"), format!("{again:#?}"), "{shown}");
    }
}

#[test]
fn default_place_of_the_state_file_is_shown() {
    let (_, shown) = loaded("", &variables(&[]));
    let line = "state_file = \"/xdg/matrix-keycloak-sync/corp@example.org.db\"   # default\n";
    assert!(shown.contains(line), "{shown}");
}

#[test]
fn realm_of_a_user_is_shown_only_if_there_is_one() {
    let (_, of_a_user) = loaded("", &variables(&[]));
    assert!(of_a_user.contains("auth_realm = \"master\"   # default"), "{of_a_user}");
    let (_, of_a_client) = loaded(EXAMPLE, &[HOME]);
    assert!(!of_a_client.contains("auth_realm"), "{of_a_client}");
}
