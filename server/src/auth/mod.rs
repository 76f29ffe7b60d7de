//! Bearer tokens: where they stand in a request, which key signed them, and whom they name.
//!
//! Nothing here may log, store or echo a token or a secret, read the wall clock, or touch the store: a token that was revoked
//! is found out elsewhere, by the `token_id` and `user` of the [`Caller`](landfall_core::auth::Caller).

mod alg;
pub mod bearer;
mod claims;
mod error;
pub mod jwks;
mod keys;
mod material;
mod verifier;

pub use alg::Alg;
pub use claims::DEFAULT_TENANT;
pub use error::{AuthError, SetupError, SetupErrors};
pub use keys::{KeyConfig, Tenants};
pub use material::Material;
pub use verifier::{MAX_TOKEN_BYTES, Policy, Verifier};
