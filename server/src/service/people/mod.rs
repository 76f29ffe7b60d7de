//! People: their profiles, their addresses, what they want, and opening these for whoever sends.
//!
//! What leads to a person is sealed before it is stored. Must never put an address, a token or a
//! key into a log line, an error or the trail.

mod addresses;
mod forgetting;
mod gathering;
mod meeting;
mod preferences;
mod profile;
mod reach;
mod renewal;
mod stored;
mod subscription;

pub use addresses::{AddressView, Registration, TokenDraft};
pub(super) use gathering::{Found, Gathering};
pub use meeting::Meetings;
pub use preferences::{
    PreferencesDraft, PreferencesView, QuietDraft, RulesDraft, Source, ViewedRule,
};
pub use profile::{Extent, Profile, ProfileChange, Whose};
pub use reach::{Target, read_wishes};
pub(super) use renewal::Walk;
pub use subscription::SubscriptionDraft;

use std::sync::Arc;

use landfall_channels::connect::Guard;

use crate::vault::Vault;

/// What people's use cases need besides the store.
#[derive(Debug, Clone)]
pub struct PeopleParts {
    /// Seals and opens.
    pub vault: Arc<Vault>,
    /// The public key that browsers subscribe with now: 65 bytes.
    pub server_key: Vec<u8>,
    /// Which endpoints may be subscribed.
    pub guard: Guard,
}
