//! Sends that a person makes by hand, and a test of one's own channels (S0, S4, contract 3).
//!
//! They go the way of every notification; only who may, and what is told beside, is decided here.

use std::time::Duration;

use landfall_core::auth::Caller;
use landfall_core::channel::Channel;
use landfall_core::id::UserId;
use landfall_core::notify::{Draft, Recipients};
use landfall_core::plan::Strategy;
use landfall_store::StoreError;
use tokio_util::sync::CancellationToken;

use super::audit::require_admin;
use super::compose::Letter;
use super::forecast::Forecast;
use super::notify::{Accepted, Notified, RequestKey, require_scopes};
use super::outcome::Outcome;
use super::{ServiceError, Services};

/// The type of a test notification (S0).
const TEST_TYPE: &str = "test";
/// For so long a test waits for its channels.
const TEST_WAIT: Duration = Duration::from_secs(10);

/// By which right a manual send is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desk {
    /// Whoever may send notifications; a teacher to the classes they teach (S0).
    Staff,
    /// An admin (S4).
    Admin,
}

/// What a manual send would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// Whom it would not reach, and why.
    pub rejected: Vec<(UserId, String)>,
    /// What it would do for the others.
    pub forecast: Forecast,
}

/// Words of a test notification, where its user has some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestWords {
    /// Headline.
    pub title: Option<String>,
    /// Text.
    pub message: Option<String>,
}

/// What became of a test notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// How it was stored.
    pub accepted: Accepted,
    /// How it stands.
    pub outcome: Outcome,
}

impl Services {
    /// Stores a manual send and says what it does.
    ///
    /// # Errors
    /// As [`Services::notify`]; `Forbidden` at an admin's desk for anybody else.
    pub async fn send_by_hand(
        &self,
        caller: &Caller,
        desk: Desk,
        draft: Draft,
        key: Option<RequestKey>,
    ) -> Result<Notified, ServiceError> {
        let (mut letter, DryRun { forecast, .. }) = self.foreseen(caller, desk, &draft).await?;
        letter.forecast = Some(Box::new(forecast));
        self.accept(caller, &draft, &letter, key).await
    }

    /// Says what a manual send would do, and does nothing.
    ///
    /// # Errors
    /// As [`Services::send_by_hand`].
    pub async fn dry_run(
        &self,
        caller: &Caller,
        desk: Desk,
        draft: Draft,
    ) -> Result<DryRun, ServiceError> {
        Ok(self.foreseen(caller, desk, &draft).await?.1)
    }

    async fn foreseen(
        &self,
        caller: &Caller,
        desk: Desk,
        draft: &Draft,
    ) -> Result<(Letter<'_>, DryRun), ServiceError> {
        if desk == Desk::Admin {
            require_admin(caller)?;
        }
        let letter = self.checked(caller, draft)?;
        require_scopes(caller, draft, letter.content.priority)?;
        let reach = self.reach_of(caller, &draft.recipients).await?;
        let is_one = matches!(draft.recipients, Recipients::User(_));
        let phone = draft.phone_number.as_deref().filter(|_| is_one);
        let brought = self.brought(&caller.tenant, phone).await?;
        let forecast = self.forecast(&caller.tenant, &letter, &reach, brought).await?;
        Ok((letter, DryRun { rejected: reach.rejected, forecast }))
    }

    /// Sends the caller a notification over each of their channels at once, and waits for what
    /// becomes of it, but not once `stop` is cancelled. Needs no scope for the usual words. Words of
    /// one's own do: whom a phone number or mailbox belongs to was never checked.
    ///
    /// # Errors
    /// `Forbidden` for own words without the scope to send tests; `Invalid` for words that are too
    /// long; `Store` when it is not committed.
    pub async fn send_test(
        &self,
        caller: &Caller,
        words: TestWords,
        stop: &CancellationToken,
    ) -> Result<Tested, ServiceError> {
        if words != TestWords::default() && !caller.may_send(TEST_TYPE) {
            return Err(ServiceError::needs(
                "notify:send or notify:send:test for words of your own",
            ));
        }
        let draft = test_draft(caller, words);
        let letter = self.checked(caller, &draft)?;
        let Notified::One(accepted) = self.accept(caller, &draft, &letter, None).await? else {
            let fault = StoreError::Internal("a test became a send to many".into());
            return Err(ServiceError::Store(fault));
        };
        let unseen = || Outcome { plan: accepted.plan.clone(), deliveries: vec![] };
        let outcome = self.outcome(caller, &accepted, TEST_WAIT, stop).await;
        Ok(Tested { outcome: outcome.unwrap_or_else(unseen), accepted })
    }
}

fn test_draft(caller: &Caller, TestWords { title, message }: TestWords) -> Draft {
    let said = title.is_some() || message.is_some();
    let usual = |text: &str| (!said).then(|| text.to_owned());
    Draft {
        recipients: Recipients::User(caller.user.clone()),
        notification_type: Some(TEST_TYPE.to_owned()),
        template_id: None,
        title: title.or_else(|| usual("Test notification")),
        message: message.or_else(|| usual("If you can read this, it reached you.")),
        data: None,
        channels: Channel::ALL.to_vec(),
        priority: None,
        strategy: Some(Strategy::All),
        escalate_after_seconds: None,
        locale: None,
        image: None,
        actions: None,
        link: None,
        phone_number: None,
        ttl_seconds: None,
        due: None,
        digest: None,
    }
}
