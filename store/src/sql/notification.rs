//! A notification's row as it stands now.

use std::sync::Arc;

use landfall_core::id::{NotificationId, SendId};
use landfall_core::notification::{News, Notification};

use super::{Corrupt, Row, codes, content};

macro_rules! news_columns {
    () => {
        "n.id, n.type, n.template_id, n.title, n.message, n.data, n.priority, n.locale, n.sender_id,
         n.sender_name, n.image, n.actions, n.link, n.born, n.changed, n.created_at, n.expires_at,
         n.delivered_at,
         coalesce(n.read_at, case when n.born <= f.read_up_to then f.read_mark_at end), n.deleted"
    };
}

/// The columns of a notification `n` on its feed `f` that devices are told of, as [`news`] reads them.
pub(crate) const NEWS_COLUMNS: &str = news_columns!();

/// How many columns these are.
pub(crate) const NEWS_WIDTH: usize = 20;

/// All columns of a notification `n` on its feed `f`, as [`read`] reads them.
pub(crate) const COLUMNS: &str =
    concat!(news_columns!(), ", f.owner, n.attempts, n.channels, n.send_id");

/// How many columns these are.
pub(crate) const WIDTH: usize = NEWS_WIDTH + 4;

/// Reads what devices are told from the first columns of a row.
pub(crate) fn news(row: &dyn Row) -> Result<News, Corrupt> {
    Ok(News {
        id: NotificationId(row.uuid(0)?),
        content: Arc::new(content::read(row, 1)?),
        number: row.number(13)?,
        changed: row.number(14)?,
        created_at: row.time(15)?,
        expires_at: row.optional_time(16)?,
        delivered_at: row.optional_time(17)?,
        read_at: row.optional_time(18)?,
        deleted: row.flag(19)?,
    })
}

/// Reads a notification from the first columns of a row.
pub(crate) fn read(row: &dyn Row) -> Result<Notification, Corrupt> {
    const OWNER: usize = NEWS_WIDTH;
    const ATTEMPTS: usize = OWNER + 1;
    let News {
        id,
        content,
        number,
        changed,
        created_at,
        expires_at,
        delivered_at,
        read_at,
        deleted,
    } = news(row)?;
    Ok(Notification {
        id,
        user: row.user(OWNER)?,
        content,
        number,
        changed,
        created_at,
        expires_at,
        delivered_at,
        attempts: u32::try_from(row.int(ATTEMPTS)?).map_err(|_| Corrupt::new(ATTEMPTS, "count"))?,
        read_at,
        deleted,
        channels: codes::plan_now(codes::plan(row, OWNER + 2)?, delivered_at),
        send: row.optional_uuid(OWNER + 3)?.map(SendId),
    })
}
