//! How mas-cli is called: it fails silently on a bad configuration, with an error on a bad name,
//! and each call starts a process.

use std::time::{Duration, Instant};

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{
    NO_LIMITS, PROGRAM, account, everyone, group, mas_cli, program, script, started, the_table,
    write,
};

fn calls(world: &RunningWorld) -> Vec<String> {
    let log = std::fs::read_to_string(world.directory().join("calls")).expect("a log");
    log.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_action_is_two_calls_with_the_name_after_two_dashes() {
    let world = started(the_table().user("-rf").account("-rf").leavers(10, "x")).await;
    let log = world.directory().join("calls");
    let first = format!(
        "config=$1; shift 2; echo \"$config $*\" >> '{}'; set -- --config \"$MAS\" \"$@\"",
        log.display()
    );
    let toml =
        mas_cli(&world, &first.replace("$MAS", &world.mas_cli_config().display().to_string()));
    let limits = "[policy]\nprotect = [\"/x.*/\"]\n".to_owned() + NO_LIMITS;
    program(&world).file(&world, &(toml + &limits)).run("sync").exits(0);
    let expected = [
        "--config manage list-admin-users",
        "--config --version",
        "--config manage unlock-user -- bob",
        "--config manage unlock-user --reactivate -- bob",
        "--config manage lock-user --deactivate -- -rf",
        "--config manage kill-sessions -- -rf",
        "--config manage lock-user --deactivate -- dave",
        "--config manage kill-sessions -- dave",
    ];
    assert_eq!(calls(&world), expected);
    assert_eq!(world.state_of("-rf"), account(true, true));
}

#[tokio::test]
async fn disable_is_two_calls_in_both_modes_and_a_run_two_more_or_three_if_it_locks() {
    // Before it locks, a run checks whether Synapse would show the lock.
    for (mode, of_run) in [("deactivate", 2), ("lock", 3)] {
        let world = started(group().member("alice").account("alice").leavers(10, "x")).await;
        let log = world.directory().join("calls");
        let toml = mas_cli(&world, &format!("echo \"$*\" >> '{}'", log.display()));
        let policy = format!("[policy]\ndisable = \"{mode}\"\n{NO_LIMITS}");
        program(&world).file(&world, &(toml + &policy)).run("sync").exits(0);
        let calls = calls(&world);
        let of = |command: &str| calls.iter().filter(|call| call.contains(command)).count();
        assert_eq!(
            (calls.len(), of("lock-user"), of("kill-sessions")),
            (of_run + 2 * 10, 10, 10),
            "{mode}"
        );
    }
}

#[tokio::test]
async fn failure_is_reported_without_logs_or_backtrace_and_stops_no_other_action() {
    let world = started(the_table().user("dora").account("dora")).await;
    let fails = "case \"$*\" in *'-- dave') \
        echo '2026-11-23T10:31:26Z  INFO mas_cli::commands: looking' >&2; \
        printf 'Error: could not lock\\n\\nCaused by:\\n    0: it is Monday\\n\\nStack backtrace:\\n   0: anyhow::error\\n' >&2; \
        exit 1;; esac";
    let toml = mas_cli(&world, fails) + NO_LIMITS;
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(4);
    let actions = [
        "activate bob in_group done",
        "disable dave not_in_group failed",
        "disable dora not_in_group done",
    ];
    assert_eq!(run.actions(), actions);
    let error = run.json()["actions"][1]["error"].as_str().expect("a text").to_owned();
    assert!(error.ends_with("could not lock; Caused by:; 0: it is Monday"), "{error}");
    assert!(!run.stderr.contains("backtrace"), "{}", run.stderr);
    assert_eq!(
        ["dave", "dora"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true)]
    );
}

#[tokio::test]
async fn equal_failures_are_one_line_with_their_number_and_the_whole_text_of_one() {
    let world = started(group().member("alice").leavers(4, "x").user("dave").account("dave")).await;
    let toml = mas_cli(
        &world,
        "case \"$*\" in *'-- dave') echo 'Error: no space' >&2; exit 1;; *lock-user*) echo 'Error: database down' >&2; exit 1;; esac",
    );
    let run = program(&world).file(&world, &(toml + NO_LIMITS)).run("sync").exits(4);
    let failed: Vec<_> =
        run.stdout.lines().filter(|line| line.starts_with("  failed disable ")).collect();
    let [many, one] = &failed[..] else { unreachable!("{}", run.stdout) };
    assert!(
        many.starts_with("  failed disable 4 accounts (x00000, x00001, x00002, x00003): `"),
        "{many}"
    );
    assert!(many.contains(" -- x00000` failed (exit status: 1): database down"), "{many}");
    assert!(one.starts_with("  failed disable dave: ") && one.ends_with(": no space"), "{one}");
}

