//! The house's checks on its own source, so that taste and directions are tests and not reviews.
//!
//! Every check is a pure function from a [`tree::Tree`] to a list of [`Violation`]s; only
//! `tree` and the question to cargo touch the machine. Nothing here may depend on another
//! crate of the house, or a broken crate could not be checked.

pub mod directions;
pub mod rust_source;
pub mod tidy;
pub mod tree;
mod violation;

pub use violation::Violation;
