//! Landfall server.

pub mod auth;
