//! Telling members of messages who are not there (S3, contract 4).
//!
//! A message leaves word that its topic has news; here the members are found who have neither read it nor are
//! connected, and each gets one notification for the topic, which takes the place of the last one while that is
//! unread. Whoever muted the topic, or is not to be disturbed, gets none.

use std::sync::Arc;

use landfall_core::feed::FeedKey;
use landfall_core::id::{TopicId, UserId};
use landfall_core::message::{Latest, Marks, Message, News};
use landfall_core::notification::{Content, JsonText};
use landfall_core::preference::{About, Preferences};
use landfall_core::topic::Topic;
use landfall_store::{
    MessageSlice, NotedMember, NotedMembers, Notice, NoticePace, Recipient, Recipients, Unit,
    Untold, Write,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::compose::{Addressee, Letter, Worded};
use super::people::{Wishes, read_wishes};
use super::routing::Asked;
use super::tally::Tally;
use super::{ServiceError, Services, deciding};

/// How members are told of messages who are not there.
#[derive(Debug, Clone)]
pub struct NoticeSettings {
    /// Where the notification leads; `{topic_id}` stands for the topic.
    pub link: Option<String>,
    /// Milliseconds after which somebody who has not read is told again.
    pub window_ms: i64,
}

/// The types, and templates, of what members are told.
const MESSAGE: &str = "topic_message";
const MENTION: &str = "topic_mention";
/// What a path cannot hold as it is (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Topics that are worked on in one round.
const TOPICS_PER_ROUND: usize = 16;
/// Of a topic that is worked on others take care only when that takes longer.
const LEASE_MS: i64 = 60_000;
/// The newest messages of a topic, and the newest that mention somebody, of which members are told.
const MESSAGES_MAX: usize = 50;
/// Whoever was connected when a message came may have gone without it: it is looked again so often, and no more
/// once the newest message is so old.
const AGAIN_MS: i64 = 10_000;
const CONNECTED_MS: i64 = 180_000;

/// A topic whose members are told.
struct Telling<'a> {
    notice: &'a Notice,
    topic: Topic,
    latest: Latest,
    pace: NoticePace,
}

impl Services {
    /// Tells members of the messages of topics that are due; tells of how many topics.
    ///
    /// # Errors
    /// When nothing could be done; it is tried again.
    pub async fn tell_absent(&self) -> Result<usize, ServiceError> {
        let now = self.now();
        let until = now.plus_ms(LEASE_MS);
        let notices = self.store.claim_notices(now, until, TOPICS_PER_ROUND).await?;
        let (count, mut tally) = (notices.len(), Tally::of("notices"));
        for notice in notices {
            tally.add(self.tell_of(&notice).await);
        }
        tally.finish(&self.troubles)?;
        Ok(count)
    }

    async fn tell_of(&self, notice: &Notice) -> Result<(), ServiceError> {
        let Notice { tenant, topic, .. } = notice;
        let latest = self.latest(notice).await?;
        let now = self.now();
        let is_recent = |newest: &Message| newest.created_at.plus_ms(CONNECTED_MS) > now;
        let pace = NoticePace {
            now,
            since: self.since(),
            window_ms: self.settings.notices.window_ms,
            waits_for_connected: latest.messages.first().is_some_and(is_recent),
            again_ms: AGAIN_MS,
        };
        let view = match latest.messages.first() {
            Some(newest) => self.store.topic(tenant, topic, &newest.sender).await?,
            None => None,
        };
        // Its messages were deleted, or all of it was: there is nothing to tell.
        let Some(view) = view else { return Ok(self.store.settle_notice(notice, None).await?) };
        let telling = Telling { notice, topic: view.topic, latest, pace };
        self.tell_members(&telling).await?;
        Ok(self.store.settle_notice(notice, Some(pace)).await?)
    }

    /// Reads what a topic's members are told of: once, however many they are.
    async fn latest(
        &self,
        Notice { tenant, topic, up_to }: &Notice,
    ) -> Result<Latest, ServiceError> {
        let below = up_to.next();
        let newest = MessageSlice::Newest { below: Some(below) };
        let messages = self.store.messages(tenant, topic, newest, MESSAGES_MAX).await?;
        let mentions = MessageSlice::Mentioning { below };
        let mentioning = self.store.messages(tenant, topic, mentions, MESSAGES_MAX).await?;
        Ok(Latest { messages, mentioning })
    }

    async fn tell_members(&self, telling: &Telling<'_>) -> Result<(), ServiceError> {
        let mut after = String::new();
        loop {
            let from = &after;
            let last = deciding(|| async move { self.tell_page(telling, from.clone()).await });
            match last.await? {
                Some(last) => after = last.to_string(),
                None => return Ok(()),
            }
        }
    }

