//! Operations one after the other: repeated, reused, hanging in the air, and going on with a conflict.

use uuid::Uuid;

use super::{entity, kind, object};
use crate::id::ConflictId;
use crate::json::Value;
use crate::sync::{
    Contested, Desk, EntityKind, EntityName, Known, OpenConflict, Operation, Reason, Refused, Seen,
    Standing, Status, Strategy, Taken, Verb, Why, Written,
};
use crate::time::Timestamp;

fn name() -> EntityName {
    EntityName { kind: "notes".into(), id: "n1".into() }
}

fn fresh(number: u128) -> ConflictId {
    ConflictId(Uuid::from_u128(number))
}

/// An edit as S1's clients send it.
fn operation(id: &str, client_version: u64, data: &str) -> Operation {
    Operation {
        id: id.into(),
        digest: [id.len() as u8; 32],
        name: name(),
        verb: if client_version == 1 { Verb::Create } else { Verb::Update },
        data: object(data),
        base_data: None,
        base_version: None,
        client_version: Some(client_version),
        after: None,
        schema_version: None,
        written: Written { at: Timestamp::from_ms(200), age_ms: None },
    }
}

fn desk(standing: Standing) -> Desk<'static> {
    let seen = Seen { now: Timestamp::from_ms(1_000), sent_at: None };
    let mut desk = Desk::new("phone", seen, None);
    desk.lay(name(), standing);
    desk
}

