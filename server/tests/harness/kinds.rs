//! The types of entities that the tests' servers know.

use landfall_core::sync::{EntityKind, Strategy};
use landfall_core::topic::MemberRole;
use landfall_server::config::{Config, Inputs};
use landfall_server::service::sync::Kinds;
use landfall_server::service::sync::kinds::{Kind, Owner};

/// The built-in types, two of which a person decides, one of them an activity, and two that belong to
/// topics; and these.
pub(super) fn all(config: &Config, more: impl IntoIterator<Item = Kind>) -> Kinds {
    let built_in = config.entity_types.names().filter_map(|name| config.entity_types.get(name));
    let kind = |name: &str, strategy, owner| Kind { owner, ..of(config, name, strategy) };
    let topic = |write| Owner::Topic { write };
    let ours = [
        kind("essay", Strategy::Manual, Owner::User),
        Kind { key: Some(vec!["draft_id".into()]), ..kind("draft", Strategy::Manual, Owner::User) },
        kind("notice", Strategy::LastWriteWins, topic(MemberRole::Teacher)),
        kind("board", Strategy::LastWriteWins, topic(MemberRole::Member)),
    ];
    Kinds::new(built_in.cloned().chain(ours).chain(more))
}

/// A type of its user's own.
pub fn kind(name: &str, strategy: Strategy) -> Kind {
    of(&Config::load(Inputs::default()).unwrap().config, name, strategy)
}

fn of(config: &Config, name: &str, strategy: Strategy) -> Kind {
    let settings = config.entity_types.get("settings").unwrap();
    let rules = EntityKind { strategy, ..settings.rules.clone() };
    Kind { name: name.into(), rules, ..settings.clone() }
}
