//! Keeping people's offline work: what its use cases share.
//!
//! Must never decide what becomes of an edit: core does.

pub mod kinds;
pub mod schema;
