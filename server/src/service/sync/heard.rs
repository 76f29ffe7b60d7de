//! What devices say that they have: kept, so that an edit's base can be found for those that do not
//! name it.

use std::collections::HashMap;
use std::sync::Mutex;

use landfall_core::auth::Caller;
use landfall_core::feed::Number;
use landfall_core::id::{DeviceId, Tenant, UserId};
use landfall_core::time::Timestamp;
use landfall_store::{DeviceNext, Write};

use crate::service::revocations::unit_of;
use crate::service::{ServiceError, Services};

/// A device that has nothing new to say is written down again after so long.
const AGAIN_MS: i64 = 15 * 60 * 1_000;
/// Devices that are remembered; beyond that all are forgotten, and written down once more.
const DEVICES_MAX: usize = 50_000;

type Device = (Tenant, UserId, DeviceId);

/// What this node wrote down of devices, so that one that only asks whether there is news costs no write.
#[derive(Default)]
pub struct Heard(Mutex<HashMap<Device, (Number, Timestamp)>>);

impl Heard {
    /// Says whether something is to be written down, and takes it for done.
    fn is_news(&self, device: Device, place: Number, at: Timestamp) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = heard.get(&device);
        if known.is_some_and(|(last, then)| *last >= place && then.plus_ms(AGAIN_MS) > at) {
            return false;
        }
        if heard.len() >= DEVICES_MAX {
            heard.clear();
        }
        heard.insert(device, (place, at));
        true
    }

    fn forget(&self, device: &Device) {
        let mut heard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        heard.remove(device);
    }
}

impl Services {
    /// Keeps up to where a device has its user's own feed, and how many operations it says it has not
    /// sent yet, as far as it says so.
    pub(super) async fn heard_of(
        &self,
        caller: &Caller,
        device: &DeviceId,
        (place, pending): (Option<Number>, Option<u64>),
    ) -> Result<(), ServiceError> {
        let at = self.now();
        let who = (caller.tenant.clone(), caller.user.clone(), device.clone());
        let place = place.filter(|place| self.heard.is_news(who.clone(), *place, at));
        if place.is_none() && pending.is_none() {
            return Ok(());
        }
        let seen = DeviceNext::seen(&caller.user, device.as_str(), at);
        let mut unit = unit_of(caller);
        unit.writes.push(Write::Synced(Box::new(DeviceNext { place, pending, ..seen })));
        let kept = self.commit(unit).await;
        if kept.is_err() {
            self.heard.forget(&who);
        }
        Ok(kept.map(drop)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_news_is_written_down() {
        let heard = Heard::default();
        let who = |device| {
            let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("u").unwrap());
            (tenant, user, DeviceId::parse(device).unwrap())
        };
        let news =
            |device, place, ms| heard.is_news(who(device), Number(place), Timestamp::from_ms(ms));
        assert!(news("a", 5, 0));
        assert!(!news("a", 5, 1) && !news("a", 4, 2));
        assert!(news("a", 6, 3) && news("b", 5, 3));
        assert!(news("a", 6, 3 + AGAIN_MS));
        heard.forget(&who("a"));
        assert!(news("a", 6, 4 + AGAIN_MS));
    }
}
