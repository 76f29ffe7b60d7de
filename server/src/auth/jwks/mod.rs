//! Key sets that an issuer publishes (RFC 7517): read, fetched, kept over outages and restarts.
//!
//! Whoever checks a token only takes a read lock here; fetching happens beside. Must never take a key set's word for an
//! algorithm or a tenant: both are configured with its address.

mod document;
mod fetch;
mod kept;
mod refresh;
mod set;

pub use document::NoKeySet;
pub(in crate::auth) use document::SetKey;
pub use fetch::{FetchError, Fetcher};
pub use kept::KeptSets;
pub use refresh::{Pace, keep_fresh};
pub use set::{Freshness, KeySet};
