//! What a notification says, as columns: the same twelve in a notification's row and in a send's.

use landfall_core::id::UserId;
use landfall_core::notification::{Content, JsonText};

use super::{Corrupt, Row, codes};

/// Reads the columns type, template_id, title, message, data, priority, locale, sender_id,
/// sender_name, image, actions and link, which begin at `first`.
pub(crate) fn read(row: &dyn Row, first: usize) -> Result<Content, Corrupt> {
    let sender = first + 7;
    let user = |text: &str| UserId::parse(text).map_err(|_| Corrupt::new(sender, "user id"));
    Ok(Content {
        notification_type: row.string(first)?,
        template_id: row.optional_string(first + 1)?,
        title: row.string(first + 2)?,
        message: row.string(first + 3)?,
        data: JsonText::trusted(row.text(first + 4)?),
        priority: codes::priority(row, first + 5)?,
        locale: row.optional_string(first + 6)?,
        sender_id: row.optional_text(sender)?.map(user).transpose()?,
        sender_name: row.optional_string(first + 8)?,
        image: row.optional_string(first + 9)?,
        actions: row.optional_text(first + 10)?.map(JsonText::trusted),
        link: row.optional_string(first + 11)?,
    })
}
