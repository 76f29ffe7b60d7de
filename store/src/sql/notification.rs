//! A notification's row as it stands now.

use std::sync::Arc;

use landfall_core::id::{NotificationId, SendId};
use landfall_core::notification::Notification;

use super::{Corrupt, Row, codes, content};

/// The columns of a notification `n` on its feed `f`, as [`read`] reads them.
pub(crate) const COLUMNS: &str = "n.id, f.owner, n.type, n.template_id, n.title, n.message, n.data,
    n.priority, n.locale, n.sender_id, n.sender_name, n.image, n.actions, n.link, n.born,
    n.changed, n.created_at, n.expires_at, n.delivered_at, n.attempts,
    coalesce(n.read_at, case when n.born <= f.read_up_to then f.read_mark_at end),
    n.deleted, n.channels, n.send_id";

/// How many columns these are.
pub(crate) const WIDTH: usize = 24;

/// Reads a notification from the first columns of a row.
pub(crate) fn read(row: &dyn Row) -> Result<Notification, Corrupt> {
    let delivered_at = row.optional_time(18)?;
    Ok(Notification {
        id: NotificationId(row.uuid(0)?),
        user: row.user(1)?,
        content: Arc::new(content::read(row, 2)?),
        number: row.number(14)?,
        changed: row.number(15)?,
        created_at: row.time(16)?,
        expires_at: row.optional_time(17)?,
        delivered_at,
        attempts: u32::try_from(row.int(19)?).map_err(|_| Corrupt::new(19, "count"))?,
        read_at: row.optional_time(20)?,
        deleted: row.flag(21)?,
        channels: codes::plan_now(codes::plan(row, 22)?, delivered_at),
        send: row.optional_uuid(23)?.map(SendId),
    })
}
