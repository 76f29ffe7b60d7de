//! The types of entities that tests bring.

use landfall_core::sync::{EntityKind, Strategy};
use landfall_core::topic::MemberRole;
use landfall_server::config::Config;
use landfall_server::service::sync::Kinds;
use landfall_server::service::sync::kinds::{Kind, Owner};

/// The built-in types of entities; one of which a person decides, and two that belong to topics.
pub fn kinds(config: &Config) -> Kinds {
    let built_in = config.entity_types.names().filter_map(|name| config.entity_types.get(name));
    let settings = config.entity_types.get("settings").unwrap();
    let kind = |name: &str, strategy: Strategy, owner: Owner| Kind {
        name: name.into(),
        rules: EntityKind { strategy, ..settings.rules.clone() },
        owner,
        ..settings.clone()
    };
    let topic = |write| Owner::Topic { write };
    let more = [
        kind("essay", Strategy::Manual, Owner::User),
        kind("notice", Strategy::LastWriteWins, topic(MemberRole::Teacher)),
        kind("board", Strategy::LastWriteWins, topic(MemberRole::Member)),
    ];
    Kinds::new(built_in.cloned().chain(more))
}
