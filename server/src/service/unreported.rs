//! Text messages of which no report came: their provider is asked what became of them.
//!
//! What it says is noted as its report would have been, once, whichever comes first; what waits
//! behind the message goes on by that alone. Must never send anything, and holds nothing of the
//! outbox meanwhile.

use landfall_channels::NoAnswer;
use landfall_channels::sms::SmsReport;
use landfall_core::channel::DeliveryState;
use landfall_core::delivery::{Asked, ask_again};
use landfall_core::time::Timestamp;
use landfall_store::{AskAgain, Delivery};
use tokio_util::sync::CancellationToken;

use super::callbacks::SmsNews;
use super::outbox::subject;
use super::{ServiceError, Services};

/// For which a message is its asker's, in milliseconds: twice the longest time-out of a provider. It
/// is asked for again then, if the asker is no more.
const LEASE_MS: i64 = 4 * 60_000;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// It was answered, and what it told is stored.
    Answered,
    /// No answer came, or the provider is left alone: others would fare no better now.
    Unanswered,
    /// It was not asked: somebody else asks, the message has ended, or the server stops.
    Dropped,
}

impl Services {
    /// Gives text messages whose provider is to be asked by now, at most `limit`, those first that
    /// wait longest.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn unreported(&self, limit: usize) -> Result<Vec<Delivery>, ServiceError> {
        Ok(self.store.unreported(self.now(), limit).await?)
    }

    /// Asks what became of a text message and notes it; `stop` ends the wait for the answer.
    ///
    /// # Errors
    /// When the store is away; then it is asked for again later.
    pub async fn ask_about(
        &self,
        sms: &Delivery,
        stop: &CancellationToken,
    ) -> Result<Question, ServiceError> {
        let Some(from) = sms.ask_at.filter(|_| !stop.is_cancelled()) else {
            return Ok(Question::Dropped);
        };
        let leased = self.now().plus_ms(LEASE_MS);
        if !self.move_question(sms, from, Some(leased)).await? {
            return Ok(Question::Dropped);
        }
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Question::Dropped),
            answer = self.inquire(sms) => answer,
        };
        let (question, asked) = match answer {
            Ok(told) => {
                self.note_told(sms, told).await?;
                (Question::Answered, Asked::OnItsWay)
            }
            Err(NoAnswer { after, code }) => {
                tracing::debug!(code, "no answer on what became of a text message");
                let after_ms =
                    after.map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
                (Question::Unanswered, Asked::Unanswered { after_ms })
            }
        };
        let jitter = u64::from_ne_bytes(self.ids.bytes());
        // It has not changed since it was taken. Of one that has ended nothing is moved.
        let again = ask_again(sms.updated_at, self.now(), asked, jitter);
        self.move_question(sms, leased, again).await?;
        Ok(question)
    }

    async fn inquire(&self, sms: &Delivery) -> Result<Option<SmsReport>, NoAnswer> {
        let named = sms.provider.as_deref().and_then(|name| self.outbox.registry.named(name));
        match named.zip(sms.reference.as_deref()) {
            Some((provider, reference)) => provider.inquire(reference, self.now()).await,
            // It is not configured any more.
            None => Ok(None),
        }
    }

    /// Notes what says how a message ended; nothing of one that may still go either way.
    async fn note_told(&self, sms: &Delivery, told: Option<SmsReport>) -> Result<(), ServiceError> {
        let Some(news) = told.and_then(ending) else { return Ok(()) };
        match self.note_sms(&subject(sms), &news).await {
            // It was forgotten meanwhile.
            Err(ServiceError::NotFound(_)) => Ok(()),
            noted => noted,
        }
    }

    async fn move_question(
        &self,
        sms: &Delivery,
        from: Timestamp,
        to: Option<Timestamp>,
    ) -> Result<bool, ServiceError> {
        let (tenant, id) = (sms.tenant.clone(), sms.id);
        Ok(self.store.ask_again(AskAgain { tenant, id, from, to }).await?)
    }
}

fn ending(SmsReport { sid, status, error_code, to, fate }: SmsReport) -> Option<SmsNews> {
    let status = status.filter(|status| status.state().0 != DeliveryState::Sent)?;
    Some(SmsNews { sid, status, code: error_code, number: to, fate })
}
