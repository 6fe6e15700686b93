//! How each case should end, compared with how it did.

use std::collections::BTreeMap;

use super::cell::{LIFECYCLE, MOMENTS, Moment, SERVERS, Server, Trouble};

/// The printed table. `1|4` is one or the other: several accounts are rechecked at the same time,
/// and it is random which come before the fault. In the same way, two pages of members are
/// requested at a time, and the change comes before either of them.
const TABLE: &str = include_str!("expected.txt");
/// The table of [`LIFECYCLE`].
const LIFECYCLE_TABLE: &str = include_str!("expected_lifecycle.txt");

/// The moments of the tables, and how their cases should end.
pub(super) const TABLES: [(&[Moment], &str); 2] =
    [(&MOMENTS, TABLE), (&LIFECYCLE, LIFECYCLE_TABLE)];

/// The entry of a cell that was left out.
pub(super) const NOT_RUN: &str = "·";

/// The meaning of the cells.
pub(super) const LEGEND: &str = "
exit codes, of both ways if they differ; with 0 every account is in the right state, unless marked
~ in step with what the server showed: an account that it did not show is left to the next run
· left out, see FAULT_STEP
";

/// Returns the lines of a table with a cell that is not as expected. Only if one cell of `step` is
/// run, a cell may be left out.
pub(super) fn differences(
    table: &BTreeMap<(Server, Trouble), Vec<String>>,
    expected: &str,
    step: usize,
) -> Vec<String> {
    let mut lines = expected.lines().skip(1);
    let mut wrong = Vec::new();
    for server in SERVERS {
        assert_eq!(lines.next(), Some(&*server.to_string()), "expected.txt");
        for &trouble in server.troubles() {
            let line = lines.next().unwrap_or_default();
            let cells = line.trim_start().strip_prefix(&trouble.to_string()).unwrap_or_default();
            let expected: Vec<_> = cells.split_whitespace().collect();
            let found = &table[&(server, trouble)];
            let fits =
                |(one, other): (&&str, &String)| step > 1 && other == NOT_RUN || fits(one, other);
            if expected.len() != found.len() || !expected.iter().zip(found).all(fits) {
                wrong.push(format!("{server}: expected {line:?}, found {found:?}"));
            }
        }
    }
    wrong
}

/// Returns whether a cell is as expected. If ways differ at random, each has to be a possible one.
fn fits(expected: &str, found: &str) -> bool {
    let ways: Vec<_> = expected.split('/').collect();
    let found: Vec<_> = found.split('/').collect();
    let of_way =
        |words: &[&str], way: usize| words.get(way).or(words.first()).map(|&word| word.to_owned());
    (0..ways.len().max(found.len())).all(|way| {
        let possible = of_way(&ways, way).unwrap_or_default();
        of_way(&found, way).is_some_and(|word| possible.split('|').any(|one| one == word))
    })
}

#[test]
fn cell_matches_only_expected_outcomes() {
    for (expected, found, is_fit) in [
        ("1", "1", true),
        ("1", "4", false),
        ("0", "0~", false),
        ("1|4", "4", true),
        ("1|4", "1/4", true),
        ("1|4", "0", false),
        ("1|4", "1/0", false),
        ("0/4", "0/4", true),
        ("0/4", "0", false),
        ("0/4", "4/0", false),
        ("0", "0/4", false),
        ("—", "1", false),
    ] {
        assert_eq!(fits(expected, found), is_fit, "{expected} {found}");
    }
}
