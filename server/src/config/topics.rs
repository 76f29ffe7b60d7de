//! Settings of `[topics]`.

use serde::Deserialize;

use super::Seconds;
use crate::service::notices::NoticeSettings;

/// Topics and their messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSettings {
    /// Where the notification of a message leads; `{topic_id}` stands for its topic, nothing for nowhere.
    pub link: String,
    /// A member who has not read what they were told of is told again only after this.
    pub notice_window_seconds: Seconds,
}

impl TopicSettings {
    /// Says how members are told of messages who are not there.
    pub fn notices(&self) -> NoticeSettings {
        NoticeSettings {
            link: Some(self.link.clone()).filter(|link| !link.is_empty()),
            window_ms: self.notice_window_seconds.millis(),
        }
    }
}
