//! Providers against servers that check what the real ones check, and can fail as they do.
//!
//! Every answer that is documented is a case here, and so is every way to get none.
#![allow(clippy::unwrap_used)]

mod callbacks;
mod fcm;
mod fcm_answers;
mod fcm_token;
mod letters;
mod mail_answers;
mod parcels;
mod sms;
