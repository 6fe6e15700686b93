//! How each case ends, and the comparison with how it did.

use std::collections::BTreeMap;

use super::cell::{SERVERS, Server, Trouble};

/// The table, as it is printed. `1|4` is one or the other: several people are looked at at the same time, and it is
/// chance who was before the fault; two pages of members are under way at a time, and it is chance before which a change is.
const TABLE: &str = include_str!("expected.txt");

/// What stands in the cells.
pub(super) const LEGEND: &str = "
exit codes, of two ways where they differ; 0 and everyone is where they belong, unless marked
~ in step with what the server showed: somebody it did not show is left to the next run
";

/// The cells that are not as expected, one a line.
pub(super) fn differences(table: &BTreeMap<(Server, Trouble), Vec<String>>) -> Vec<String> {
    let mut lines = TABLE.lines().skip(1);
    let mut wrong = Vec::new();
    for server in SERVERS {
        assert_eq!(lines.next(), Some(&*server.to_string()), "expected.txt");
        for &trouble in server.troubles() {
            let line = lines.next().unwrap_or_default();
            let cells = line.trim_start().strip_prefix(&trouble.to_string()).unwrap_or_default();
            let expected: Vec<_> = cells.split_whitespace().collect();
            let found = &table[&(server, trouble)];
            if expected.len() != found.len() || !expected.iter().zip(found).all(|(one, other)| fits(one, other)) {
                wrong.push(format!("{server}: expected {line:?}, found {found:?}"));
            }
        }
    }
    wrong
}

/// Whether a cell is as expected. Where two ways differ by chance, each has to be one of the possible.
fn fits(expected: &str, found: &str) -> bool {
    let ways: Vec<_> = expected.split('/').collect();
    let found: Vec<_> = found.split('/').collect();
    let of_way = |words: &[&str], way: usize| words.get(way).or(words.first()).map(|&word| word.to_owned());
    (0..ways.len().max(found.len())).all(|way| {
        let possible = of_way(&ways, way).unwrap_or_default();
        of_way(&found, way).is_some_and(|word| possible.split('|').any(|one| one == word))
    })
}

#[test]
fn a_cell_fits_only_what_is_expected_of_it() {
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
