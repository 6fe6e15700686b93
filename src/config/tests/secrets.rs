//! Tests the ways to give a secret, and that none is ever shown.

use super::*;

fn admin_token(config: &Config) -> &str {
    config.synapse.as_ref().expect("[synapse] is there").admin_token.expose_secret()
}

#[test]
fn a_secret_can_be_given_as_a_file_whose_last_newline_is_not_part_of_it() {
    let secret = file("from-a-file\n");
    let path = secret.path().display().to_string();
    let text = example_with("admin_token = \"change me\"", &format!("admin_token_file = {path:?}"));
    let config = load_with(&text, &[]).expect("loads");
    assert_eq!(admin_token(&config), "from-a-file");
    let config =
        load_with(EXAMPLE, &[("MATRIX_ADMIN_TOKEN_FILE", &path)]).expect("the environment wins");
    assert_eq!(admin_token(&config), "from-a-file");
}

#[test]
fn both_forms_of_a_secret_in_one_place_are_an_error() {
    let text = example_with(
        "admin_token = \"change me\"",
        "admin_token = \"x\"\nadmin_token_file = \"/x\"",
    );
    assert!(problems(&text, &[])[0].contains("given twice"));
    let both = [("MATRIX_ADMIN_TOKEN", "x"), ("MATRIX_ADMIN_TOKEN_FILE", "/x")];
    assert!(problems(EXAMPLE, &both)[0].contains("given twice"));
}

#[test]
fn a_problem_with_a_secret_does_not_show_it() {
    for text in [
        example_with("admin_token = \"change me\"", "admin_token = 4711"),
        example_with("admin_token = \"change me\"", "admin_token = \"4711"),
        example_with("admin_token = \"change me\"", "admin_token = [\"4711\"]"),
        example_with(
            "url = \"https://sso.example.org\"",
            "url = \"https://me:4711@sso.example.org\"",
        ),
        example_with("url = \"https://sso.example.org\"", "url = \"me:4711@sso.example.org\""),
    ] {
        let told = load_with(&text, &[]).expect_err("a mistake").to_string();
        assert!(!told.contains("4711"), "{told}");
    }
}

#[test]
fn a_secret_put_where_its_file_belongs_is_not_shown() {
    let told = problems(EXAMPLE, &[("KC_CLIENT_SECRET_FILE", "/aB3/xyz+4711==")]);
    assert!(
        told.len() == 1 && told[0].contains("KC_CLIENT_SECRET_FILE") && !told[0].contains("4711"),
        "{told:?}"
    );
}
