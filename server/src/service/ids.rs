//! Makes ids and salts: the one place where a service draws random bytes.

use std::cell::RefCell;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use landfall_core::audit::{Details, Salt};
use landfall_core::id::{
    AddressId, ConflictId, DeliveryId, EventId, MessageId, NodeId, NotificationId, SendId,
};
use landfall_core::time::Timestamp;
use landfall_store::SaltedDetails;
use uuid::Uuid;

/// Makes ids and salts.
#[derive(Debug)]
pub struct Ids(SystemRandom);

/// Random bytes that wait to be given out, each once: the generator takes as long for a few as for
/// many.
struct Pool {
    bytes: [u8; 1_024],
    given: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 1_024], given: 1_024 }) };
}

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

    /// Draws random bytes, at most 64.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= 64) };
        POOL.with_borrow_mut(|Pool { bytes, given }| {
            if *given + N > bytes.len() {
                let drawn = self.0.fill(bytes);
                drawn.expect("the system's random generator works once it has started");
                *given = 0;
            }
            let mut next = [0; N];
            next.copy_from_slice(&bytes[*given..*given + N]);
            // What was given out is known nowhere else.
            bytes[*given..*given + N].fill(0);
            *given += N;
            next
        })
    }

    fn uuid_v7(&self, at: Timestamp) -> Uuid {
        let ms = u64::try_from(at.as_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &self.bytes()).into_uuid()
    }

    /// Names a message of a topic.
    pub fn message(&self, at: Timestamp) -> MessageId {
        MessageId(self.uuid_v7(at))
    }

    /// Names a node for as long as it runs (UUIDv7, RFC 9562).
    pub fn node(&self, at: Timestamp) -> NodeId {
        NodeId(self.uuid_v7(at))
    }

    /// Names a notification (UUIDv7, RFC 9562).
    pub fn notification(&self, at: Timestamp) -> NotificationId {
        NotificationId(self.uuid_v7(at))
    }

    /// Names an event (UUIDv7, RFC 9562).
    pub fn event(&self, at: Timestamp) -> EventId {
        EventId(self.uuid_v7(at))
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

    /// Names the conflict of the `nth` operation that is decided at once, so that names of one time stand
    /// in the order of the operations (UUIDv7 with a counter, RFC 9562, 6.2).
    pub fn conflict(&self, at: Timestamp, nth: usize) -> ConflictId {
        let mut bytes = self.uuid_v7(at).into_bytes();
        let [high, low] = u16::try_from(nth).unwrap_or(u16::MAX).to_be_bytes();
        // The version stays in the upper half.
        (bytes[6], bytes[7]) = (bytes[6] & 0xf0 | high & 0x0f, low);
        ConflictId(Uuid::from_bytes(bytes))
    }

    /// Names a device's session of sync (UUIDv7, RFC 9562).
    pub fn session(&self, at: Timestamp) -> Uuid {
        self.uuid_v7(at)
    }

    /// Names a file (UUIDv7, RFC 9562).
    pub fn file(&self, at: Timestamp) -> Uuid {
        self.uuid_v7(at)
    }

    /// Digests details with a fresh salt.
    pub fn salted(&self, details: Details) -> SaltedDetails {
        let salt: Salt = self.bytes();
        SaltedDetails::new(details, salt)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice() {
        let ids = Ids::new();
        let drawn: HashSet<[u8; 10]> = (0..10_000).map(|_| ids.bytes()).collect();
        let salts: HashSet<Salt> = (0..10_000).map(|_| ids.bytes()).collect();
        assert_eq!((drawn.len(), salts.len()), (10_000, 10_000));
        assert!(!drawn.contains(&[0; 10]));
    }

    #[test]
    fn conflicts_of_one_time_stand_in_the_order_of_their_operations() {
        let ids = Ids::new();
        let at = Timestamp::from_ms(1_768_464_000_000);
        let named: Vec<Uuid> = (0..300).map(|nth| ids.conflict(at, nth).0).collect();
        assert!(named.is_sorted());
        assert!(named.iter().all(|id| id.get_version_num() == 7));
    }
}
