//! The secret under which a person's calendar is read by programs that have no token (contract 5).
//!
//! A secret is made from a nonce that is stored and a key that is not: whoever reads the store cannot open a
//! calendar, and another nonce makes another secret.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_core::audit::{Action, Entity};
use landfall_core::auth::Caller;
use landfall_core::id::{Tenant, UserId};
use landfall_core::schedule::Event;
use landfall_core::time::Timestamp;
use landfall_store::{EventFilter, EventsOf, ScheduleWrite, Write};
use serde_json::json;
use uuid::Uuid;

use super::stored::event_of;
use crate::secret::Secret;
use crate::service::revocations::unit_of;
use crate::service::{ServiceError, Services, deciding};
use crate::vault::Purpose;

/// Bytes of the proof that a secret was made here.
const PROOF_LEN: usize = 16;
/// Events that a calendar shows.
const EVENTS_SHOWN: usize = 2_000;
/// For so long what is over is still shown.
const SHOWN_AFTER_MS: i64 = 90 * 24 * 3_600_000;

impl Services {
    /// Gives the secret of the caller's calendar, which has one from the first time on.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn calendar_secret(&self, caller: &Caller) -> Result<Secret, ServiceError> {
        match self.store.calendar(&caller.tenant, &caller.user).await? {
            Some(nonce) => Ok(self.secret_of(&caller.tenant, &caller.user, nonce)),
            None => self.rotate_calendar(caller).await,
        }
    }

    /// Gives the caller's calendar another secret; the one before opens nothing any more.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn rotate_calendar(&self, caller: &Caller) -> Result<Secret, ServiceError> {
        let (tenant, user) = (&caller.tenant, &caller.user);
        deciding(|| async {
            let nonce = Uuid::from_bytes(self.ids.bytes());
            let mut unit = unit_of(caller);
            let put = ScheduleWrite::PutCalendar { user: user.clone(), nonce, at: self.now() };
            unit.writes.push(Write::Schedule(Box::new(put)));
            let entity = Entity::Other("user", user.to_string());
            unit.audit.push(self.entry(caller, Action::CalendarRotated, entity, json!({})));
            self.commit(unit).await?;
            Ok(self.secret_of(tenant, user, nonce))
        })
        .await
    }

    /// Gives the events of the calendar that a secret opens, those that are over for not too long too.
    ///
    /// # Errors
    /// `NotFound` where it opens none.
    pub async fn calendar(&self, secret: &str) -> Result<Vec<Event>, ServiceError> {
        const NONE: ServiceError = ServiceError::NotFound("calendar");
        let bytes = URL_SAFE_NO_PAD.decode(secret).map_err(|_| NONE)?;
        let (nonce, _) = bytes.split_first_chunk().ok_or(NONE)?;
        let nonce = Uuid::from_bytes(*nonce);
        let (tenant, user) = self.store.calendar_of(nonce).await?.ok_or(NONE)?;
        let known = self.secret_bytes(&tenant, &user, nonce);
        verify_slices_are_equal(&bytes, &known).map_err(|_| NONE)?;
        let filter = EventFilter {
            of: EventsOf::User(user),
            behind: None,
            from: self.now().plus_ms(-SHOWN_AFTER_MS),
            to: Timestamp::from_ms(i64::MAX / 2),
            limit: EVENTS_SHOWN,
        };
        let stored = self.store.events(&tenant, filter).await?;
        Ok(stored.iter().map(event_of).collect::<Result<_, _>>()?)
    }

    fn secret_of(&self, tenant: &Tenant, user: &UserId, nonce: Uuid) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.secret_bytes(tenant, user, nonce)))
    }

    fn secret_bytes(&self, tenant: &Tenant, user: &UserId, nonce: Uuid) -> Vec<u8> {
        let whose = format!("{nonce} {user}");
        let proof = self.people.vault.hash(tenant, Purpose::Calendar, &whose);
        let mut bytes = nonce.as_bytes().to_vec();
        bytes.extend_from_slice(&proof[..PROOF_LEN]);
        bytes
    }
}
