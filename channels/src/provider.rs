//! What a provider is: one file each behind this trait.

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;

use crate::sms::SmsReport;
use crate::{LoadKind, Outcome, Parcel};

/// An attempt on its way; boxed so that providers can be chosen by configuration.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A question on its way, boxed as an attempt is.
pub type Inquiry<'a> =
    Pin<Box<dyn Future<Output = Result<Option<SmsReport>, NoAnswer>> + Send + 'a>>;

/// A question that brought no answer, or was not asked: it says nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// As long as the provider asked to be left alone.
    pub after: Option<Duration>,
    /// What failed, or why it was not asked.
    pub code: String,
}

/// The wait for an attempt's turn, boxed as an attempt is.
pub type Wait<'a> = Pin<Box<dyn Future<Output = Turn<'a>> + Send + 'a>>;

/// An attempt whose turn has come.
pub struct Turn<'a> {
    /// For how long it waited: what was known before may hold no more.
    pub waited: Duration,
    /// Begins when it is first polled; dropped before, nothing is sent and its place is free.
    pub attempt: Attempt<'a>,
}

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

    /// Asks what became of a text message that it took, by the name that it gave it; `None` where it
    /// cannot be asked or does not know it.
    ///
    /// Ends within the provider's time-out, and is asked once: who gets no answer asks again later.
    fn inquire<'a>(&'a self, _reference: &'a str, _now: Timestamp) -> Inquiry<'a> {
        Box::pin(ready(Ok(None)))
    }

    /// Waits until it is the parcel's turn, where this provider has turns; sends nothing yet.
    fn turn<'a>(&'a self, parcel: &'a Parcel) -> Wait<'a> {
        Box::pin(ready(Turn { waited: Duration::ZERO, attempt: self.send(parcel) }))
    }

    /// Makes one attempt; nothing happens before it is polled.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a>;
}
