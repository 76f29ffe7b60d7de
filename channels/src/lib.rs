//! The channels that lead out of the server, each behind one small trait.
//!
//! A provider (push service, SMS gateway, mail server) belongs here, one file or folder each: it
//! takes a parcel to where it goes and says how that ended. Nothing here stores, plans or retries.

pub mod connect;
pub mod email;
pub mod fcm;
pub mod gate;
mod json_text;
mod operator;
mod outcome;
mod parcel;
mod provider;
mod registry;
#[cfg(any(test, feature = "scripted"))]
pub mod scripted;
pub mod sms;
pub mod web_push;

pub use outcome::Outcome;
pub use parcel::{Email, FcmTarget, Load, LoadKind, Note, Parcel, Sms, Subscription};
pub use provider::{Attempt, Inquiry, NoAnswer, Provider, Turn, Wait};
pub use registry::Registry;
