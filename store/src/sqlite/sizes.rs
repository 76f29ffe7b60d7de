//! What SQLite's planner is told of a large store.
//!
//! Without statistics it takes a tenant's rows for about ten, and walks over all of them where an
//! index finds three. Statistics of the store as it is would make a plan depend on the day on which
//! they were taken, so it is told the same of every store.

use rusqlite::Connection;

use super::open::fault;
use crate::Answer;

/// A table, one of its indexes, and of that how many rows it has and how many of them share its
/// first column, its first two, and so on. A primary key goes by the table's name. In the order of
/// their names.
const SIZES: [(&str, &str, &str); 77] = [
    ("activity", "activity", "1000000 100000 100 1"),
    ("activity", "activity_decided", "900000 1"),
    ("activity", "activity_kind", "1000000 100000 100 20 10 1 1"),
    ("activity", "activity_status", "1000000 100000 100 50 1 1"),
    ("address", "address", "1000000 100000 1"),
    ("address", "address_hash", "1000000 100000 1"),
    ("address", "address_user", "1000000 100000 3 1"),
    ("audit_entry", "audit_entry", "1000000 100000 1"),
    ("audit_entry", "audit_entry_about", "500000 50000 5 1"),
    ("audit_entry", "audit_entry_target", "1000000 100000 50 1"),
    ("audit_forgotten", "audit_forgotten", "1000 1"),
    ("blob", "blob", "1000000 100000 1"),
    ("blob", "blob_file", "1000000 1"),
    ("blob", "blob_unneeded", "10000 1"),
    ("blob_uploader", "blob_uploader", "1000000 100000 2 1"),
    ("branch", "branch", "1000000 50 50 2 1"),
    ("branch", "branch_at", "1000000 1"),
    ("calendar", "calendar", "100000 10000 1"),
    ("calendar", "calendar_nonce", "100000 1"),
    ("delivery", "delivery", "1000000 100000 1"),
    ("delivery", "delivery_age", "900000 1"),
    ("delivery", "delivery_due", "10000 4000 1000 500 2 1"),
    ("delivery", "delivery_leased", "256 64 1"),
    ("delivery", "delivery_of", "1000000 100000 3 1"),
    ("delivery", "delivery_open", "10000 2"),
    ("device", "device", "1000000 100000 3 1"),
    ("digest", "digest", "10000 1000 2 1"),
    ("digest", "digest_due", "10000 2"),
    ("entity", "entity", "1000000 50 10 1"),
    ("entity", "entity_changed", "1000000 50 1"),
    ("entity", "entity_deleted", "100000 1"),
    ("entity", "entity_updated", "1000000 50 1"),
    ("entity_version", "entity_version", "1000000 50 10 5 1"),
    ("entity_version", "entity_version_at", "1000000 1"),
    ("event", "event", "100000 10000 1"),
    ("event", "event_class", "100000 10000 10 1"),
    ("event", "event_expand", "10000 2"),
    ("event", "event_quiz", "10000 1000 1"),
    ("firing", "firing", "1000000 100000 20 3 1"),
    ("firing", "firing_noted", "1000000 2"),
    ("lesson", "lesson", "1000000 100000 1"),
    ("lesson", "lesson_changed", "1000000 100000 100 1"),
    ("lesson", "lesson_class", "1000000 100000 100 1"),
    ("lesson", "lesson_expiry", "10000 1"),
    ("lesson", "lesson_updated", "1000000 100000 100 1"),
    ("lesson_blob", "lesson_blob", "1000000 100000 2 1"),
    ("lesson_blob", "lesson_blob_lesson", "1000000 100000 3 1"),
    ("message", "message", "1000000 1000 1"),
    ("message", "message_changed", "1000000 1000 1"),
    ("message", "message_client", "900000 900 10 1"),
    ("message", "message_id", "1000000 100000 1"),
    ("message", "message_sender", "1000000 1000 10 1"),
    ("notification", "notification", "1000000 50 1"),
    ("notification", "notification_changed", "1000000 50 1"),
    ("notification", "notification_expiring", "10000 1"),
    ("notification", "notification_id", "1000000 100000 1"),
    ("notification", "notification_pending", "10000 2 1"),
    ("notification", "notification_send", "100000 1000 1"),
    ("occurrence", "occurrence", "1000000 100000 5 1"),
    ("occurrence", "occurrence_ends", "1000000 2"),
    ("occurrence", "occurrence_new", "100 1"),
    ("occurrence", "occurrence_starts", "1000000 2"),
    ("operation", "operation", "1000000 100000 100 1"),
    ("operation", "operation_at", "1000000 1"),
    ("quiz", "quiz", "100000 10000 1"),
    ("quiz", "quiz_class", "100000 10000 10"),
    ("reminder_choice", "reminder_choice", "100000 5000 500 1"),
    ("reminder_choice", "reminder_choice_user", "100000 10000 3"),
    ("sync_conflict", "sync_conflict", "100000 10000 1"),
    ("sync_conflict", "sync_conflict_open", "10000 10 5 1 1"),
    ("sync_conflict", "sync_conflict_resolved", "90000 1"),
    ("sync_conflict", "sync_conflict_user", "100000 10000 10 1"),
    ("sync_session", "sync_session", "1000000 100000 100 1"),
    ("sync_session", "sync_session_device", "1000000 100000 100 40 1"),
    ("sync_session", "sync_session_ended", "1000000 1"),
    ("topic_member", "topic_member", "1000000 100000 30 1"),
    ("topic_member", "topic_member_user", "1000000 100000 5 1"),
];

/// Tells the planner, on this connection and on those that are opened from now on; writes only what
/// it was not told before.
pub(super) fn tell(connection: &mut Connection) -> Answer<()> {
    if known(connection).map_err(fault)? {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(fault)?;
    // The first makes the table of statistics.
    transaction.execute_batch("analyze setting; delete from sqlite_stat1").map_err(fault)?;
    for row in SIZES {
        let sql = "insert into sqlite_stat1 (tbl, idx, stat) values (?1, ?2, ?3)";
        transaction.execute(sql, row).map_err(fault)?;
    }
    transaction.commit().map_err(fault)?;
    // Has it read.
    connection.execute_batch("analyze sqlite_schema").map_err(fault)
}

fn known(connection: &Connection) -> rusqlite::Result<bool> {
    if !connection.table_exists(None, "sqlite_stat1")? {
        return Ok(false);
    }
    let sql = "select tbl, idx, stat from sqlite_stat1 order by tbl, idx";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let told: Vec<(String, String, String)> = rows.collect::<Result<_, _>>()?;
    Ok(told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).eq(SIZES))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::migrate::migrate;
    use super::*;

    #[test]
    fn what_the_planner_is_told_is_written_once_and_put_right() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        assert!(known(&connection).unwrap());
        let before = connection.total_changes();
        tell(&mut connection).unwrap();
        assert_eq!(connection.total_changes(), before);
        // An operator had it look for itself.
        connection.execute_batch("insert into setting values ('x', 'y'); analyze").unwrap();
        assert!(!known(&connection).unwrap());
        tell(&mut connection).unwrap();
        assert!(known(&connection).unwrap());
    }

    #[test]
    fn every_index_that_is_named_is_there() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let mut found = connection
            .prepare("select 1 from sqlite_schema where tbl_name = ?1 and name = ?2")
            .unwrap();
        for (table, index, _) in SIZES {
            assert!(found.exists((table, index)).unwrap(), "{index}");
        }
    }
}
