//! Which providers this server has, and which of them takes what.

use std::sync::Arc;

use landfall_core::channel::Channel;

use crate::{LoadKind, Parcel, Provider};

/// The providers of this server; the live connection needs none.
#[derive(Clone, Default)]
pub struct Registry {
    providers: Vec<Arc<dyn Provider>>,
}

impl Registry {
    /// Knows the live connection alone.
    pub fn live_only() -> Self {
        Self::default()
    }

    /// Knows these, too.
    pub fn new(providers: Vec<Arc<dyn Provider>>) -> Self {
        Self { providers }
    }

    /// Says whether a channel has somewhere to go.
    pub fn is_configured(&self, channel: Channel) -> bool {
        channel == Channel::Websocket || self.serving(channel).next().is_some()
    }

    /// Lists the channels that lead out of the server, in the order in which they are tried.
    pub fn leading_out(&self) -> impl Iterator<Item = Channel> + '_ {
        let leads_out =
            |channel: &Channel| *channel != Channel::Websocket && self.is_configured(*channel);
        Channel::ALL.into_iter().filter(leads_out)
    }

    /// Says how many attempts on a channel have room now.
    pub fn room(&self, channel: Channel) -> usize {
        self.serving(channel).fold(0, |sum, provider| sum.saturating_add(provider.room()))
    }

    /// Says whether somebody takes such loads.
    pub fn carries(&self, kind: LoadKind) -> bool {
        self.providers.iter().any(|provider| provider.takes(kind))
    }

    /// Finds who takes a parcel.
    pub fn for_parcel(&self, parcel: &Parcel) -> Option<&dyn Provider> {
        let found = self.providers.iter().find(|provider| provider.takes(parcel.load.kind()));
        found.map(|provider| &**provider)
    }

    /// Finds a provider by its name.
    pub fn named(&self, name: &str) -> Option<&dyn Provider> {
        let found = self.providers.iter().find(|provider| provider.name() == name);
        found.map(|provider| &**provider)
    }

    /// Says how a channel's providers are: `None` when it has none, else whether all are of use.
    pub fn health(&self, channel: Channel) -> Option<bool> {
        let mut serving = self.serving(channel).peekable();
        serving.peek()?;
        Some(serving.all(|provider| provider.is_healthy()))
    }

    fn serving(&self, channel: Channel) -> impl Iterator<Item = &Arc<dyn Provider>> + '_ {
        self.providers.iter().filter(move |provider| provider.channel() == channel)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.providers.iter().map(|provider| provider.name())).finish()
    }
}
