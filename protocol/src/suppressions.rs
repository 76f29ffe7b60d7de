//! Suppressions as admins see them: phone numbers and mailboxes to which nothing is sent.
//!
//! Shows no address, which the store does not know either; one is named to be let off again.

use landfall_core::channel::Channel;
use landfall_core::notify::FieldError;
use landfall_core::profile::{is_email, is_phone_number};
use serde::{Deserialize, Serialize};

use crate::names::ChannelName;
use crate::query::{Faults, Page, PageLimits, PageQuery};
use crate::text::{Secret, Time};

/// A phone number or mailbox to which nothing is sent, whoever has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuppressionItem {
    /// `sms` or `email`.
    pub channel: ChannelName,
    /// The beginning of the address's keyed hash, as the trail names it, too.
    pub address_hash: String,
    /// Why, with the provider's code where it said so.
    pub reason: String,
    /// Who said so: `provider` or `recipient`.
    pub source: String,
    /// Since when.
    pub suppressed_at: Time,
}

/// Parameters of the list of suppressions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct SuppressionsQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// On one channel: `sms` or `email`.
    pub channel: Option<String>,
}

impl SuppressionsQuery {
    /// Reads which part of the list, and of which channel.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<(Page, Option<Channel>), Vec<FieldError>> {
        let Self { limit, cursor, channel } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset: None, cursor }.page(limits, &mut faults);
        let channel = faults.read("channel", channel, ONE_OF, suppressible);
        faults.or((page, channel))
    }
}

const ONE_OF: &str = "must be one of sms, email";

fn suppressible(word: &str) -> Option<Channel> {
    Channel::parse(word).filter(|channel| matches!(channel, Channel::Sms | Channel::Email))
}

/// Names a suppressed address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SuppressedAddress {
    /// `sms` or `email`.
    pub channel: String,
    /// The phone number or mailbox.
    pub address: Secret,
}

impl SuppressedAddress {
    /// Reads the channel and the address.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(self) -> Result<(Channel, Secret), Vec<FieldError>> {
        let Self { channel, address } = self;
        let channel = suppressible(&channel);
        let channel = channel.ok_or_else(|| vec![FieldError::new("/channel", ONE_OF)])?;
        let (is_address, detail) = match channel {
            Channel::Email => {
                (is_email(&address.0), "must be an address such as sarah@example.org")
            }
            _ => (is_phone_number(&address.0), "must be + and 7 to 15 digits"),
        };
        if !is_address {
            return Err(vec![FieldError::new("/address", detail)]);
        }
        Ok((channel, address))
    }
}
