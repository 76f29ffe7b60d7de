//! Opening what leads to a person, for whoever sends to them.

use landfall_channels::{FcmTarget, Subscription};
use landfall_core::audit::Hash;
use landfall_core::channel::Channel;
use landfall_core::id::{Tenant, UserId};
use landfall_core::preference::Preferences;
use landfall_store::{
    Address, AddressKind, Person, Recipient, Sealed, StoreError, StoredPreferences,
};

use super::super::{ServiceError, Services};
use super::profile::looked_up_by;
use super::stored::{StoredAddress, preferences_of};
use crate::secret::Secret;
use crate::vault::{Opened, Place, Purpose, VaultError};

/// Where a push goes; prints without its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a browser.
    WebPush(Subscription),
    /// To an app through Firebase.
    Fcm(FcmTarget),
}

/// Says what an address of a kind is sealed as.
pub(super) const fn purpose_of(kind: AddressKind) -> Purpose {
    match kind {
        AddressKind::Fcm => Purpose::PushToken,
        AddressKind::WebPush => Purpose::Subscription,
    }
}

/// Reads stored preferences; what cannot be read of them is left out.
pub fn read_wishes(stored: Option<&StoredPreferences>) -> Preferences {
    stored.map(preferences_of).unwrap_or_default()
}

impl Services {
    /// Opens a person's phone number.
    ///
    /// # Errors
    /// `Store(Internal)` when it does not open: its key is gone, or the row was changed.
    pub fn open_phone(
        &self,
        tenant: &Tenant,
        person: &Person,
    ) -> Result<Option<Secret>, ServiceError> {
        self.open_text(tenant, &person.user, Purpose::Phone, person.phone.as_ref())
    }

    /// Opens a person's e-mail address.
    ///
    /// # Errors
    /// As [`Services::open_phone`].
    pub fn open_email(
        &self,
        tenant: &Tenant,
        person: &Person,
    ) -> Result<Option<Secret>, ServiceError> {
        self.open_text(tenant, &person.user, Purpose::Email, person.email.as_ref())
    }

    /// Opens an address that a device registered.
    ///
    /// # Errors
    /// As [`Services::open_phone`].
    pub fn open_address(&self, tenant: &Tenant, address: &Address) -> Result<Target, ServiceError> {
        let opened = self.opened(tenant, address).map_err(|error| unopened(&error))?;
        let stored = StoredAddress::read(&opened).ok_or_else(|| unopened(&VaultError::Damaged))?;
        stored.target().ok_or_else(|| unopened(&VaultError::Damaged))
    }

    /// Seals a phone number that a request brought along.
    pub fn seal_brought(&self, tenant: &Tenant, user: &UserId, phone: &str) -> Vec<u8> {
        let place = Place { tenant, user, purpose: Purpose::Phone };
        self.people.vault.seal(place, phone.as_bytes(), phone).bytes
    }

    /// Opens what [`Services::seal_brought`] sealed.
    ///
    /// # Errors
    /// As [`Services::open_phone`].
    pub fn open_brought(
        &self,
        tenant: &Tenant,
        user: &UserId,
        sealed: &[u8],
    ) -> Result<Secret, ServiceError> {
        let opened = self.open_text(tenant, user, Purpose::Phone, Some(&brought(sealed)))?;
        Ok(opened.unwrap_or_default())
    }

    /// Gives the keyed hash by which a phone number or mailbox is suppressed; `channel` is `Sms`
    /// or `Email`.
    pub fn address_hash(&self, tenant: &Tenant, channel: Channel, text: &str) -> Hash {
        let purpose = match channel {
            Channel::Email => Purpose::Email,
            Channel::Sms | Channel::Push | Channel::Websocket => Purpose::Phone,
        };
        self.people.vault.hash(tenant, purpose, &looked_up_by(purpose, text))
    }

    /// Reads what a recipient wants; what cannot be read of it is left out.
    pub fn wishes(&self, recipient: &Recipient) -> Preferences {
        read_wishes(recipient.preferences.as_ref())
    }

    /// Reads what a tenant set for all of its users.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn tenant_wishes(&self, tenant: &Tenant) -> Result<Preferences, ServiceError> {
        let stored = self.store.preferences(tenant, None).await?;
        Ok(read_wishes(stored.as_ref()))
    }

    pub(super) fn opened(&self, tenant: &Tenant, address: &Address) -> Result<Opened, VaultError> {
        let purpose = purpose_of(address.kind);
        let place = Place { tenant, user: &address.user, purpose };
        self.people.vault.open(place, &address.secret)
    }

    fn open_text(
        &self,
        tenant: &Tenant,
        user: &UserId,
        purpose: Purpose,
        sealed: Option<&Sealed>,
    ) -> Result<Option<Secret>, ServiceError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.people.vault.open(Place { tenant, user, purpose }, sealed);
        let opened = opened.map_err(|error| unopened(&error))?;
        let text = std::str::from_utf8(&opened).map_err(|_| unopened(&VaultError::Damaged))?;
        Ok(Some(Secret::new(text)))
    }
}

/// A number that was brought along is never looked up.
pub(super) fn brought(sealed: &[u8]) -> Sealed {
    Sealed { bytes: sealed.to_vec(), hash: [0; 32] }
}

/// What is sealed and does not open is the operator's trouble: the log tells which key is missing.
fn unopened(error: &VaultError) -> ServiceError {
    ServiceError::Store(StoreError::Internal(error.to_string().into()))
}
