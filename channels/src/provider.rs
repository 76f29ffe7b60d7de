//! What a provider is: one file each behind this trait.

use std::future::Future;
use std::pin::Pin;

use landfall_core::channel::Channel;

use crate::{LoadKind, Outcome, Parcel};

/// An attempt on its way; boxed so that providers can be chosen by configuration.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Takes parcels to where they go.
///
/// An attempt always ends, within the provider's time-out, with an [`Outcome`]; it keeps no state
/// of the parcel. It never retries by itself, except to renew its own credentials once.
pub trait Provider: Send + Sync {
    /// Names it in records, metrics and settings, such as `web_push` or `twilio`.
    fn name(&self) -> &'static str;

    /// Which channel it serves.
    fn channel(&self) -> Channel;

    /// Says whether it takes such loads.
    fn takes(&self, kind: LoadKind) -> bool;

    /// Says how many attempts it has room for now: whoever has none finds what it offers kept back.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Says whether it is of use now: `false` while its circuit is open, or what
    /// it answers shows that a setting is wrong.
    fn is_healthy(&self) -> bool {
        true
    }

    /// Makes one attempt.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a>;
}