/// An entity at version 2 that others changed since version 1.
fn changed_by_others() -> Standing {
    Standing {
        entity: Some(entity(r#"{"a":9,"b":1}"#, 100)),
        version: 2,
        revision: 2,
        versions: [(1, object(r#"{"a":1,"b":1}"#))].into(),
        ..Standing::default()
    }
}

fn take(desk: &mut Desk<'_>, kind: &EntityKind, operation: &Operation) -> Taken {
    desk.take(operation, Ok(kind.into()), fresh(7))
}

#[test]
fn an_operation_that_comes_again_is_answered_as_before() {
    let (kind, mut desk) = (kind(Strategy::LastWriteWins), desk(Standing::default()));
    let first = operation("op", 1, r#"{"a":1}"#);
    let taken = take(&mut desk, &kind, &first);
    let effect = taken.effect.unwrap();
    assert_eq!((effect.from, effect.next.unwrap().1), ((0, 0), 1));
    assert_eq!((taken.verdict.status, taken.verdict.version), (Status::Applied, 1));
    let again = take(&mut desk, &kind, &first);
    assert_eq!((again.verdict, again.effect), (taken.verdict, None));
    // The same name for something else, and one of which nothing but the name is known.
    let other = Operation { digest: [9; 32], ..first.clone() };
    let reused = take(&mut desk, &kind, &other);
    assert_eq!((reused.verdict.why, reused.effect), (Why::Refused(Refused::IdReused), None));
    desk.lay_known("old".into(), Known { digest: [3; 32], verdict: None });
    let old = take(&mut desk, &kind, &operation("old", 2, "{}"));
    assert_eq!((old.verdict.status, old.effect), (Status::Duplicate, None));
}

#[test]
fn what_builds_on_what_was_refused_is_refused() {
    let (kind, mut desk) = (kind(Strategy::LastWriteWins), desk(Standing::default()));
    let refused = desk.take(&operation("1", 1, "{}"), Err(Refused::Invalid), fresh(1));
    assert_eq!(refused.verdict.why, Why::Refused(Refused::Invalid));
    let tip = refused.effect.unwrap().tip.unwrap();
    assert!(tip.is_refused);
    let depends = Why::Refused(Refused::DependsOn);
    assert_eq!(take(&mut desk, &kind, &operation("22", 2, "{}")).verdict.why, depends);
    let named = Operation { after: Some("22".into()), ..operation("333", 9, "{}") };
    assert_eq!(take(&mut desk, &kind, &named).verdict.why, depends);
    // In a later request, too, and not for who begins anew.
    let mut later = self::desk(Standing { branch: Some(tip), ..Standing::default() });
    assert_eq!(take(&mut later, &kind, &operation("4444", 2, "{}")).verdict.why, depends);
    assert_eq!(
        take(&mut later, &kind, &operation("55555", 1, "{}")).verdict.status,
        Status::Applied
    );
}

#[test]
fn what_follows_a_conflict_goes_on_with_it() {
    let (kind, mut desk) = (kind(Strategy::Manual), desk(changed_by_others()));
    let first = take(&mut desk, &kind, &operation("1", 2, r#"{"a":2}"#));
    assert_eq!(first.verdict.why, Why::Decided(Reason::AsksAPerson));
    assert_eq!(first.verdict.conflict, Some(fresh(7)));
    let next = desk.take(&operation("22", 3, r#"{"b":5}"#), Ok((&kind).into()), fresh(8));
    assert_eq!((next.verdict.status, next.verdict.conflict), (Status::Conflict, Some(fresh(7))));
    let Some(Contested::GoesOn(id, Some(client))) = next.effect.unwrap().conflict else { panic!() };
    assert_eq!((id, Value::Object(client).text()), (fresh(7), r#"{"a":2,"b":5}"#.into()));
    let last = Operation { verb: Verb::Delete, ..operation("333", 4, "{}") };
    let gone = take(&mut desk, &kind, &last).effect.unwrap();
    assert_eq!(gone.conflict, Some(Contested::GoesOn(fresh(7), None)));
    assert_eq!((gone.next, gone.from), (None, (2, 2)), "the entity stays as the server has it");
}

#[test]
fn an_open_conflict_of_an_earlier_request_goes_on() {
    let open = OpenConflict { id: fresh(3), client: Some(object(r#"{"a":2}"#)) };
    let mut desk = desk(Standing { open: Some(open), ..changed_by_others() });
    let next = take(&mut desk, &kind(Strategy::ClientWins), &operation("1", 3, r#"{"a":4}"#));
    let client = Some(object(r#"{"a":4}"#));
    assert_eq!(next.effect.unwrap().conflict, Some(Contested::GoesOn(fresh(3), client)));
}

#[test]
fn a_field_that_the_base_has_and_the_data_has_not_is_taken_away() {
    let standing = Standing { version: 1, revision: 1, ..changed_by_others() };
    let base_data = Some(object(r#"{"a":9,"b":1}"#));
    let edit = Operation { base_data, ..operation("1", 2, r#"{"a":3}"#) };
    let taken = take(&mut desk(standing), &kind(Strategy::Manual), &edit);
    let (next, version) = taken.effect.unwrap().next.unwrap();
    assert_eq!((Value::Object(next.data).text(), version), (r#"{"a":3}"#.into(), 2));
}

#[test]
fn words_of_verdicts_are_read_as_they_are_written() {
    for refused in Refused::ALL {
        assert_eq!(Why::parse(refused.as_str()), Some(Why::Refused(refused)));
    }
    for reason in Reason::ALL {
        assert_eq!(Why::parse(reason.as_str()), Some(Why::Decided(reason)));
    }
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
    }
    assert_eq!(Why::parse(Why::GoesOn.as_str()), Some(Why::GoesOn));
    assert_eq!(Why::parse("else"), None);
}

#[test]
fn devices_that_undo_each_other_are_stopped_and_a_person_says() {
    let kind = kind(Strategy::LastWriteWins);
    let mut standing = Standing::default();
    let mut turn = |n: u64, device: &'static str, at: i64, value: u64| {
        let seen = Seen { now: Timestamp::from_ms(at), sent_at: None };
        let mut desk = Desk::new(device, seen, None);
        desk.lay(name(), Standing { branch: None, open: None, ..standing.clone() });
        let edit = Operation {
            base_version: Some(standing.version),
            client_version: None,
            ..operation(&format!("op {n}"), 2, &format!(r#"{{"a":{value}}}"#))
        };
        let taken = take(&mut desk, &kind, &edit);
        standing = desk.standing(&name()).unwrap().clone();
        taken.verdict
    };
    // Each puts back what the other took away, and every step is on its base.
    let outcomes: Vec<Why> =
        (0..12).map(|n| turn(n, ["phone", "tablet"][n as usize % 2], 1_000, n % 2).why).collect();
    let stopped = outcomes.iter().position(|why| *why == Why::Decided(Reason::BackAndForth));
    // The first makes it, the second changes it; the six after them undo.
    assert_eq!(stopped, Some(8));
    assert!(outcomes[8..].iter().all(|why| *why == Why::Decided(Reason::BackAndForth)
        || *why == Why::Decided(Reason::NothingNew)));
    // What is new goes on, and later so does what is not.
    assert_eq!(turn(20, "tablet", 2_000, 7).status, Status::Applied);
    assert_eq!(turn(21, "phone", 1_000 + crate::sync::WINDOW_MS, 1).status, Status::Applied);
}

#[test]
fn who_only_counts_goes_on_past_what_was_refused() {
    let (kind, mut desk) = (kind(Strategy::LastWriteWins), desk(changed_by_others()));
    let refused = desk.take(&operation("1", 2, "{}"), Err(Refused::TooLarge), fresh(1));
    let tip = refused.effect.unwrap().tip.unwrap();
    assert_eq!((tip.is_refused, tip.branch.client_version), (false, Some(2)));
    assert_eq!(tip.branch.fields, Some(object(r#"{"a":1,"b":1}"#)));
    // Not on the server's version 2, which it never had.
    let next = take(&mut desk, &kind, &operation("22", 3, r#"{"b":2}"#));
    assert_eq!(next.verdict.why, Why::Decided(Reason::OtherFields));
}

#[test]
fn who_makes_an_entity_anew_does_not_go_on_from_what_it_had_once() {
    let (kind, mut desk) = (kind(Strategy::LastWriteWins), desk(Standing::default()));
    let create = |id: &str, data: &str| Operation {
        base_version: Some(0),
        client_version: None,
        ..operation(id, 1, data)
    };
    take(&mut desk, &kind, &create("1", r#"{"a":1}"#));
    let anew = take(&mut desk, &kind, &create("22", r#"{"a":2}"#));
    assert_eq!(anew.verdict.why, Why::Decided(Reason::WrittenLater));
    let goes_on = Operation { verb: Verb::Update, ..create("333", r#"{"a":3}"#) };
    let goes_on = take(&mut desk, &kind, &goes_on);
    assert_eq!(goes_on.verdict.why, Why::Decided(Reason::OnItsBase));
}
