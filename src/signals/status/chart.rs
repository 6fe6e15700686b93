//! Draws members and accounts over time: the lines as SVG, the words around them as HTML.

use std::fmt::Write as _;

use serde::Serialize;

use super::ReadCounts;
use crate::model::Timestamp;

/// The size of the drawing, which is stretched to the place there is.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 160.0;

/// A chart. It needs two readings at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) drawing: Drawing,
    /// The highest value of the axis, which begins at 0.
    pub(super) top: usize,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Drawing {
    width: String,
    height: String,
    /// Points of a polyline.
    members_line: String,
    accounts_line: String,
    /// The chart in words.
    description: String,
}

impl Chart {
    /// Draws readings, oldest first.
    pub(super) fn of(readings: &[ReadCounts]) -> Option<Self> {
        let ([first, ..], [.., last]) = (readings, readings) else { return None };
        if first.at >= last.at {
            return None;
        }
        let highest = readings.iter().map(|reading| reading.members.max(reading.accounts)).max();
        let top = round_up(highest.unwrap_or_default());
        let line = |value: fn(&ReadCounts) -> usize| points(readings, value, top);
        let drawing = Drawing {
            width: WIDTH.to_string(),
            height: HEIGHT.to_string(),
            members_line: line(|reading| reading.members),
            accounts_line: line(|reading| reading.accounts),
            description: format!(
                "From {} to {}: members from {} to {}, accounts from {} to {}.",
                first.at, last.at, first.members, last.members, first.accounts, last.accounts
            ),
        };
        Some(Self { drawing, top, from: first.at, to: last.at })
    }
}

/// Returns an even round number that is at least this.
fn round_up(value: usize) -> usize {
    let mut step = 1;
    while value > step * 10 {
        step *= 10;
    }
    let steps = value.div_ceil(step).max(2);
    (steps + steps % 2) * step
}

#[expect(clippy::cast_precision_loss, reason = "the drawing has 600 dots")]
fn points(readings: &[ReadCounts], value: fn(&ReadCounts) -> usize, top: usize) -> String {
    let at = |reading: &ReadCounts| reading.at.as_millis() as f64;
    let (first, last) = (readings.first().map_or(0.0, at), readings.last().map_or(1.0, at));
    let mut points = String::new();
    for reading in readings {
        let x = (at(reading) - first) / (last - first) * WIDTH;
        let y = HEIGHT - value(reading) as f64 / top as f64 * HEIGHT;
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    points.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(seconds: i64, members: usize, accounts: usize) -> ReadCounts {
        ReadCounts { at: Timestamp::from_millis(seconds * 1000), members, accounts }
    }

    #[test]
    fn two_readings_make_a_chart_over_their_time_from_zero() {
        assert_eq!(Chart::of(&[]), None);
        assert_eq!(Chart::of(&[reading(0, 1, 1)]), None);
        let chart = [reading(0, 4, 8), reading(30, 5, 8), reading(60, 0, 4)];
        let chart = Chart::of(&chart).expect("three readings");
        assert_eq!(chart.drawing.members_line, "0.0,80.0 300.0,60.0 600.0,160.0");
        assert_eq!(chart.drawing.accounts_line, "0.0,0.0 300.0,0.0 600.0,80.0");
        assert_eq!(chart.top, 8);
    }

    #[test]
    fn axis_ends_at_an_even_round_number() {
        for (value, top) in [(0, 2), (1, 2), (3, 4), (9, 10), (10, 10), (11, 20), (95, 100)] {
            assert_eq!(round_up(value), top, "{value}");
        }
        assert_eq!([1311, 99_999, 100_001].map(round_up), [2000, 100_000, 200_000]);
    }
}
