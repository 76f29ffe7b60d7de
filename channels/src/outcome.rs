//! How an attempt ended, in words that every provider's answers are brought to.
//!
//! Says what was answered and what it means for the address; what follows is decided elsewhere.

use std::time::Duration;

/// How one attempt ended. A `code` is the provider's own, short and without secrets, such as
/// `404 UNREGISTERED`: records and metrics show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it, which is not yet a delivery.
    Sent {
        /// The provider's name of it, such as Twilio's SID.
        reference: Option<String>,
        /// What is worth telling, such as that it had to be made shorter.
        code: String,
    },
    /// The address is no more: it is to be removed, and nothing tried again.
    Gone {
        /// The provider's code.
        code: String,
    },
    /// The recipient does not want it: the address is to be suppressed, and nothing tried again.
    OptedOut {
        /// The provider's code.
        code: String,
    },
    /// It will never be taken; the address stays.
    Refused {
        /// The provider's code.
        code: String,
    },
    /// It was not taken now.
    Later {
        /// As long as the provider, and nobody else, asked to be left alone by all.
        after: Option<Duration>,
        /// The provider's code, or what failed on the way.
        code: String,
    },
    /// The provider takes no more for this address now; that says nothing of others.
    TooMany {
        /// As long as this address should be left alone.
        after: Duration,
        /// The provider's code.
        code: String,
    },
    /// It was sent, and no answer came: it may have been taken.
    Unknown {
        /// What failed.
        code: String,
    },
    /// Our credentials or settings are wrong: nothing will be taken until an operator mends that.
    Broken {
        /// The provider's code.
        code: String,
    },
    /// It was not tried: the provider's limits or its circuit breaker kept it back. Counts as no
    /// attempt.
    NotTried {
        /// Until it should be tried again.
        after: Duration,
        /// Why.
        code: String,
    },
}
