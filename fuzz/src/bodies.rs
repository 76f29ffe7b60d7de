//! JSON bodies and lines of a batch: no JSON is 400, JSON of a wrong shape is 422 and names the
//! field, and what is let in keeps every bound.

use landfall_core::notify::{Draft, FieldError, NotifyLimits, Recipients, faults};
use landfall_protocol::addresses::{SubscribeRequest, TokenRequest};
use landfall_protocol::callbacks::ReceiptRequest;
use landfall_protocol::deliveries::ReplayRequest;
use landfall_protocol::inbox::AckRequest;
use landfall_protocol::json::{self, BadJson};
use landfall_protocol::notify::NotifyRequest;
use landfall_protocol::preferences::{PreferencesRequest, RuleFields};
use landfall_protocol::problem::Problem;
use landfall_protocol::revocations::RevocationRequest;
use landfall_protocol::suppressions::SuppressedAddress;
use landfall_protocol::templates::PreviewRequest;
use landfall_protocol::topics::{MemberPut, MembersBulk, TopicPut};
use landfall_protocol::users::UserFields;
use serde::de::IgnoredAny;

/// Small, so that inputs reach them.
const DEPTH: usize = 8;
const LIMITS: NotifyLimits =
    NotifyLimits { title_chars: 12, message_chars: 24, data_bytes: 48, recipients: 3 };

pub(crate) fn run(data: &[u8]) {
    notify(data);
    check(data, json::parse::<TopicPut>(data, DEPTH), |put| put.read(12).map(drop));
    check(data, json::parse::<MembersBulk>(data, DEPTH), |bulk| {
        let members = bulk.read(3)?;
        assert!((1..=3).contains(&members.len()));
        Ok(())
    });
    check(data, json::parse::<MemberPut>(data, DEPTH), |put| {
        let _ = put.role();
        Ok(())
    });
    people(data);
    check(data, json::parse::<AckRequest>(data, DEPTH), |ack| {
        assert!(ack.number().0 <= i64::MAX as u64);
        Ok(())
    });
}

fn people(data: &[u8]) {
    check(data, json::parse::<UserFields>(data, DEPTH), |_| Ok(()));
    check(data, json::parse::<TokenRequest>(data, DEPTH), |_| Ok(()));
    check(data, json::parse::<SubscribeRequest>(data, DEPTH), |_| Ok(()));
    check(data, json::parse::<PreferencesRequest>(data, DEPTH), |_| Ok(()));
    check(data, json::parse::<RuleFields>(data, DEPTH), |rule| {
        rule.read("/preferences/0").map(drop).map_err(|fault| vec![fault])
    });
    check(data, json::parse::<RevocationRequest>(data, DEPTH), |asked| asked.read().map(drop));
    check(data, json::parse::<ReplayRequest>(data, DEPTH), |asked| asked.read().map(drop));
    check(data, json::parse::<SuppressedAddress>(data, DEPTH), |asked| asked.read().map(drop));
    check(data, json::parse::<PreviewRequest>(data, DEPTH), |asked| asked.read().map(drop));
    check(data, json::parse::<ReceiptRequest>(data, DEPTH), |_| Ok(()));
}

fn notify(data: &[u8]) {
    check(data, json::parse::<NotifyRequest>(data, DEPTH), |request| {
        let draft = request.draft()?;
        let found = faults(&draft, &LIMITS);
        if found.is_empty() {
            bounded(&draft);
            Ok(())
        } else {
            Err(found)
        }
    });
}

/// Checks what was let in.
fn bounded(draft: &Draft) {
    let chars = |text: &Option<String>| text.as_deref().unwrap_or_default().chars().count();
    assert!(chars(&draft.title) <= LIMITS.title_chars, "{draft:?}");
    assert!(chars(&draft.message) <= LIMITS.message_chars, "{draft:?}");
    assert!(draft.notification_type.is_some() || draft.template_id.is_some());
    if let Some(data) = &draft.data {
        assert!(data.as_str().len() <= LIMITS.data_bytes);
        assert!(
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(data.as_str())
                .is_ok()
        );
    }
    if let Recipients::Users(users) = &draft.recipients {
        assert!((1..=LIMITS.recipients).contains(&users.len()));
    }
}

/// Holds what was said of the bytes against the plain parser.
fn check<T>(
    data: &[u8],
    parsed: Result<T, BadJson>,
    read: impl FnOnce(T) -> Result<(), Vec<FieldError>>,
) {
    let is_json =
        std::str::from_utf8(data).is_ok() && serde_json::from_slice::<IgnoredAny>(data).is_ok();
    let is_readable = is_json && serde_json::from_slice::<serde_json::Value>(data).is_ok();
    match parsed {
        Err(BadJson::TooDeep) => {}
        Err(bad @ BadJson::Unreadable(_)) => {
            assert!(!is_readable, "{bad}: {}", String::from_utf8_lossy(data));
            assert_eq!(Problem::from(bad).status, 400);
        }
        Err(bad @ BadJson::Invalid(_)) => {
            assert!(is_json, "{bad}: {}", String::from_utf8_lossy(data));
            problem(Problem::from(bad));
        }
        Ok(value) => {
            assert!(is_json, "{}", String::from_utf8_lossy(data));
            if let Err(faults) = read(value) {
                assert!(!faults.is_empty());
                problem(Problem::invalid(faults));
            }
        }
    }
}

fn problem(problem: Problem) {
    assert_eq!(problem.status, 422);
    let is_pointer = |pointer: &str| pointer.is_empty() || pointer.starts_with('/');
    assert!(problem.errors.iter().all(|error| is_pointer(&error.pointer)), "{problem:?}");
    assert!(problem.errors.iter().all(|error| !error.detail.is_empty()), "{problem:?}");
    let text = serde_json::to_string(&problem).expect("a problem is JSON");
    let again: Problem = serde_json::from_str(&text).expect("it is read again");
    assert_eq!(again, problem);
}
