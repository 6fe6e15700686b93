//! Finds the calls of the program in lines of a shell: also behind `sudo`, in a container, in a pipe.

/// A digest in place of the one that a page leaves out.
const A_DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Names under which the program is called, in a container as the name of a service or of an image.
const NAMES: [&str; 3] =
    ["matrix-keycloak-sync", "matrix-keycloak-sync-run", "matrix-keycloak-sync:local"];

/// Returns the calls of the program, each as its words.
pub(crate) fn command_lines(text: &str) -> Vec<Vec<String>> {
    text.replace("\\\n", " ").lines().flat_map(calls).collect()
}

fn calls(line: &str) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    let mut words: Vec<String> = Vec::new();
    // The shell's own syntax ends a call.
    for word in words_of(line).into_iter().chain([";".to_owned()]) {
        let ends = ["|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "}", ")"];
        if ends.contains(&word.as_str()) {
            calls.extend(call(&words));
            words.clear();
        } else {
            words.push(word);
        }
    }
    calls
}

/// Returns the call in the words of a simple command, if there is one.
fn call(words: &[String]) -> Option<Vec<String>> {
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let first = name(words.first()?);
    let before = ["sudo", "docker", "kubectl", "exec", "flock", "env", "timeout", "source"];
    let is_program = |word: &String| NAMES.contains(&name(word).as_str());
    let at = if is_program(&words[0]) {
        0
    } else if first == "cargo" && words.get(1).is_some_and(|word| word == "run") {
        words.iter().position(|word| word == "--")?
    } else if before.contains(&first.as_str()) {
        // The last one: `sudo -u matrix-keycloak-sync matrix-keycloak-sync plan`.
        let call = words.iter().rposition(is_program)?;
        let of_another_program = ["install", "build", "create", "mv", "systemctl"];
        if words[..call].iter().any(|word| of_another_program.contains(&word.as_str())) {
            return None;
        }
        call
    } else {
        return None;
    };
    let mut call = vec!["matrix-keycloak-sync".to_owned()];
    // `matrix-keycloak-sync-run @corp plan`: the wrapper takes the instance for itself.
    let takes_instance = name(&words[at]).ends_with("-run");
    let is_ours = |word: &&String| *word != "--" && !(takes_instance && word.starts_with('@'));
    for word in words[at + 1..].iter().filter(is_ours) {
        let approves = call.last().is_some_and(|last| last == "--approve");
        match word.as_str() {
            _ if approves => call.push(A_DIGEST.to_owned()),
            "…" => {}
            _ => call.push(word.clone()),
        }
    }
    Some(call)
}

/// Returns the words of a line without its comment, as a shell divides it.
fn words_of(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.trim().trim_start_matches("$ ").chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if word.is_empty() => break,
            (';' | '(' | ')' | '&' | '|' | '<' | '>', None) => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                words.push(if c == '(' { ";".to_owned() } else { c.to_string() });
            }
            (c, None) if c.is_whitespace() => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            (c, _) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[test]
fn calls_of_the_program_are_found_in_lines_of_a_shell() {
    let cases = [
        ("matrix-keycloak-sync plan   # prints", "plan"),
        (
            "sudo matrix-keycloak-sync-run sync --approve sha256:…",
            &format!("sync --approve {A_DIGEST}"),
        ),
        ("sudo -u matrix-keycloak-sync matrix-keycloak-sync plan", "plan"),
        ("sudo matrix-keycloak-sync-run @corp plan", "plan"),
        ("docker compose run --rm -T matrix-keycloak-sync doctor", "doctor"),
        ("kubectl -n matrix exec deploy/x -- matrix-keycloak-sync undo 3", "undo 3"),
        ("matrix-keycloak-sync man | man -l -", "man"),
        ("source <(matrix-keycloak-sync completions bash)", "completions bash"),
        ("cargo run -- demo", "demo"),
        ("matrix-keycloak-sync history \\\n    --since 7d", "history --since 7d"),
    ];
    for (line, expected) in cases {
        let found: Vec<_> = command_lines(line).iter().map(|words| words[1..].join(" ")).collect();
        assert_eq!(found, [expected], "{line}");
    }
    for line in [
        "sudo systemctl reload matrix-keycloak-sync",
        "docker build -t matrix-keycloak-sync:local .",
    ] {
        assert!(command_lines(line).is_empty(), "{line}");
    }
}
