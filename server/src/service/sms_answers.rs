//! What people answer to text messages: STOP, and START again.
//!
//! All tenants send from one number, and whoever answers it does not know of them: an answer holds
//! in every tenant that it concerns, and leaves no trace in another. No number reaches the trail.

use futures_util::{StreamExt as _, stream};
use landfall_core::audit::{Action, Details, Entity};
use landfall_core::channel::Channel;
use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use landfall_store::{AuditDraft, IdempotencyKey, StoreError, Suppression, Unit, Write};
use serde_json::json;

use super::links::LIFE_MS;
use super::{ServiceError, Services};

/// A person's wish about text messages, as they answered one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmsWish {
    /// No more of them.
    Stop,
    /// They may come again.
    Start,
}

/// An answer to a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsAnswer {
    /// The number that answered.
    pub number: String,
    /// What it asks for.
    pub wish: SmsWish,
    /// The provider's name of the answer.
    pub message: Option<String>,
}

/// Tenants that are read at once, and of those so many are asked at the same time.
const PAGE: usize = 256;
const AT_ONCE: usize = 8;
/// For so long a repetition goes on where the first was broken off, in milliseconds; afterwards it
/// is an old answer, which changes nothing.
const RESUMED_MS: i64 = 3_600_000;

impl Services {
    /// Keeps an answer: in the tenant that it came to, and in all others that hold something of
    /// its number. The same answer once more changes nothing, whatever was asked for since; within
    /// an hour it goes on where the first was broken off.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn sms_answer(
        &self,
        tenant: &Tenant,
        answer: &SmsAnswer,
    ) -> Result<(), ServiceError> {
        let now = self.now();
        let begun = self.keep_answer(tenant, answer).await?.unwrap_or(now);
        if now.as_ms() - begun.as_ms() > RESUMED_MS {
            return Ok(());
        }
        let _turn = self.turns.searching.acquire().await;
        let mut after = None;
        loop {
            let page = self.store.trails(after, PAGE).await?;
            let (is_last, last) = (page.len() < PAGE, page.last().cloned());
            let mut kept = stream::iter(page)
                .map(|other| async move {
                    if other == *tenant {
                        return Ok(());
                    }
                    self.keep_elsewhere(&other, answer, begun).await
                })
                .buffer_unordered(AT_ONCE);
            while let Some(kept) = kept.next().await {
                kept?;
            }
            if is_last {
                return Ok(());
            }
            after = last;
        }
    }

    /// Keeps an answer in a tenant that it concerns: STOP where somebody has the number, START
    /// where it was suppressed when the answer came.
    async fn keep_elsewhere(
        &self,
        tenant: &Tenant,
        answer: &SmsAnswer,
        begun: Timestamp,
    ) -> Result<(), ServiceError> {
        let hash = self.address_hash(tenant, Channel::Sms, &answer.number);
        let held = self.store.suppression(tenant, Channel::Sms, hash).await?;
        let concerns = match (answer.wish, held) {
            (SmsWish::Stop, None) => self.store.has_phone(tenant, hash).await?,
            (SmsWish::Start, Some(held)) => held.at <= begun,
            (SmsWish::Stop, Some(_)) | (SmsWish::Start, None) => false,
        };
        if concerns {
            self.keep_answer(tenant, answer).await?;
        }
        Ok(())
    }

    /// Keeps an answer in one tenant; tells when it had come before, if it had.
    async fn keep_answer(
        &self,
        tenant: &Tenant,
        answer: &SmsAnswer,
    ) -> Result<Option<Timestamp>, ServiceError> {
        let at = self.now();
        let address = self.address_hash(tenant, Channel::Sms, &answer.number);
        let (write, action) = match answer.wish {
            SmsWish::Stop => {
                let suppression = Suppression {
                    channel: Channel::Sms,
                    address,
                    reason: "opted out by answering".to_owned(),
                    source: "recipient".to_owned(),
                    at,
                };
                (Write::Suppress(Box::new(suppression)), Action::OptedOut)
            }
            SmsWish::Start => {
                (Write::Unsuppress { channel: Channel::Sms, address }, Action::OptedIn)
            }
        };
        let mut unit = Unit::new(tenant);
        unit.writes.push(write);
        unit.idempotency = answer.message.as_deref().map(|message| once(message, at));
        let metadata = json!({ "channel": "sms", "source": "recipient" }).to_string();
        let details = self.ids.salted(Details { actor: None, target: None, metadata });
        let entity = Entity::Other("phone", "hidden".to_owned());
        unit.audit.push(AuditDraft { at, action, entity, details });
        match self.commit(unit).await {
            Ok(_) => Ok(None),
            Err(StoreError::Duplicate(first)) => {
                Ok(first.memo.parse().ok().map(Timestamp::from_ms))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Names an answer for as long as a link works: keys go by their age, and one that was forgotten
/// after a day would let an old START lift a newer STOP.
fn once(message: &str, at: Timestamp) -> IdempotencyKey {
    IdempotencyKey {
        scope: "sms reply".to_owned(),
        key: message.to_owned(),
        digest: [0; 32],
        memo: at.as_ms().to_string(),
        at: at.plus_ms(LIFE_MS),
    }
}
