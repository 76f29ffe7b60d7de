//! What lists look like, and maps that keep their order.

use std::fmt;
use std::marker::PhantomData;

use landfall_core::channel::Channel;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::ChannelName;

/// One page of a list (contract 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct List<T> {
    /// The page.
    pub items: Vec<T>,
    /// Asks for the next page as `cursor`; null on the last one.
    pub next_cursor: Option<String>,
}

/// A value per channel, in the order of the routing plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByChannel<V>(pub Vec<(Channel, V)>);

impl<V> ByChannel<V> {
    /// Says whether no channel has a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Default for ByChannel<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> FromIterator<(Channel, V)> for ByChannel<V> {
    fn from_iter<I: IntoIterator<Item = (Channel, V)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<V: Serialize> Serialize for ByChannel<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(channel, value)| (ChannelName(*channel), value)))
    }
}

struct ByChannelVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for ByChannelVisitor<V> {
    type Value = ByChannel<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with channels as keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some((ChannelName(channel), value)) = map.next_entry()? {
            values.push((channel, value));
        }
        Ok(ByChannel(values))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for ByChannel<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByChannelVisitor(PhantomData))
    }
}
