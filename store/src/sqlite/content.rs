//! What a notification says, as columns: the same twelve in a notification's row and in a send's.

use landfall_core::notification::{Content, JsonText};
use rusqlite::Row;

use super::rows;

/// Reads the columns type, template_id, title, message, data, priority, locale, sender_id,
/// sender_name, image, actions and link, which begin at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Content> {
    let json = |text: String| JsonText::trusted(&text);
    let sender: Option<String> = row.get(first + 7)?;
    Ok(Content {
        notification_type: row.get(first)?,
        template_id: row.get(first + 1)?,
        title: row.get(first + 2)?,
        message: row.get(first + 3)?,
        data: json(row.get(first + 4)?),
        priority: rows::priority(row.get(first + 5)?)?,
        locale: row.get(first + 6)?,
        sender_id: sender.as_deref().map(rows::user).transpose()?,
        sender_name: row.get(first + 8)?,
        image: row.get(first + 9)?,
        actions: row.get::<_, Option<String>>(first + 10)?.map(json),
        link: row.get(first + 11)?,
    })
}
