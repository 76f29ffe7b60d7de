//! Makes ids and salts: the one place where a service draws random bytes.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use landfall_core::audit::{Details, Salt};
use landfall_core::id::{AddressId, DeliveryId, NotificationId, SendId};
use landfall_core::time::Timestamp;
use landfall_store::SaltedDetails;
use uuid::Uuid;

/// Makes ids and salts.
#[derive(Debug)]
pub struct Ids(SystemRandom);

impl Default for Ids {
    fn default() -> Self {
        Self::new()
    }
}

impl Ids {
    /// Draws from the system's generator.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    /// Draws random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes).expect("the system's random generator works once it has started");
        bytes
    }

    fn uuid_v7(&self, at: Timestamp) -> Uuid {
        let ms = u64::try_from(at.as_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &self.bytes()).into_uuid()
    }

    /// Names a notification (UUIDv7, RFC 9562).
    pub fn notification(&self, at: Timestamp) -> NotificationId {
        NotificationId(self.uuid_v7(at))
    }

    /// Names a send (UUIDv7, RFC 9562).
    pub fn send(&self, at: Timestamp) -> SendId {
        SendId(self.uuid_v7(at))
    }

    /// Names a delivery (UUIDv7, RFC 9562).
    pub fn delivery(&self, at: Timestamp) -> DeliveryId {
        DeliveryId(self.uuid_v7(at))
    }

    /// Names an address (UUIDv7, RFC 9562).
    pub fn address(&self, at: Timestamp) -> AddressId {
        AddressId(self.uuid_v7(at))
    }

    /// Digests details with a fresh salt.
    pub fn salted(&self, details: Details) -> SaltedDetails {
        let salt: Salt = self.bytes();
        SaltedDetails::new(details, salt)
    }
}
