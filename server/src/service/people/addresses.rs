//! What devices register to be reached: push tokens and subscriptions (S0, S3).
//!
//! One device's new address replaces its old one; an address that moves to another user leaves the
//! first. Lists show the ends of addresses alone.

use landfall_channels::FcmTarget;
use landfall_core::address::Platform;
use landfall_core::audit::{Action, Entity, Hash};
use landfall_core::auth::Caller;
use landfall_core::id::{AddressId, DeviceId};
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use landfall_store::{Address, AddressKind, StoreError, Write};
use serde_json::json;

use super::super::revocations::unit_of;
use super::super::{ServiceError, Services};
use super::reach::{Target, purpose_of};
use super::stored::StoredAddress;
use crate::secret::Secret;
use crate::vault::{Opened, Place};

/// Bytes of a push token: Firebase's have about 200, and 4,096 at most.
const TOKEN_BYTES_MAX: usize = 4_096;
/// An address that is registered again unchanged is written again after this: apps register at
/// every start, and when it was last seen need not be known to the minute.
const SEEN_AGAIN_MS: i64 = 3_600_000;
/// Shorter texts are masked as a whole, because their end would be half of them.
const MASK_CHARS_MIN: usize = 16;

/// A push token to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDraft {
    /// As Firebase names the app.
    pub target: FcmTarget,
    /// What the device runs.
    pub platform: Platform,
    /// Which device it is.
    pub device: Option<DeviceId>,
    /// Whether it is used.
    pub is_active: bool,
}

/// A registered address as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressView {
    /// Its name.
    pub id: AddressId,
    /// The end of the token or endpoint; nothing of one that does not open.
    pub shown: String,
    /// The end of a subscription's public key.
    pub key_shown: String,
    /// What the device runs.
    pub platform: Platform,
    /// Which device it is.
    pub device: Option<DeviceId>,
    /// Whether it is used.
    pub is_active: bool,
    /// When it was first registered.
    pub created_at: Timestamp,
    /// When it was last registered.
    pub seen_at: Timestamp,
}

/// What registering did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The address.
    pub view: AddressView,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// An address that has been checked.
pub(super) struct Draft {
    pub kind: AddressKind,
    /// What is sealed.
    pub text: Opened,
    /// What it is found by.
    pub looked_up_by: Secret,
    pub platform: Platform,
    pub device: Option<DeviceId>,
    pub is_active: bool,
}

impl Services {
    /// Registers a push token of the caller.
    ///
    /// # Errors
    /// `Invalid` for what cannot be a token.
    pub async fn register_token(
        &self,
        caller: &Caller,
        draft: TokenDraft,
    ) -> Result<Registration, ServiceError> {
        let TokenDraft { target, platform, device, is_active } = draft;
        let (pointer, name) = match &target {
            FcmTarget::Token(token) => ("/token", token),
            FcmTarget::InstallationId(id) => ("/fid", id),
        };
        check_token(pointer, name)?;
        let looked_up_by = Secret::new(name);
        let text = match &target {
            FcmTarget::Token(token) => StoredAddress::FcmToken { token: token.into() },
            FcmTarget::InstallationId(id) => StoredAddress::FcmInstallation { id: id.into() },
        };
        let (kind, text) = (AddressKind::Fcm, text.text());
        let draft = Draft { kind, text, looked_up_by, platform, device, is_active };
        self.register(caller, draft).await
    }

