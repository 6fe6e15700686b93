//! The planner against a second model of the decision, and laws that every world must satisfy.
//!
//! `MODEL_WORLDS` sets how many random worlds are tried, `MODEL_SEED` the seed of the first.

mod compare;
mod laws;
mod lifecycle;
mod model;
mod runner;
mod servers;
mod shrink;
mod stages;
mod undo;
mod world;
