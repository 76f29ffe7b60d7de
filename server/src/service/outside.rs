//! How the parts are that lead out of the server: providers of each channel, and templates.
//!
//! Whoever runs a part says here how to ask for its state; nothing here asks a provider.

use std::sync::{PoisonError, RwLock};

use landfall_core::channel::Channel;

/// A part that leads out of the server, or makes what goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The providers of a channel.
    Channel(Channel),
    /// Templates.
    Templates,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartState {
    /// It works.
    Healthy,
    /// It works in part or not at all, such as while a circuit is open.
    Degraded,
}

/// Tells how something is now; is asked with every look at the server's health, so it must not
/// wait for anything.
pub type Watch = Box<dyn Fn() -> PartState + Send + Sync>;

/// What is watched of each part.
#[derive(Default)]
pub struct Outside(RwLock<Vec<(Part, Watch)>>);

impl Outside {
    /// Has one more thing of a part asked from now on: a provider, a circuit, a folder.
    pub fn watch(&self, part: Part, watch: Watch) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((part, watch));
    }

    /// Says how a part is: as the worst of what is watched of it; nothing where nothing is.
    pub fn state(&self, part: Part) -> Option<PartState> {
        let watched = self.0.read().unwrap_or_else(PoisonError::into_inner);
        watched.iter().filter(|(of, _)| *of == part).map(|(_, watch)| watch()).max()
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_as_the_worst_of_it() {
        let outside = Outside::default();
        let push = Part::Channel(Channel::Push);
        assert_eq!(outside.state(push), None);
        outside.watch(push, Box::new(|| PartState::Healthy));
        assert_eq!(outside.state(push), Some(PartState::Healthy));
        outside.watch(push, Box::new(|| PartState::Degraded));
        assert_eq!(outside.state(push), Some(PartState::Degraded));
        assert_eq!(outside.state(Part::Templates), None);
    }
}
