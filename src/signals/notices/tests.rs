//! When the room gets a message.

use super::*;
use crate::signals::NamedAccounts;

const INTERVAL: Duration = Duration::from_mins(15);

fn notices() -> Notices {
    let (accounts, memory) = ("example.org".to_owned(), NoticeMemory::default());
    Notices { accounts, interval: INTERVAL, memory, is_written_down: true }
}

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000).after(Duration::from_mins(minutes))
}

fn news(coverage: Coverage, names: &[&str], questions: Vec<Question>) -> News {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let changes =
        if names.is_empty() { Vec::new() } else { vec![NamedAccounts { what: "disabled", names }] };
    News { coverage, run: "7".to_owned(), changes, questions }
}

fn done(names: &[&str]) -> News {
    news(Coverage::Whole, names, Vec::new())
}

fn not_done(name: &str) -> Question {
    Question::NotDone(vec![NamedAccounts { what: "failed", names: vec![name.to_owned()] }])
}

fn failed() -> News {
    News::failed("Keycloak: no connection".to_owned(), None)
}

/// What the room gets, in one line.
fn shown(due: &Due) -> String {
    match due {
        Due::Nothing => "nothing".to_owned(),
        Due::Later => "later".to_owned(),
        Due::Now(notice) => {
            let content = notice.message.content();
            let body = content["body"].as_str().unwrap_or_default();
            body.trim_start_matches("Matrix accounts of example.org: ").replace("\n- ", " | ")
        }
    }
}

/// Ends of runs one after the other, with the minute of each, and what the room gets.
fn follows(steps: &[(u64, News, &str)]) {
    let mut notices = notices();
    for (number, (minute, news, expected)) in steps.iter().enumerate() {
        assert_eq!(shown(&notices.take(news, at(*minute))), *expected, "step {number}");
    }
}

#[test]
fn a_run_that_changes_nothing_is_no_news() {
    follows(&[(0, done(&[]), "nothing"), (15, done(&[]), "nothing")]);
}

#[test]
fn one_message_an_interval_and_the_next_one_counts_the_rest() {
    follows(&[
        (0, done(&["a"]), "1 disabled | disabled: a"),
        (1, done(&["b", "c"]), "later"),
        (2, news(Coverage::Part, &["d"], Vec::new()), "later"),
        (
            15,
            done(&["e"]),
            "1 disabled | disabled: e | left out since the last message: 2 runs with 3 changes (`history` lists them)",
        ),
        (16, done(&["f"]), "later"),
        // Without news of its own.
        (
            30,
            done(&[]),
            "more since the last message | left out since the last message: 1 run with 1 change (`history` lists them)",
        ),
        (60, done(&[]), "nothing"),
    ]);
}

#[test]
fn runs_that_are_nearly_an_interval_apart_have_a_message_each() {
    follows(&[
        (0, done(&["a"]), "1 disabled | disabled: a"),
        (14, done(&["b"]), "1 disabled | disabled: b"),
        (27, done(&["c"]), "later"),
    ]);
}

#[test]
fn a_question_is_asked_once_until_it_is_answered() {
    let open = || news(Coverage::Whole, &[], vec![not_done("x")]);
    let asked = "1 failed | failed: x | The log has the reasons. The next run tries again.";
    follows(&[
        (0, open(), asked),
        (15, open(), "nothing"),
        // A run about a few accounts answers nothing.
        (30, news(Coverage::Part, &[], Vec::new()), "nothing"),
        (45, open(), "nothing"),
        (60, done(&[]), "nothing"),
        (75, open(), asked),
    ]);
}

#[test]
fn question_that_was_left_out_is_asked_in_full_if_it_is_still_open_and_else_counted() {
    let open = |name| news(Coverage::Whole, &[], vec![not_done(name)]);
    let asked = "1 failed | failed: x | The log has the reasons. The next run tries again.";
    follows(&[
        (0, done(&["a"]), "1 disabled | disabled: a"),
        (1, open("x"), "later"),
        (2, open("x"), "later"),
        (15, open("x"), asked),
        (16, open("y"), "later"),
        (17, done(&[]), "nothing"),
        (30, done(&[]), "more since the last message | left out since the last message: 1 failure"),
    ]);
}

#[test]
fn a_failure_is_reported_once_until_a_full_run_works() {
    let line = "a run failed | Keycloak: no connection";
    follows(&[
        (0, failed(), line),
        (15, failed(), "nothing"),
        (16, news(Coverage::Part, &[], Vec::new()), "nothing"),
        (30, failed(), "nothing"),
        (31, done(&[]), "nothing"),
        (45, failed(), line),
    ]);
}

#[test]
fn message_that_was_not_sent_is_left_out_and_its_questions_are_asked_again() {
    let mut notices = notices();
    let run = || news(Coverage::Whole, &["a"], vec![not_done("x")]);
    let Due::Now(Notice { unsent, .. }) = notices.take(&run(), at(0)) else {
        unreachable!("it is the first")
    };
    notices.not_sent(unsent);
    assert_eq!(notices.take(&run(), at(1)), Due::Later, "not before the interval is over");
    let open = news(Coverage::Whole, &[], vec![not_done("x")]);
    assert_eq!(
        shown(&notices.take(&open, at(15))),
        "1 failed | failed: x | The log has the reasons. The next run tries again. | \
         left out since the last message: 2 runs with 2 changes (`history` lists them)"
    );
}

#[test]
fn transaction_is_the_same_for_the_same_run_and_text_only() {
    let transaction = |news: &News| match notices().take(news, at(0)) {
        Due::Now(notice) => notice.transaction,
        other => unreachable!("{other:?}"),
    };
    let (one, other) = (done(&["a"]), done(&["b"]));
    let later = News { run: "8".to_owned(), ..done(&["a"]) };
    assert_eq!(transaction(&one), transaction(&done(&["a"])));
    assert!(transaction(&one) != transaction(&other) && transaction(&one) != transaction(&later));
    assert!(transaction(&one).bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
}

#[test]
fn clock_that_was_wrong_does_not_silence_the_room() {
    let mut notices = notices();
    notices.memory.sent = Some(at(100_000));
    assert_ne!(notices.take(&done(&["a"]), at(0)), Due::Later);
}

#[test]
fn another_room_has_heard_of_nothing() {
    let mut notices = notices();
    notices.are_for("!ops:example.org");
    let open = || news(Coverage::Whole, &[], vec![not_done("x")]);
    assert!(matches!(notices.take(&open(), at(0)), Due::Now(_)));
    notices.are_for("!ops:example.org");
    assert_eq!(notices.take(&open(), at(15)), Due::Nothing);
    notices.are_for("!new:example.org");
    assert!(matches!(notices.take(&open(), at(16)), Due::Now(_)));
}
