//! The channels that lead out of the server, and which of them have somewhere to go.
//!
//! A provider (push service, SMS gateway, SMTP server) belongs here, one file each. This version
//! has none besides the live connection, which needs no provider; whatever else a notification
//! asks for is skipped as not configured, by the same routing plan.

pub mod connect;
pub mod gate;
mod outcome;
mod parcel;
mod provider;
#[cfg(any(test, feature = "scripted"))]
pub mod scripted;
pub mod web_push;

use landfall_core::channel::Channel;

pub use outcome::Outcome;
pub use parcel::{Email, FcmTarget, Load, Note, Parcel, Sms, Subscription};
pub use provider::{Attempt, Provider};

/// The channels that are configured on this server.
#[derive(Debug, Clone)]
pub struct Registry {
    configured: Vec<Channel>,
}

impl Registry {
    /// Knows the live connection alone.
    pub fn live_only() -> Self {
        Self { configured: vec![Channel::Websocket] }
    }

    /// Lists what is configured.
    pub fn configured(&self) -> &[Channel] {
        &self.configured
    }

    /// Says whether a channel has somewhere to go.
    pub fn is_configured(&self, channel: Channel) -> bool {
        self.configured.contains(&channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_live_connection_needs_no_provider() {
        let registry = Registry::live_only();
        let configured = Channel::ALL.map(|channel| registry.is_configured(channel));
        assert_eq!(configured, [true, false, false, false]);
    }
}