    /// Tells the next members after one; gives the last of them.
    async fn tell_page(
        &self,
        telling: &Telling<'_>,
        after: String,
    ) -> Result<Option<UserId>, ServiceError> {
        let Telling { notice, pace, .. } = telling;
        let Notice { tenant, topic, up_to } = notice;
        let page = self.store.untold(notice, *pace, after, self.settings.chunk).await?;
        let Some(last) = page.last().map(|untold| untold.user.clone()) else { return Ok(None) };
        // Who came since the nodes last noted it is here.
        let is_away =
            |untold: &Untold| self.connections.count(&FeedKey::inbox(tenant, &untold.user)) == 0;
        let away: Vec<Untold> = page.into_iter().filter(is_away).collect();
        let users = away.iter().map(|untold| untold.user.clone()).collect();
        let Recipients { users, everybody } = self.store.recipients(tenant, users).await?;
        let everybody = read_wishes(everybody.as_ref());
        let mut unit = Unit::new(tenant);
        let mut members = Vec::with_capacity(away.len());
        for (untold, recipient) in away.into_iter().zip(&users) {
            members.push(self.tell_one(telling, untold, (recipient, &everybody), &mut unit));
        }
        if !members.is_empty() {
            let (topic, up_to, at) = (topic.clone(), *up_to, pace.now);
            let noted = NotedMembers { topic, up_to, at, members };
            unit.writes.push(Write::NoteMembers(Box::new(noted)));
            self.commit(unit).await?;
        }
        Ok(Some(last))
    }

    /// Puts what one member is told into a unit, if anything; says what is to be noted of them.
    fn tell_one(
        &self,
        telling: &Telling<'_>,
        untold: Untold,
        (recipient, everybody): (&Recipient, &Preferences),
        unit: &mut Unit,
    ) -> NotedMember {
        let Untold { user, read_up_to, notified_up_to, notification: replaces } = untold;
        let mut noted = NotedMember { user, from: notified_up_to, notification: None };
        let marks = Marks { read: read_up_to, told: notified_up_to };
        let wishes = &Wishes::of(recipient, everybody);
        let is_wanted = |news: &News<'_>| !is_unwanted(wishes, kind_of(news), telling);
        let news = News::of(&noted.user, marks, &telling.latest).find(is_wanted);
        let Some(news) = news else { return noted };
        let letter = self.letter_of(telling, news);
        let addressee = Addressee { recipient, wishes, phone: None, replaces };
        match self.composed(&telling.notice.tenant, &letter, &addressee) {
            Ok(composed) => {
                noted.notification = Some(composed.new.id);
                unit.audit.push(match replaces {
                    Some(_) => self.replaced_entry(&composed.new),
                    None => self.created_entry(&composed.new),
                });
                composed.write(unit);
            }
            // The template itself does not work.
            Err(error) => {
                let (tenant, topic) = (&telling.notice.tenant, &telling.topic.id);
                tracing::error!(%error, %tenant, %topic, "a member is not told of a message");
            }
        }
        noted
    }

    fn letter_of(&self, telling: &Telling<'_>, news: News<'_>) -> Letter<'_> {
        let content = Arc::new(self.content_of(telling, news));
        let now = telling.pace.now;
        Letter {
            filled: self.refill(&content),
            content,
            asked: Asked::default(),
            topic: Some(telling.topic.id.clone()),
            send: None,
            named: None,
            due: None,
            digest: None,
            created_at: now,
            expires_at: self.expiry(None, now),
            forecast: None,
            worded: Worded::default(),
        }
    }

    fn content_of(&self, telling: &Telling<'_>, news: News<'_>) -> Content {
        let (kind, message) = (kind_of(&news), news.message);
        let topic = &telling.topic;
        let sender = message.sender_name.as_deref().unwrap_or(message.sender.as_str());
        let link = self.link_to(&topic.id);
        let data = json!({
            "topic_id": topic.id.as_str(),
            "room_id": message.body.room_id,
            "message_id": message.id.to_string(),
            "number": message.number.to_string(),
            "sender": sender,
            "topic": topic.title,
            "preview": message.body.preview(),
            "link": link,
        });
        Content {
            notification_type: kind.to_owned(),
            template_id: Some(kind.to_owned()),
            title: String::new(),
            message: String::new(),
            data: JsonText::trusted(&data.to_string()),
            priority: self
                .templates
                .get(kind)
                .map(|template| template.priority())
                .unwrap_or_default(),
            locale: None,
            sender_id: Some(message.sender.clone()),
            sender_name: message.sender_name.clone(),
            image: None,
            actions: None,
            link,
        }
    }

    /// Says where somebody is led who wants to see a topic.
    fn link_to(&self, topic: &TopicId) -> Option<String> {
        let id = utf8_percent_encode(topic.as_str(), RESERVED).to_string();
        Some(self.settings.notices.link.as_ref()?.replace("{topic_id}", &id))
    }
}

const fn kind_of(news: &News<'_>) -> &'static str {
    if news.is_mention { MENTION } else { MESSAGE }
}

/// Says whether somebody wants no word of a topic now.
fn is_unwanted(wishes: &Wishes<'_>, notification_type: &str, telling: &Telling<'_>) -> bool {
    let resolved = wishes.resolved(About { notification_type, topic: Some(&telling.topic.id) });
    let is_busy = resolved.do_not_disturb_until.is_some_and(|until| until > telling.pace.now);
    is_busy || resolved.is_muted()
}
