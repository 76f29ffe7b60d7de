//! What becomes of operations, by table.
#![allow(clippy::unwrap_used)]

mod chains;
mod desk;
mod laws;
mod upgrade;

use std::collections::BTreeSet;

use super::{
    Basis, Decision, Edit, Entity, EntityKind, Next, Reason, Seen, Stamp, Stamps, Strategy, Verb,
    Written, decide, stamp,
};
use crate::json::{Object, Value};
use crate::merge::{Class, Deletion, Fields, Rule};
use crate::time::Timestamp;

fn object(text: &str) -> Object {
    let Value::Object(members) = Value::parse(text).unwrap() else { panic!("{text}") };
    members
}

fn written(at: i64, device: &str) -> Stamp {
    Stamp { at: Timestamp::from_ms(at), count: 0, device: device.into() }
}

fn entity(data: &str, at: i64) -> Entity {
    let stamps = Stamps { whole: written(at, "other"), fields: Default::default() };
    Entity { data: object(data), is_deleted: false, stamps }
}

fn kind(strategy: Strategy) -> EntityKind {
    EntityKind { strategy, deletion: Deletion::UpdateRevives }
}

fn progress() -> Strategy {
    let rules = [("score", Rule::Max), ("time", Rule::Counter), ("who", Rule::Manual)];
    let named = rules.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect();
    Strategy::Merge(Fields { named, other: Box::new(Rule::LastWrite) })
}

/// Decides on an edit of an entity that was written at 100, made at 200 on a base.
fn decided(
    kind: &EntityKind,
    entity: Option<&Entity>,
    verb: Verb,
    base: &str,
    data: &str,
) -> Decision {
    decided_at(200, kind, entity, verb, base, data)
}

fn decided_at(
    at: i64,
    kind: &EntityKind,
    entity: Option<&Entity>,
    verb: Verb,
    base: &str,
    data: &str,
) -> Decision {
    let (known, removed, stamp) = (
        object(if base.starts_with('{') { base } else { "{}" }),
        BTreeSet::new(),
        written(at, "phone"),
    );
    let basis = match base {
        "nothing" => Basis::Nothing,
        "current" => Basis::Current,
        "unknown" => Basis::Unknown,
        _ => Basis::Fields(&known),
    };
    decide(
        kind,
        entity,
        &Edit { verb, data: &object(data), removed: &removed, basis, stamp: &stamp },
    )
}

/// Shows a decision as `outcome: reason: data`, with `!` before what a person has to decide.
fn shown(decision: &Decision) -> String {
    let next = match &decision.next {
        None => "as it is".to_owned(),
        Some(Next { is_deleted: true, .. }) => "gone".to_owned(),
        Some(next) => Value::Object(next.data.clone()).text(),
    };
    let dispute = match &decision.dispute {
        None => "",
        Some(dispute) if dispute.is_open => " !",
        Some(_) => " *",
    };
    format!("{:?}, {}: {next}{dispute}", decision.outcome, decision.reason.as_str())
}