    /// Lists the caller's addresses of a kind, newest first.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn own_addresses(
        &self,
        caller: &Caller,
        kind: AddressKind,
    ) -> Result<Vec<AddressView>, ServiceError> {
        let addresses = self.store.addresses(&caller.tenant, &caller.user, kind).await?;
        Ok(addresses.iter().map(|address| self.view(caller, address)).collect())
    }

    /// Removes one of the caller's addresses by its name.
    ///
    /// # Errors
    /// `NotFound` when it is not there, or not theirs.
    pub async fn remove_address(
        &self,
        caller: &Caller,
        kind: AddressKind,
        id: AddressId,
    ) -> Result<(), ServiceError> {
        let found = self.store.address(&caller.tenant, id).await?;
        let theirs = found.filter(|one| one.user == caller.user && one.kind == kind);
        self.remove(caller, theirs.ok_or(not_there(kind))?).await
    }

    /// Removes one of the caller's addresses by its token or endpoint.
    ///
    /// # Errors
    /// `NotFound` when it is not there, or not theirs.
    pub async fn remove_address_by_text(
        &self,
        caller: &Caller,
        kind: AddressKind,
        text: &str,
    ) -> Result<(), ServiceError> {
        let hash = self.people.vault.hash(&caller.tenant, purpose_of(kind), text);
        let found = self.own_by_hash(caller, kind, hash).await?;
        self.remove(caller, found.ok_or(not_there(kind))?).await
    }

    pub(super) async fn own_by_hash(
        &self,
        caller: &Caller,
        kind: AddressKind,
        hash: Hash,
    ) -> Result<Option<Address>, ServiceError> {
        let found = self.store.address_by_hash(&caller.tenant, hash).await?;
        Ok(found.filter(|address| address.user == caller.user && address.kind == kind))
    }

    async fn remove(&self, caller: &Caller, address: Address) -> Result<(), ServiceError> {
        let kind = address.kind;
        let mut unit = unit_of(caller);
        unit.writes.push(Write::RemoveAddress { user: address.user.clone(), id: address.id });
        unit.audit.push(self.address_entry(caller, Action::AddressRemoved, &address));
        match self.commit(unit).await {
            // Somebody else removed it meanwhile.
            Err(StoreError::Stale) => Err(not_there(kind)),
            committed => Ok(committed.map(|_| ())?),
        }
    }

    /// Writes an address, unless it stands there just so and was seen lately.
    pub(super) async fn register(
        &self,
        caller: &Caller,
        draft: Draft,
    ) -> Result<Registration, ServiceError> {
        let Draft { kind, text, looked_up_by, platform, device, is_active } = draft;
        let vault = &self.people.vault;
        let purpose = purpose_of(kind);
        let hash = vault.hash(&caller.tenant, purpose, looked_up_by.expose());
        let old = self.own_by_hash(caller, kind, hash).await?;
        let now = self.now();
        let is_new = old.is_none();
        let is_same = |old: &Address| {
            old.platform == platform.as_str()
                && old.device == device
                && old.is_active == is_active
                && vault.is_current(&old.secret)
                && self.opened(&caller.tenant, old).is_ok_and(|opened| *opened == *text)
        };
        let unchanged = old.as_ref().filter(|old| is_same(old));
        if let Some(old) = unchanged.filter(|old| now < old.seen_at.plus_ms(SEEN_AGAIN_MS)) {
            return Ok(Registration { view: self.view(caller, old), is_new });
        }
        let place = Place { tenant: &caller.tenant, user: &caller.user, purpose };
        let address = Address {
            id: old.as_ref().map_or_else(|| self.ids.address(now), |old| old.id),
            user: caller.user.clone(),
            kind,
            secret: vault.seal(place, &text, looked_up_by.expose()),
            platform: platform.as_str().to_owned(),
            device: device.clone(),
            is_active,
            created_at: old.as_ref().map_or(now, |old| old.created_at),
            seen_at: now,
        };
        let mut unit = unit_of(caller);
        if unchanged.is_none() {
            unit.audit.push(self.address_entry(caller, Action::AddressAdded, &address));
        }
        unit.writes.push(Write::PutAddress(Box::new(address.clone())));
        self.commit(unit).await?;
        // Where two registered it at once, the first one's name stays.
        let stored = self.own_by_hash(caller, kind, hash).await?.unwrap_or(address);
        Ok(Registration { view: self.view(caller, &stored), is_new })
    }

    fn address_entry(
        &self,
        caller: &Caller,
        action: Action,
        address: &Address,
    ) -> landfall_store::AuditDraft {
        let metadata = json!({
            "kind": address.kind.as_str(),
            "platform": address.platform,
            "device_id": address.device.as_ref().map(DeviceId::as_str),
        });
        let entity = Entity::Other("address", address.id.to_string());
        self.entry_about(caller, &address.user, action, entity, metadata)
    }

    fn view(&self, caller: &Caller, address: &Address) -> AddressView {
        let (shown, key_shown) = match self.open_address(&caller.tenant, address) {
            Ok(target) => shown(&target),
            Err(error) => {
                tracing::error!(address = %address.id, cause = error.cause(), "does not open");
                (MASK.to_owned(), MASK.to_owned())
            }
        };
        AddressView {
            id: address.id,
            shown,
            key_shown,
            platform: Platform::parse(&address.platform).unwrap_or(Platform::Web),
            device: address.device.clone(),
            is_active: address.is_active,
            created_at: address.created_at,
            seen_at: address.seen_at,
        }
    }
}

const fn not_there(kind: AddressKind) -> ServiceError {
    ServiceError::NotFound(match kind {
        AddressKind::Fcm => "device token",
        AddressKind::WebPush => "subscription",
    })
}

fn check_token(pointer: &str, text: &str) -> Result<(), ServiceError> {
    let is_token =
        (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if is_token {
        return Ok(());
    }
    let detail = format!("must be 1 to {TOKEN_BYTES_MAX} visible ASCII characters");
    Err(ServiceError::Invalid(vec![FieldError::new(pointer, detail)]))
}

/// Stands for what is not shown.
pub(super) const MASK: &str = "…";

/// Shows the end of a text that is long enough to be told by it alone.
fn masked(text: &str) -> String {
    let chars = text.chars().count();
    let skipped = if chars < MASK_CHARS_MIN { chars } else { chars - 4 };
    MASK.chars().chain(text.chars().skip(skipped)).collect()
}

fn shown(target: &Target) -> (String, String) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    match target {
        Target::Fcm(FcmTarget::Token(text) | FcmTarget::InstallationId(text)) => {
            (masked(text), MASK.to_owned())
        }
        Target::WebPush(subscription) => {
            let endpoint = subscription.endpoint.as_str();
            let origin = endpoint.match_indices('/').nth(2).map_or("", |(at, _)| &endpoint[..=at]);
            let key = URL_SAFE_NO_PAD.encode(&subscription.p256dh);
            (format!("{origin}{}", masked(&endpoint[origin.len()..])), masked(&key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_ends_alone() {
        assert_eq!(masked("0123456789abcdef"), "…cdef");
        assert_eq!(masked("0123456789abcde"), "…");
        let target = |endpoint: &str| {
            let (p256dh, auth) = (vec![4; 65], vec![1; 16]);
            let endpoint = endpoint.to_owned();
            let server_key = None;
            shown(&Target::WebPush(landfall_channels::Subscription {
                endpoint,
                p256dh,
                auth,
                server_key,
            }))
        };
        let (endpoint, key) = target("https://push.example.org/wpush/v2/gAAAAABl-secret-f3a9");
        assert_eq!(endpoint, "https://push.example.org/…f3a9");
        assert_eq!(key, "…EBAQ");
        assert_eq!(target("https://push.example.org/short").0, "https://push.example.org/…");
    }

    #[test]
    fn a_token_is_one_visible_word() {
        for good in ["a", "dGVzdA:APA91b-_x", &"t".repeat(4_096)] {
            assert!(check_token("/token", good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\nb", "é", &"t".repeat(4_097)] {
            assert!(check_token("/token", bad).is_err(), "{bad}");
        }
    }
}
