//! Landfall channels.
