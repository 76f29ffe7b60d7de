//! Operations as devices write them, and as they should not; must test no rule of merging.

#![allow(clippy::unwrap_used)]
use landfall_core::json::Value;
use landfall_core::sync::Verb;

use super::*;

const CREATE: &str = r#"{"id": "op-uuid", "entityType": "response", "entityId": "response-uuid",
    "operation": "CREATE", "data": {"answer": 1.50}, "timestamp": "2024-01-15T10:35:00Z",
    "clientVersion": 1}"#;

#[test]
fn an_operation_reads_as_s1_writes_it() {
    let OperationFields { operation, topic } = read_operation(CREATE).unwrap();
    assert_eq!((&*operation.id, &*operation.name.kind), ("op-uuid", "response"));
    assert_eq!((operation.verb, operation.client_version), (Verb::Create, Some(1)));
    assert_eq!(operation.data["answer"], Value::parse("1.5").unwrap());
    assert_eq!(operation.written.at.to_string(), "2024-01-15T10:35:00.000Z");
    assert_eq!(topic, None);
}

#[test]
fn what_an_operation_says_is_one_digest_in_every_spelling() {
    let digest = |text: &str| read_operation(text).unwrap().operation.digest;
    let other = r#"{"timestamp": "2024-01-15T12:35:00.000+02:00", "entity_type": "response",
        "entity_id": "response-uuid", "id": "op-uuid", "operation": "create", "baseVersion": null,
        "data": {"answer": 15e-1}, "client_version": 1.0, "ageMs": 77, "unknown": [1]}"#;
    assert_eq!(digest(CREATE), digest(other));
    for (from, to) in [
        ("1.50", "1.51"),
        ("CREATE", "UPDATE"),
        ("response-uuid", "response-2"),
        ("10:35", "10:36"),
        ("\"clientVersion\": 1", "\"clientVersion\": 2"),
        ("\"clientVersion\": 1", "\"baseVersion\": 1"),
        ("\"clientVersion\"", "\"topicId\": \"t\", \"clientVersion\""),
    ] {
        assert_ne!(digest(CREATE), digest(&CREATE.replace(from, to)), "{to}");
    }
}

#[test]
fn an_operation_that_cannot_be_read_names_everything_that_is_wrong() {
    let check = |text: &str| {
        let bad = read_operation(text).unwrap_err();
        let errors = bad.errors.into_iter().map(|fault| fault.pointer + " " + &fault.detail);
        (bad.id, errors.collect::<Vec<_>>())
    };
    let (id, errors) = check(
        r#"{"id": 7, "entityType": "", "entity_id": 1, "entityId": 1, "operation": "PATCH",
            "data": [], "timestamp": "noon", "baseVersion": -1, "clientVersion": "1"}"#,
    );
    assert_eq!(id.as_deref(), Some("7"));
    assert_eq!(
        errors,
        [
            "/entityType must not be empty",
            "/entityId is given in two spellings",
            "/operation must be CREATE, UPDATE or DELETE",
            "/data must be an object",
            "/timestamp must be an RFC 3339 time such as 2025-09-15T14:00:00Z",
            "/baseVersion must be an integer from 0 to 9007199254740991",
            "/clientVersion must be an integer from 0 to 9007199254740991",
        ]
    );
    assert_eq!(check("[]"), (None, vec![" must be an object".into()]));
    assert_eq!(check(r#"{"id": "a", "id": "b"}"#).1, [" has a key twice at byte 12"]);
    let deep = format!(r#"{{"id": "a", "data": {}1{}}}"#, "[".repeat(40), "]".repeat(40));
    assert!(check(&deep).1[0].contains("nested deeper"), "{:?}", check(&deep));
    let delete = CREATE.replace("CREATE", "DELETE").replace("\"data\": {\"answer\": 1.50}, ", "");
    assert_eq!(read_operation(&delete).unwrap().operation.verb, Verb::Delete);
}