#[tokio::test]
async fn run_stops_after_too_many_failures_in_a_row() {
    let world = started(group().member("alice").leavers(4, "x")).await;
    let toml = mas_cli(
        &world,
        "case \"$*\" in *lock-user*) echo 'Error: database down' >&2; exit 1;; esac",
    );
    let limits = NO_LIMITS.to_owned() + "max_consecutive_failures = 2\n";
    let run = program(&world).file(&world, &(toml + &limits)).run("sync --format json").exits(4);
    let outcomes: Vec<_> =
        run.actions().iter().map(|line| line.rsplit(' ').next().map(str::to_owned)).collect();
    assert_eq!(
        outcomes,
        ["failed", "failed", "skipped", "skipped"].map(|word| Some(word.to_owned()))
    );
}

#[tokio::test]
async fn hanging_call_is_ended_in_time() {
    let world = started(the_table()).await;
    let toml =
        mas_cli(&world, "case \"$*\" in *'-- dave') exec sleep 60;; esac") + "timeout = \"5s\"\n";
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(4);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group failed"]);
    let error = run.json()["actions"][1]["error"].to_string();
    assert!(error.contains("did not end within 5s"), "{error}");
}

#[tokio::test]
async fn call_that_takes_too_long_is_ended_with_all_it_started() {
    let world = started(the_table()).await;
    let late = world.directory().join("late");
    let slow = format!(
        "case \"$*\" in *'--deactivate -- dave') (sleep 6; touch '{}');; esac",
        late.display()
    );
    let toml = mas_cli(&world, &slow) + "timeout = \"5s\"\n";
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(4);
    assert!(
        run.json()["actions"][1]["error"].to_string().contains("did not end within 5s"),
        "{}",
        run.stdout
    );
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!late.exists());
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn call_ends_with_its_command_even_if_a_child_keeps_its_output_open() {
    let world = started(the_table()).await;
    let toml = mas_cli(&world, "case \"$*\" in *'lock-user --deactivate -- dave') sleep 20 & esac");
    let begin = Instant::now();
    program(&world).file(&world, &(toml + "timeout = \"10s\"\n")).run("sync").exits(0);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn output_of_a_call_is_read_to_its_end_and_not_kept_whole() {
    let world = started(the_table()).await;
    let peak = world.directory().join("peak");
    let noisy = format!(
        "case \"$*\" in *'lock-user --deactivate -- dave') head -c 200000000 /dev/zero | tee /dev/stderr; \
         grep VmHWM /proc/$PPID/status > '{}'; printf '\\nError: could not lock\\n' >&2; exit 1;; esac",
        peak.display()
    );
    let run =
        program(&world).file(&world, &mas_cli(&world, &noisy)).run("sync --format json").exits(4);
    let error = run.json()["actions"][1]["error"].as_str().expect("a text").to_owned();
    assert!(error.ends_with("could not lock"), "{error}");
    let peak = std::fs::read_to_string(peak).expect("the memory of the run, in kB");
    let peak: u64 = peak.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    assert!(peak < 150_000, "{peak} kB");
}

#[tokio::test]
async fn configuration_is_refused_before_any_request_if_mas_cli_would_ignore_it() {
    let world = started(the_table()).await;
    let missing = world.directory().join("nowhere.yaml");
    let not_yaml = write(&world, "not.yaml", "database:\n  uri: \"postgresql://\n");
    let (empty, a_text) =
        (write(&world, "empty.yaml", ""), write(&world, "text.yaml", "just words\n"));
    let no_database = write(&world, "matrix.yaml", "matrix:\n  homeserver: example.org\n");
    let other =
        write(&world, "other.yaml", "database:\n  uri: a\nmatrix:\n  homeserver: other.test\n");
    for (path, told) in [
        (missing, "cannot read this file"),
        (not_yaml, "not YAML"),
        (empty, "no settings"),
        (a_text, "no settings"),
        (no_database, "no section `database`"),
        (other, "`matrix.homeserver` is other.test, and server_name is example.org"),
    ] {
        let path = path.display().to_string();
        let run = program(&world).env("MAS_CONFIG", &path).run("sync").exits(78);
        run.tells(&["writer.mas_cli.config (MAS_CONFIG)", &path, told, "hint: "]);
    }
    let asked = [world.keycloak.requests(), world.synapse.requests(), world.mas.requests()]
        .map(|all| all.count(""));
    assert_eq!(asked, [0, 0, 0]);
}

#[tokio::test]
async fn name_that_a_shell_would_read_never_reaches_a_command() {
    let names = ["a;reboot", "$(id)", "`id`", "a'b", "a|b", "a>b", "ä"];
    let world = names.iter().fold(group().member("alice").account("alice"), |world, name| {
        world.user(name).account(name)
    });
    let world =
        started(world.user("Dave").account("Dave").user("-x/y=z+1").account("-x/y=z+1")).await;
    let log = world.directory().join("calls");
    let toml = mas_cli(&world, &format!("echo \"$*\" >> '{}'", log.display())) + NO_LIMITS;
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(4);
    let failed =
        |name: &&str| run.actions().contains(&format!("disable {name} not_in_group failed"));
    assert!(names.iter().all(failed), "{:?}", run.actions());
    let done = ["disable -x/y=z+1 not_in_group done", "disable Dave not_in_group done"];
    assert!(
        done.iter().all(|line| run.actions().contains(&(*line).to_owned())),
        "{:?}",
        run.actions()
    );
    let calls = std::fs::read_to_string(&log).expect("calls");
    assert!(!names.iter().any(|name| calls.contains(name)), "{calls}");
}

#[tokio::test]
async fn a_plan_needs_no_mas_cli() {
    let world = started(the_table()).await;
    program(&world).env("MAS_CONFIG", "/nowhere").env("PATH", "/nowhere").run("plan").exits(0);
}

#[tokio::test]
async fn missing_mas_cli_is_an_error_before_the_first_change() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    let run = program(&world).env("PATH", "/nowhere").run("sync").exits(1);
    run.tells(&[
        "cannot run `mas-cli --config ",
        "hint: Install mas-cli on this host",
        "writer.mas_cli.command",
    ]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn wrapper_gets_our_arguments_after_its_own_and_no_configuration() {
    let world = started(the_table()).await;
    let log = world.directory().join("calls");
    let config = world.mas_cli_config().display();
    let wrapper = script(
        &world,
        "docker",
        &format!(
            "echo \"$*\" >> '{}'\nshift 4\nexec '{PROGRAM}' stand-in mas-cli --config '{config}' \"$@\"",
            log.display()
        ),
    );
    let toml = format!(
        "[writer.mas_cli]\nconcurrency = 1\ncommand = [\"{}\", \"exec\", \"-i\", \"mas\", \"mas-cli\"]\n",
        wrapper.display()
    );
    program(&world).without("MAS_CONFIG").file(&world, &toml).run("sync").exits(0);
    let expected = [
        "exec -i mas mas-cli manage list-admin-users",
        "exec -i mas mas-cli --version",
        "exec -i mas mas-cli manage unlock-user -- bob",
    ];
    assert_eq!(calls(&world)[..3], expected);
}

#[tokio::test]
async fn calls_run_with_the_configured_concurrency() {
    for (concurrency, most) in [(1, 1), (2, 2)] {
        let world = started(the_table().leavers(6, "gone")).await;
        let log = world.directory().join("calls");
        let log = log.display();
        let path = script(
            &world,
            "slow-mas-cli",
            &format!(
                "echo + >> '{log}'; sleep 0.1; '{PROGRAM}' stand-in mas-cli \"$@\"; code=$?; echo - >> '{log}'; exit $code"
            ),
        );
        let toml = format!(
            "[writer.mas_cli]\nconcurrency = {concurrency}\ncommand = [\"{}\"]\n",
            path.display()
        );
        program(&world).file(&world, &(toml + NO_LIMITS)).run("sync").exits(0);
        let mut under_way = 0;
        let most_under_way = calls(&world).into_iter().map(|step| {
            under_way += if step == "+" { 1 } else { -1 };
            under_way
        });
        assert_eq!(most_under_way.max(), Some(most));
    }
}
