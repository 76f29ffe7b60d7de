//! Query strings: every fault is named, and no page is without a bound.

use axum::extract::Query;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use landfall_core::notify::FieldError;
use landfall_protocol::query::{AuditQuery, NotificationsQuery, Page, PageLimits, PageQuery};
use landfall_server::auth::bearer;

const LIMITS: PageLimits = PageLimits { default: 50, max: 500 };

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A token is looked for before anything else is known of the address.
    let token = bearer::from_query(text);
    assert!(token.is_none_or(|token| !token.is_empty()));
    let _ = (bearer::from_header(text), bearer::from_subprotocols(text));
    let Ok(path) = PathAndQuery::try_from(format!("/x?{text}")) else { return };
    let uri = Uri::from(path);
    if let Ok(Query(query)) = Query::<NotificationsQuery>::try_from_uri(&uri) {
        check(query.read(LIMITS).map(|filter| filter.page));
    }
    if let Ok(Query(query)) = Query::<AuditQuery>::try_from_uri(&uri) {
        check(query.read(LIMITS).map(|filter| filter.page));
    }
    if let Ok(Query(query)) = Query::<PageQuery>::try_from_uri(&uri) {
        check(query.read(LIMITS));
    }
}

fn check(read: Result<Page, Vec<FieldError>>) {
    match read {
        Ok(page) => {
            assert!((1..=LIMITS.max).contains(&page.limit), "{page:?}");
            assert!(page.offset <= i64::MAX as u64 && (page.offset == 0 || page.cursor.is_none()));
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| fault.pointer.starts_with("/query/")), "{faults:?}");
        }
    }
}
