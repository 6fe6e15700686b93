//! The text of messages, as a room shows it.

use super::*;
use crate::plan::{Digest, DisableMode, WriterKind};
use crate::signals::Coverage;

const ACCOUNTS: &str = "example.org (realm corp)";

fn digest() -> Digest {
    let server = "example.org".into();
    Digest::new(2, &server, WriterKind::MasCli, DisableMode::Lock, std::iter::empty())
}

fn named(what: &'static str, names: &[&str]) -> NamedAccounts {
    NamedAccounts { what, names: names.iter().map(ToString::to_string).collect() }
}

fn numbered(what: &'static str, count: usize) -> NamedAccounts {
    NamedAccounts { what, names: (1..=count).map(|number| format!("u{number}")).collect() }
}

fn next() -> NextStep {
    NextStep::Approve { check: "mks plan".to_owned(), approve: "mks sync --approve 1".to_owned() }
}

fn message(changes: Vec<NamedAccounts>, questions: Vec<Question>, left_out: LeftOut) -> Value {
    let news = News { coverage: Coverage::Whole, run: "1".to_owned(), changes, questions };
    Message::new(ACCOUNTS, &news, &news.questions.iter().collect::<Vec<_>>(), left_out).content()
}

fn plain(changes: Vec<NamedAccounts>, questions: Vec<Question>, left_out: LeftOut) -> String {
    let content = message(changes, questions, left_out);
    content["body"].as_str().expect("a text").to_owned()
}

#[test]
fn changes_have_counts_and_names() {
    let changes = vec![named("activated", &["bob"]), named("disabled", &["dave", "erin"])];
    assert_eq!(
        plain(changes, Vec::new(), LeftOut::default()),
        "Matrix accounts of example.org (realm corp): 1 activated, 2 disabled\n\
         - activated: bob\n\
         - disabled: dave, erin"
    );
}

#[test]
fn a_message_has_at_most_ten_names_and_each_group_has_one() {
    let changes =
        vec![numbered("activated", 12), numbered("disabled", 1038), numbered("deactivated", 1)];
    assert_eq!(
        plain(changes, Vec::new(), LeftOut::default()),
        "Matrix accounts of example.org (realm corp): 12 activated, 1,038 disabled, 1 deactivated\n\
         - activated: u1, u2, u3, u4, u5, u6, u7, u8 and 4 more\n\
         - disabled: u1 and 1,037 more\n\
         - deactivated: u1"
    );
    let accounts = (1..=12).map(|number| format!("u{number}: why")).collect();
    let waiting = Question::Waiting { digest: digest(), accounts, next: next() };
    let text = plain(vec![numbered("disabled", 38)], vec![waiting], LeftOut::default());
    assert_eq!(
        text,
        "Matrix accounts of example.org (realm corp): 38 disabled, 12 accounts wait for an approval\n\
         - disabled: u1, u2, u3, u4, u5, u6, u7, u8, u9, u10 and 28 more\n\
         - and 12 more\n\
         Check it: mks plan\n\
         If it is right: mks sync --approve 1"
    );
}

#[test]
fn a_refusal_says_what_to_run() {
    let refused = |next| Question::Refused {
        digest: digest(),
        reasons: vec!["26 accounts would be disabled:\n      a - b".to_owned()],
        planned: vec![named("to disable", &["dave"])],
        next,
    };
    assert_eq!(
        plain(Vec::new(), vec![refused(next())], LeftOut::default()),
        "Matrix accounts of example.org (realm corp): a plan was refused, nothing was changed\n\
         - 26 accounts would be disabled:\n\
         - a - b\n\
         - to disable: dave\n\
         Check it: mks plan\n\
         If it is right: mks sync --approve 1"
    );
    let text =
        plain(Vec::new(), vec![refused(NextStep::Advice("Raise the limit."))], LeftOut::default());
    assert!(text.ends_with("- to disable: dave\n- Raise the limit."), "{text}");
}

#[test]
fn what_was_left_out_is_counted() {
    let left_out = LeftOut { runs: 3, changes: 1007, refused: 1, waiting: 2, failed: 1 };
    assert_eq!(
        plain(Vec::new(), Vec::new(), left_out),
        "Matrix accounts of example.org (realm corp): more since the last message\n\
         - left out since the last message: 3 runs with 1,007 changes (`history` lists them), 1 refused plan, \
         2 plans that waited for an approval, 1 failure"
    );
}

#[test]
fn html_says_the_same_with_everything_escaped() {
    let failed = Question::Failed {
        line: "<img src=x onerror=\"a\"> & 'b'\u{202e}\n\u{7}".to_owned(),
        hint: None,
    };
    let waiting = Question::Waiting {
        digest: digest(),
        accounts: vec!["ghost: why".to_owned()],
        next: NextStep::Approve { check: "a --config '<x>'".to_owned(), approve: "b".to_owned() },
    };
    let content = message(Vec::new(), vec![failed, waiting], LeftOut::default());
    assert_eq!(
        content,
        json!({
            "msgtype": "m.notice",
            "format": "org.matrix.custom.html",
            "m.mentions": {},
            "body": "Matrix accounts of example.org (realm corp): a run failed, 1 account waits for an approval\n\
                     - <img src=x onerror=\"a\"> & 'b'\\u{202e}\n- \\u{7}\n- ghost: why\n\
                     Check it: a --config '<x>'\nIf it is right: b",
            "formatted_body": "<p><strong>Matrix accounts of example.org (realm corp): a run failed, 1 account waits for an approval\
                               </strong></p><ul><li>&lt;img src=x onerror=&quot;a&quot;&gt; &amp; &#39;b&#39;\\u{202e}</li>\
                               <li>\\u{7}</li><li>ghost: why</li></ul>\
                               <p>Check it: <code>a --config &#39;&lt;x&gt;&#39;</code></p><p>If it is right: <code>b</code></p>",
        })
    );
}

#[test]
fn a_line_has_an_end_however_long_an_error_is() {
    let failed = Question::Failed { line: "é".repeat(100_000), hint: None };
    let text = plain(Vec::new(), vec![failed], LeftOut::default());
    assert!(text.chars().count() < 700 && text.ends_with("é…"), "{}", text.len());
}
