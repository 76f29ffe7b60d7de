//! Signed links: what a device, a provider or a mail program calls back without a token.
//!
//! A link says what it is for and whom it is about, and cannot be made or changed by anybody else.
//! It gives no more than its one purpose, and ends.

use landfall_core::cursor::{Cursor, CursorKey, Position};
use landfall_core::feed::{Epoch, Number};
use landfall_core::id::{DeliveryId, NotificationId, Tenant, UserId};
use landfall_core::time::Timestamp;

/// For how long a link works, in milliseconds: push services keep messages for four weeks, and a
/// mail may be opened later.
pub(super) const LIFE_MS: i64 = 180 * 86_400_000;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A service worker tells that a push was shown or clicked.
    Receipt,
    /// Twilio tells what became of a text message.
    SmsStatus,
    /// A recipient ends the e-mails of a kind (RFC 8058).
    Unsubscribe,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "link/receipt",
            Self::SmsStatus => "link/sms-status",
            Self::Unsubscribe => "link/unsubscribe",
        }
    }

    /// Names the path that such a link leads to.
    const fn path(self) -> &'static str {
        match self {
            Self::Receipt => "/api/v1/receipts/",
            Self::SmsStatus => "/api/v1/callbacks/sms/",
            Self::Unsubscribe => "/api/v1/unsubscribe/",
        }
    }
}

/// Whom and what a link is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Whose server.
    pub tenant: Tenant,
    /// For whom the delivery was.
    pub user: UserId,
    /// Of which notification.
    pub notification: NotificationId,
    /// Which delivery.
    pub delivery: DeliveryId,
}

/// Makes links and opens them.
#[derive(Debug, Clone)]
pub struct Links {
    key: CursorKey,
    /// Where clients reach the server; without it there are no links.
    public_url: Option<String>,
}

impl Links {
    /// Signs with this key; `public_url` has no slash at its end.
    pub fn new(key: CursorKey, public_url: &str) -> Self {
        let public_url = (!public_url.is_empty()).then(|| public_url.to_owned());
        Self { key, public_url }
    }

    /// Makes a link, where the server knows how it is reached.
    pub fn make(&self, purpose: Purpose, about: &Subject, now: Timestamp) -> Option<String> {
        let base = self.public_url.as_deref()?;
        Some(format!("{base}{}{}", purpose.path(), self.sign(purpose, about, now)))
    }

    fn sign(&self, purpose: Purpose, about: &Subject, now: Timestamp) -> String {
        let ends = Number(now.plus_ms(LIFE_MS).as_ms().unsigned_abs());
        let Subject { tenant, user, notification, delivery } = about;
        let parts =
            [tenant.to_string(), user.to_string(), notification.to_string(), delivery.to_string()];
        let positions = parts.map(|of| Position { of, number: ends }).to_vec();
        Cursor { epoch: Epoch(0), positions }.seal(&self.key, purpose.as_str())
    }

    /// Opens the signed part of a link; nothing when it is not ours, not for this, or has ended.
    pub fn open(&self, purpose: Purpose, signed: &str, now: Timestamp) -> Option<Subject> {
        let cursor = Cursor::open(&self.key, purpose.as_str(), signed).ok()?;
        let [tenant, user, notification, delivery] = cursor.positions.as_slice() else {
            return None;
        };
        if tenant.number.0 <= now.as_ms().unsigned_abs() {
            return None;
        }
        Some(Subject {
            tenant: Tenant::parse(&tenant.of).ok()?,
            user: UserId::parse(&user.of).ok()?,
            notification: NotificationId::parse(&notification.of).ok()?,
            delivery: DeliveryId::parse(&delivery.of).ok()?,
        })
    }

    /// Gives the URL of the server as others see it.
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn about() -> Subject {
        let id = "0192f0c1-7a3e-7cc2-98c1-000000000001";
        Subject {
            tenant: Tenant::parse("t").unwrap(),
            user: UserId::parse("u").unwrap(),
            notification: NotificationId::parse(id).unwrap(),
            delivery: DeliveryId::parse(id).unwrap(),
        }
    }

    #[test]
    fn a_link_opens_for_its_purpose_until_it_ends() {
        let links = Links::new(CursorKey::new([7; 32]), "https://push.example");
        let now = Timestamp::from_ms(1_000);
        let link = links.make(Purpose::Receipt, &about(), now).unwrap();
        let signed = link.strip_prefix("https://push.example/api/v1/receipts/").unwrap();
        assert_eq!(links.open(Purpose::Receipt, signed, now), Some(about()));
        assert_eq!(links.open(Purpose::Unsubscribe, signed, now), None);
        assert_eq!(links.open(Purpose::Receipt, signed, now.plus_ms(LIFE_MS)), None);
        let other = Links::new(CursorKey::new([8; 32]), "https://push.example");
        assert_eq!(other.open(Purpose::Receipt, signed, now), None);
        assert_eq!(links.open(Purpose::Receipt, &signed[1..], now), None);
    }

    #[test]
    fn a_server_that_does_not_know_how_it_is_reached_makes_none() {
        let links = Links::new(CursorKey::new([7; 32]), "");
        assert_eq!(links.make(Purpose::Receipt, &about(), Timestamp::from_ms(0)), None);
    }
}
