//! What holds for every operation, as laws.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Strategy2;

use super::{kind, written};
use crate::json::{Object, Value};
use crate::merge::{Deletion, Fields, Rule};
use crate::sync::{
    Basis, Edit, Entity, EntityKind, Next, Outcome, Reason, Stamps, Strategy, Verb, decide,
};

fn any_fields() -> impl Strategy2<Value = Object> {
    let value = prop::sample::select(&["0", "1", "2", "\"x\"", "null", "[1]", "true"][..]);
    prop::collection::btree_map("[abc]", value.prop_map(|text| Value::parse(text).unwrap()), 0..4)
}

fn any_kind() -> impl Strategy2<Value = EntityKind> {
    let rules = Fields {
        named: [("a".to_owned(), Rule::Max), ("b".to_owned(), Rule::Set)].into(),
        other: Box::new(Rule::LastWrite),
    };
    let asks = Fields { named: Default::default(), other: Box::new(Rule::Manual) };
    let strategies = vec![
        Strategy::ServerWins,
        Strategy::ClientWins,
        Strategy::LastWriteWins,
        Strategy::Manual,
        Strategy::Merge(rules),
        Strategy::Merge(asks),
    ];
    (prop::sample::select(strategies), prop::sample::select(Deletion::ALL.to_vec()))
        .prop_map(|(strategy, deletion)| EntityKind { strategy, deletion })
}

/// An entity, and an edit of a base, of which either may have changed anything.
fn any_meeting() -> impl Strategy2<Value = (EntityKind, Entity, Object, Object, Verb, i64)> {
    let verb = prop::sample::select(Verb::ALL.to_vec());
    (any_kind(), any_fields(), any::<bool>(), any_fields(), any_fields(), verb, 50_i64..150)
        .prop_map(|(kind, data, is_deleted, base, change, verb, at)| {
            let stamps = Stamps { whole: written(100, "other"), fields: Default::default() };
            (kind, Entity { data, is_deleted, stamps }, base, change, verb, at)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What is dropped of either side is in the dispute.
    #[test]
    fn nothing_that_loses_is_gone((kind, entity, base, change, verb, at) in any_meeting()) {
        let (removed, stamp) = (BTreeSet::new(), written(at, "phone"));
        let edit = Edit { verb, data: &change, removed: &removed, basis: Basis::Fields(&base), stamp: &stamp };
        let found = decide(&kind, Some(&entity), &edit);
        let becomes = found.next.as_ref().map_or(&entity.data, |next| &next.data);
        let is_gone = found.next.as_ref().map_or(entity.is_deleted, |next| next.is_deleted);
        let changed = change.iter().filter(|(field, value)| base.get(*field) != Some(*value));
        let is_kept = if verb == Verb::Delete { is_gone } else {
            !is_gone && changed.clone().all(|(field, value)| becomes.get(field) == Some(value))
        };
        let of_rule = matches!(kind.strategy, Strategy::Merge(_)) && !entity.is_deleted && verb != Verb::Delete;
        prop_assert!(is_kept || found.dispute.is_some() || of_rule && found.reason == Reason::ByRules
            || found.reason == Reason::NothingNew, "{found:?}");
        if let Some(dispute) = &found.dispute {
            prop_assert_eq!(dispute.is_open, found.outcome == Outcome::Conflict);
        }
    }

    /// What was decided, sent again by who has seen it, is nothing new.
    #[test]
    fn what_was_decided_is_not_decided_again((kind, entity, base, change, verb, at) in any_meeting()) {
        let (removed, stamp) = (BTreeSet::new(), written(at, "phone"));
        let edit = Edit { verb, data: &change, removed: &removed, basis: Basis::Fields(&base), stamp: &stamp };
        let Some(next) = decide(&kind, Some(&entity), &edit).next else { return Ok(()) };
        let Next { data, is_deleted, stamps } = next;
        let entity = Entity { data: data.clone(), is_deleted, stamps };
        let verb = if is_deleted { Verb::Delete } else { Verb::Update };
        let again = Edit { verb, data: &data, basis: Basis::Current, ..edit };
        let found = decide(&kind, Some(&entity), &again);
        prop_assert_eq!((found.outcome, found.reason, found.next), (Outcome::Applied, Reason::NothingNew, None));
    }

    /// Edits of one base by several devices come to the same, in whatever order they arrive, where
    /// the later one wins field by field.
    #[test]
    fn later_writes_win_in_any_order(base in any_fields(), edits in prop::collection::vec((any_fields(), 0_i64..9), 1..5), seed: u64) {
        let kind = kind(Strategy::Merge(Fields::default()));
        let end = |order: &[usize]| {
            let stamps = Stamps { whole: written(-1, ""), fields: Default::default() };
            let mut entity = Entity { data: base.clone(), is_deleted: false, stamps };
            for number in order {
                let (change, at) = &edits[*number];
                let (removed, stamp) = (BTreeSet::new(), written(*at, &format!("device {number}")));
                let edit = Edit { verb: Verb::Update, data: change, removed: &removed, basis: Basis::Fields(&base), stamp: &stamp };
                if let Some(Next { data, is_deleted, stamps }) = decide(&kind, Some(&entity), &edit).next {
                    entity = Entity { data, is_deleted, stamps };
                }
            }
            entity.data
        };
        let forward: Vec<usize> = (0..edits.len()).collect();
        let mut other = forward.clone();
        for place in 0..other.len() {
            other.swap(place, (seed.rotate_left(place as u32 * 9) % edits.len() as u64) as usize);
        }
        prop_assert_eq!(end(&forward), end(&other));
    }
}
