//! The rule, row by row.