#[test]
fn what_meets_nothing_applies() {
    let kind = kind(Strategy::Manual);
    let check = |entity: Option<&Entity>, verb, base, data, expected: &str| {
        assert_eq!(shown(&decided(&kind, entity, verb, base, data)), expected);
    };
    check(None, Verb::Create, "nothing", r#"{"a":1}"#, r#"Applied, on its base: {"a":1}"#);
    check(None, Verb::Update, "nothing", r#"{"a":1}"#, r#"Applied, on its base: {"a":1}"#);
    check(None, Verb::Delete, "unknown", "{}", "Applied, nothing new: as it is");
    let there = &entity(r#"{"a":1,"b":2}"#, 100);
    check(
        Some(there),
        Verb::Update,
        "current",
        r#"{"a":5}"#,
        r#"Applied, on its base: {"a":5,"b":2}"#,
    );
    check(Some(there), Verb::Update, "current", r#"{"a":1.0}"#, "Applied, nothing new: as it is");
    check(Some(there), Verb::Delete, "current", "{}", "Applied, on its base: gone");
    check(
        Some(there),
        Verb::Update,
        r#"{"a":1,"b":9}"#,
        r#"{"a":5}"#,
        r#"Merged, other fields had changed: {"a":5,"b":2}"#,
    );
    // Both made the same of it: only when is kept.
    check(
        Some(there),
        Verb::Update,
        r#"{"a":0,"b":2}"#,
        r#"{"a":1}"#,
        "Applied, nothing new: {\"a\":1,\"b\":2}",
    );
    check(
        Some(there),
        Verb::Create,
        "nothing",
        r#"{"a":1}"#,
        "Applied, nothing new: {\"a\":1,\"b\":2}",
    );
}

#[test]
fn where_both_changed_the_same_the_strategy_decides_for_the_whole_operation() {
    let there = &entity(r#"{"a":1,"b":2}"#, 100);
    let check = |strategy: Strategy, at, expected: &str| {
        let found = decided_at(
            at,
            &kind(strategy),
            Some(there),
            Verb::Update,
            r#"{"a":0,"b":2}"#,
            r#"{"a":5,"b":6}"#,
        );
        assert_eq!(shown(&found), expected);
        let dispute = found.dispute.unwrap();
        assert_eq!(Value::Object(dispute.server.unwrap()).text(), r#"{"a":1,"b":2}"#);
        assert_eq!(Value::Object(dispute.client.unwrap()).text(), r#"{"a":5,"b":6}"#);
        assert_eq!(dispute.clashes[0].pointer, "/a");
    };
    check(Strategy::ServerWins, 200, "Merged, server wins: as it is *");
    check(Strategy::ClientWins, 200, r#"Merged, client wins: {"a":5,"b":6} *"#);
    check(Strategy::LastWriteWins, 200, r#"Merged, written later: {"a":5,"b":6} *"#);
    check(Strategy::LastWriteWins, 50, "Merged, written earlier: as it is *");
    check(Strategy::Manual, 200, "Conflict, asks a person: as it is !");
    // Nobody knows what it was: whatever differs may have been changed by both.
    let found = decided(
        &kind(Strategy::ServerWins),
        Some(there),
        Verb::Update,
        "unknown",
        r#"{"a":5,"b":2}"#,
    );
    assert_eq!(shown(&found), "Merged, server wins: as it is *");
}

#[test]
fn a_tie_of_clocks_goes_by_the_device() {
    let there = &entity(r#"{"a":1}"#, 200);
    let found = decided(
        &kind(Strategy::LastWriteWins),
        Some(there),
        Verb::Update,
        r#"{"a":0}"#,
        r#"{"a":5}"#,
    );
    assert_eq!(found.reason, Reason::WrittenLater, "phone comes after other");
}

#[test]
fn fields_merge_each_by_its_rule() {
    let there = &entity(r#"{"score":7,"time":15,"note":"x"}"#, 100);
    let base = r#"{"score":5,"time":10,"note":"a"}"#;
    let check = |at, data, expected: &str| {
        let found = decided_at(at, &kind(progress()), Some(there), Verb::Update, base, data);
        assert_eq!(shown(&found), expected);
    };
    check(
        200,
        r#"{"score":6,"time":12}"#,
        r#"Merged, merged by its fields' rules: {"note":"x","score":7,"time":17}"#,
    );
    check(
        200,
        r#"{"time":15}"#,
        r#"Merged, merged by its fields' rules: {"note":"x","score":7,"time":20}"#,
    );
    check(
        200,
        r#"{"note":"b"}"#,
        r#"Merged, merged by its fields' rules: {"note":"b","score":7,"time":15} *"#,
    );
    check(50, r#"{"note":"b"}"#, "Merged, merged by its fields' rules: as it is *");
    let there = &entity(r#"{"who":"ana","note":"a"}"#, 100);
    let found = decided(
        &kind(progress()),
        Some(there),
        Verb::Update,
        r#"{"who":"-","note":"a"}"#,
        r#"{"who":"ben","note":"b"}"#,
    );
    assert_eq!(shown(&found), r#"Conflict, asks a person: {"note":"b","who":"ana"} !"#);
    let dispute = found.dispute.unwrap();
    assert_eq!(
        dispute.clashes.iter().map(|c| (c.pointer.as_str(), c.class)).collect::<Vec<_>>(),
        [("/who", Class::Open)]
    );
}

#[test]
fn a_field_that_is_newer_than_the_rest_is_compared_by_its_own_time() {
    let mut there = entity(r#"{"a":1,"b":2}"#, 100);
    there.stamps.fields.insert("b".into(), written(500, "other"));
    let change = |data| {
        decided(
            &kind(Strategy::LastWriteWins),
            Some(&there),
            Verb::Update,
            r#"{"a":0,"b":0}"#,
            data,
        )
    };
    assert_eq!(change(r#"{"a":5}"#).reason, Reason::WrittenLater);
    assert_eq!(change(r#"{"b":5}"#).reason, Reason::WrittenEarlier);
    let next = change(r#"{"a":5}"#).next.unwrap();
    assert_eq!(
        (next.stamps.of("a"), next.stamps.of("b")),
        (&written(200, "phone"), &written(500, "other"))
    );
}

#[test]
fn delete_against_update_goes_by_the_rule_of_the_type() {
    let there = entity(r#"{"a":1}"#, 100);
    let gone = Entity { is_deleted: true, ..there.clone() };
    for (deletion, deleting, changing) in [
        (Deletion::DeleteWins, "Merged, delete wins: gone *", "Merged, delete wins: as it is *"),
        (
            Deletion::UpdateRevives,
            "Merged, update revives: as it is *",
            r#"Merged, update revives: {"a":5,"b":0} *"#,
        ),
        (
            Deletion::Manual,
            "Conflict, asks a person: as it is !",
            "Conflict, asks a person: as it is !",
        ),
    ] {
        let kind = EntityKind { strategy: Strategy::ClientWins, deletion };
        let base = r#"{"a":0,"b":0}"#;
        assert_eq!(shown(&decided(&kind, Some(&there), Verb::Delete, base, "{}")), deleting);
        assert_eq!(shown(&decided(&kind, Some(&gone), Verb::Update, base, r#"{"a":5}"#)), changing);
        // Who saw that it was deleted makes it anew.
        let anew = decided(&kind, Some(&gone), Verb::Create, "current", r#"{"a":5}"#);
        assert_eq!(shown(&anew), r#"Applied, on its base: {"a":5}"#);
        assert_eq!(
            shown(&decided(&kind, Some(&gone), Verb::Delete, base, "{}")),
            "Applied, nothing new: as it is"
        );
    }
}

#[test]
fn what_the_server_has_forgotten_is_no_new_entity() {
    let found =
        decided(&kind(Strategy::ClientWins), None, Verb::Update, r#"{"a":1,"b":2}"#, r#"{"a":5}"#);
    assert_eq!(shown(&found), "Conflict, unknown entity: as it is !");
    assert_eq!(Value::Object(found.dispute.unwrap().client.unwrap()).text(), r#"{"a":5,"b":2}"#);
}

#[test]
fn clocks_are_corrected_and_never_refused() {
    let at = Timestamp::from_ms;
    let seen = |sent_at: Option<i64>| Seen { now: at(1_000), sent_at: sent_at.map(at) };
    let check =
        |written, seen, expected: i64| assert_eq!(stamp("d", written, seen, None).at, at(expected));
    let by_clock = |ms| Written { at: at(ms), age_ms: None };
    check(by_clock(900), seen(None), 900);
    // Five years ahead: not later than now.
    check(by_clock(157_000_000_000), seen(None), 1_000);
    check(by_clock(157_000_000_000), seen(Some(157_000_000_300)), 700);
    check(by_clock(-500), seen(Some(-400)), 900);
    // A clock that nobody sets is believed before one that somebody does.
    check(Written { at: at(5), age_ms: Some(30) }, seen(Some(900)), 970);
    check(Written { at: at(i64::MIN), age_ms: None }, seen(Some(i64::MAX)), i64::MIN);
    check(
        Written { at: at(0), age_ms: Some(u64::MAX) },
        seen(None),
        1_000_i64.saturating_add(-i64::MAX),
    );
    // What one device wrote later stays later.
    let first = stamp("d", by_clock(900), seen(None), None);
    let second = stamp("d", by_clock(850), seen(None), Some(&first));
    assert!(second > first && second.at == first.at);
    assert!(stamp("d", by_clock(850), seen(None), Some(&second)) > second);
}
