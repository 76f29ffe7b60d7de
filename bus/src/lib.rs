//! Landfall bus.
