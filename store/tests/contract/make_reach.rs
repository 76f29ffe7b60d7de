//! Values for the cases about reaching people: deliveries, people and their addresses.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::Next;
use landfall_core::id::{AddressId, DeliveryId, DeviceId};
use landfall_core::notification::{NewNotification, Priority};
use landfall_core::plan::{Reason, Strategy};
use landfall_core::time::Timestamp;
use landfall_store::{
    Address, AddressKind, Claiming, Delivery, NewDelivery, Person, Sealed, Settlement, Write,
};

use super::make::{at, notification_id, user};

pub fn delivery_id() -> DeliveryId {
    DeliveryId(notification_id().0)
}

pub fn address_id() -> AddressId {
    AddressId(notification_id().0)
}

/// Makes a push that is due at `due`, or waits for a failure.
pub fn new_delivery(position: u8, due: Option<Timestamp>) -> NewDelivery {
    NewDelivery {
        id: delivery_id(),
        channel: Channel::Push,
        position,
        address: None,
        state: DeliveryState::Queued,
        reason: Reason::ByDefault,
        due_at: due,
        strategy: Strategy::Fallback,
        escalate_after_ms: None,
        to: None,
    }
}

pub fn enqueue(of: &NewNotification, priority: Priority, deliveries: Vec<NewDelivery>) -> Write {
    Write::Enqueue {
        notification: of.id,
        user: of.user.clone(),
        priority,
        at: of.created_at,
        deliveries,
    }
}

/// Asks for whatever push is due at `now`, for a second.
pub fn claiming(now: i64) -> Claiming {
    Claiming {
        channel: Channel::Push,
        now: at(now),
        lease_until: at(now + 1_000),
        after: None,
        tenants: 100,
        per_tenant: 100,
        limit: 1_000,
    }
}

pub fn ids(deliveries: &[Delivery]) -> Vec<DeliveryId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

/// Gives the next place its turn after a failure.
pub fn next(state: DeliveryState) -> Next {
    match state {
        DeliveryState::Failed | DeliveryState::Skipped => Next::DueNow,
        _ => Next::Wait,
    }
}

/// Says that a claimed delivery was tried and stands so now.
pub fn settlement(of: &Delivery, state: DeliveryState, ms: i64) -> Settlement {
    Settlement {
        id: of.id,
        claim: of.claim,
        state,
        reason: Reason::Requested,
        due_at: None,
        ask_at: None,
        is_attempt: true,
        code: None,
        reference: None,
        provider: None,
        at: at(ms),
        address: None,
        split: vec![],
        next: next(state),
    }
}

pub fn settle(of: &Delivery, state: DeliveryState, ms: i64) -> Write {
    Write::Settle(Box::new(settlement(of, state, ms)))
}

pub fn sealed(byte: u8) -> Sealed {
    Sealed { bytes: vec![byte, 0, 255], hash: [byte; 32] }
}

/// Gives what a user is known by when they are first written of.
pub fn person(name: &str) -> Person {
    Person {
        user: user(name),
        name: Some(format!("Ünï {name}")),
        email: Some(sealed(1)),
        phone: Some(sealed(2)),
        locale: Some("es-MX".into()),
        tz: Some("America/Mexico_City".into()),
        created_at: at(0),
        updated_at: at(1),
        version: 1,
    }
}

/// Makes an address whose token is told apart by one byte, on a device of that number.
pub fn address(name: &str, token: u8, device: Option<u8>) -> Address {
    let device = device.map(|number| DeviceId::parse(&format!("device {number}")).unwrap());
    Address {
        id: address_id(),
        user: user(name),
        kind: AddressKind::Fcm,
        secret: sealed(token),
        platform: "android".into(),
        device,
        is_active: true,
        created_at: at(i64::from(token)),
        seen_at: at(i64::from(token)),
    }
}

pub fn put_address(address: &Address) -> Write {
    Write::PutAddress(Box::new(address.clone()))
}
