//! Delta: where one entity of a device differs from the server's (S1).

use landfall_core::auth::Caller;
use landfall_core::feed::FeedKey;
use landfall_core::id::TopicId;
use landfall_core::json::{Object, Value};
use landfall_core::merge::{Base, Class, Deletion, Manner, Side, Sides, merge};
use landfall_core::sync::{EntityName, Strategy};
use landfall_core::topic::TopicAction;
use landfall_core::topic::{Verdict, may};
use landfall_store::StandingsAsk;

use super::kinds::Kind;
use super::records::read_object;
use crate::service::topics::standing;
use crate::service::{ServiceError, Services};

/// What a device asks.
#[derive(Debug, Clone)]
pub struct DeltaAsk {
    /// Which entity.
    pub name: EntityName,
    /// Of which topic; the user's own where there is none.
    pub topic: Option<TopicId>,
    /// The server's version that it last had.
    pub version: Option<u64>,
    /// The fields as it has them.
    pub fields: Object,
}

/// Where an entity differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The server's version.
    pub version: u64,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// The fields that differ, by name.
    pub fields: Vec<FieldDiffers>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDiffers {
    /// Its name.
    pub field: String,
    /// As the device has it.
    pub client: Option<Value>,
    /// As the server has it.
    pub server: Option<Value>,
    /// Whether a person would have to say what becomes of the two.
    pub is_open: bool,
}

impl Services {
    /// Says where an entity differs.
    ///
    /// # Errors
    /// `NotFound` for an entity that was never there, a type that nobody knows, or a topic that is not
    /// the caller's.
    pub async fn delta(&self, caller: &Caller, ask: &DeltaAsk) -> Result<Delta, ServiceError> {
        let not_there = || ServiceError::NotFound("entity");
        let kind = self.kinds.get(&ask.name.kind).ok_or_else(not_there)?;
        let feed = match &ask.topic {
            None => FeedKey::data(&caller.tenant, &caller.user),
            Some(topic) => {
                let view = self.store.topic(&caller.tenant, topic, &caller.user).await?;
                let reads = view.is_some_and(|view| {
                    may(TopicAction::ReadLessons, standing(caller, &view)) == Verdict::Yes
                });
                if !reads {
                    return Err(not_there());
                }
                FeedKey::topic(&caller.tenant, topic)
            }
        };
        let had = ask.version.filter(|version| *version > 0);
        let asked = StandingsAsk {
            names: vec![ask.name.clone()],
            versions: had.map(|version| (ask.name.clone(), version)).into_iter().collect(),
            ..StandingsAsk::of(&feed, &caller.user, "")
        };
        let standings = self.kinds.standings(self.store.standings(asked).await?)?;
        let entity = standings.entities.first().ok_or_else(not_there)?;
        if entity.is_deleted {
            return Ok(Delta { version: entity.version, is_deleted: true, fields: Vec::new() });
        }
        let server = read_object(&entity.data)?;
        let earlier = standings.versions.first().map(|version| read_object(&version.data));
        let base = earlier.transpose()?;
        let mut client = ask.fields.clone();
        kind.upgrades.fields(&mut client);
        let fields = differing(kind, base.as_ref(), &server, &client);
        Ok(Delta { version: entity.version, is_deleted: false, fields })
    }
}

/// Compares the fields that a device names, and those that changed since it last looked.
fn differing(
    kind: &Kind,
    base: Option<&Object>,
    server: &Object,
    client: &Object,
) -> Vec<FieldDiffers> {
    let mut names: Vec<&String> = server.keys().chain(client.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differs = |field: &&String| {
        let (there, named) = (server.get(*field), client.get(*field));
        let before = base.and_then(|base| base.get(*field));
        let is_news = base.is_none() || there != before;
        if named.is_some() { there != named } else { is_news }
    };
    let known = if base.is_some() { Base::Known } else { Base::Unknown };
    let delta = |field: &String| {
        let before = base.and_then(|base| base.get(field));
        let (of_server, of_client) = (server.get(field), client.get(field));
        FieldDiffers {
            field: field.clone(),
            client: of_client.cloned(),
            server: of_server.cloned(),
            is_open: of_client.is_some()
                && asks(kind, known, [before, of_server, of_client], field),
        }
    };
    names.into_iter().filter(differs).map(delta).collect()
}

/// Says whether a person would have to decide a field.
fn asks(kind: &Kind, known: Base, values: [Option<&Value>; 3], field: &str) -> bool {
    let [base, server, client] = values;
    let both_changed = server != base && client != base && server != client;
    match &kind.rules.strategy {
        Strategy::Manual => both_changed,
        Strategy::Merge(fields) => {
            let manner =
                Manner { later: Side::Server, deletion: Deletion::DeleteWins, base: known };
            merge(fields.rule(field), Sides { base, server, client }, manner).class == Class::Open
        }
        Strategy::ServerWins | Strategy::ClientWins | Strategy::LastWriteWins => false,
    }
}
